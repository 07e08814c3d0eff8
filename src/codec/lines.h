/* Lines: what all formats of one record per line share.  A stream is cut at '\n'; carriage returns before it belong to it; a
 * byte order mark in front of a line is dropped; a line longer than FEED_RECORD_MAX is rejected once and passed over in
 * whatever pieces it comes. */
#ifndef CODEC_LINES_H
#define CODEC_LINES_H

#include "codec/draft.h"

/** State of a format; formats that keep more begin their own state with it. */
struct lines {
	uint8_t stance;
	bool inside; /**< in a line that is rejected already */
};

/** Read one line, without its end, into `d` (begun): claims, draft_skip() or draft_reject(). */
typedef void line_reader(void *state, struct span line, struct draft *d);

/** The four functions of a struct feed_format, for a state that is a struct lines. */
void lines_start(void *state, const struct feed_options *o);
void lines_save(const void *state, struct buf *out);
enum err lines_load(void *state, struct span token);
/** `state` is a struct lines, or begins with one. */
enum err lines_parse(void *state, struct span in, bool last, line_reader *read, feed_sink *sink, void *ctx, size_t *ret_used)
	MUST_USE;

/** What a reader makes of the beginning of a stream. */
struct survey {
	unsigned lines, claims, rejected;
	unsigned prefixes; /**< of the claims: networks */
	unsigned others;   /**< skipped as a URL path or AS number: things that lists hold, and no observables */
	unsigned headings; /**< skipped as prose, or as anything else that lists do not consist of */
};
/** `state_size`: of a state that is all zero at the start. */
void lines_survey(struct span head, bool whole, line_reader *read, size_t state_size, struct survey *ret_survey);
/** `best` when every line that says something is understood, 0 when none is, in between by their share. */
int survey_sure(const struct survey *s, int best);

/** How sure: survey_sure() of a survey, 0 for markup. */
int lines_sniff(struct span head, bool whole, line_reader *read, int best);

/** A format that is a line_reader and nothing else: defines `symbol`, a struct feed_format.  `sniff_` as in there. */
#define LINES_FORMAT_SNIFFED(symbol, name_, title_, read, sniff_)                                                      \
	static enum err symbol##_parse(void *state, struct span in, bool last, feed_sink *sink, void *ctx, size_t *ret_used,  \
				       struct fault *f)                                                                        \
	{                                                                                                                      \
		(void)f;                                                                                                       \
		return lines_parse(state, in, last, read, sink, ctx, ret_used);                                                \
	}                                                                                                                      \
	const struct feed_format symbol = {                                                                                    \
		.name = name_, .title = title_, .sniff = sniff_, .state_size = sizeof(struct lines), .start = lines_start,     \
		.parse = symbol##_parse, .save = lines_save, .load = lines_load,                                               \
	}

/** The same, recognised where nearly all lines are understood; `best`: how sure it then is. */
#define LINES_FORMAT(symbol, name_, title_, read, best)                                                                \
	static int symbol##_sniff(struct span head, bool whole, const char *filename)                                          \
	{                                                                                                                      \
		(void)filename;                                                                                                \
		return lines_sniff(head, whole, read, best);                                                                   \
	}                                                                                                                      \
	LINES_FORMAT_SNIFFED(symbol, name_, title_, read, symbol##_sniff)

/** The first octets say that this is JSON, XML, HTML or a Zeek log. */
bool text_is_markup(struct span head);

/** Most lines hold more words than lists have: a log or running text.  Comments, table rows and '|' do not count. */
bool text_is_wordy(struct span head, unsigned words);

/** Take the next run of octets that are not white space off the front of `*rest`; empty at the end. */
struct span word_next(struct span *rest);
/** What is in front of the first blank that is followed by '#', without blanks at its end. */
struct span line_without_comment(struct span line);

#endif
