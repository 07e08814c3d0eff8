/* What sipar source does with sources that are pulled: its options for them, their settings, a pull now, how they fare. */
#ifndef CLI_SOURCE_PULL_H
#define CLI_SOURCE_PULL_H

#include "cli/option.h"
#include "cli/verb.h"
#include "peer/health.h"
#include "peer/pulls.h"

/** Zero-initialised: none was given. */
struct pull_options {
	const char *url, *url_file, *every, *lane, *format, *column, *collection, *max_size, *timeout, *proxy, *ca_file, *header_file, *key_file;
	bool insecure, allow_empty, anew;
};

#define PULL_OPTION_ROWS(o)                                                                                                                        \
	OPTION_WORD(&(o)->url, "url", "URL", "pull it from there: https://, taxii+https://, misp+https://; off: not any more"),                    \
	OPTION_WORD(&(o)->url_file, "url-file", "FILE", "the same, out of a file, where the URL is a secret"),                                     \
	OPTION_WORD(&(o)->every, "every", "TIME", "how often: 90s, 10m, 6h, 1d"),                                                                  \
	OPTION_WORD(&(o)->lane, "lane", "LANE", "lane that is written to (default: public)"),                                                      \
	OPTION_WORD(&(o)->key_file, "key-file", "FILE", "USER:PASSWORD (Basic), or a key (Bearer; MISP: as it is); it is kept"),                   \
	OPTION_WORD(&(o)->header_file, "header-file", "FILE", "lines \"Name: value\" that go with each request; they are kept"),                   \
	OPTION_WORD(&(o)->format, "format", "NAME", "feed format of a URL, instead of finding it out"),                                            \
	OPTION_WORD(&(o)->column, "column", "NAME", "CSV, JSON lines of a URL: the field that holds the value"),                                   \
	OPTION_WORD(&(o)->collection, "collection", "ID", "TAXII: one collection, by id, alias or title (default: all)"),                          \
	OPTION_WORD(&(o)->max_size, "max-size", "SIZE", "refuse more: 200k, 64m, 2g (default: 512m)"),                                             \
	OPTION_WORD(&(o)->timeout, "timeout", "TIME", "for one request (default: 10m; 30s without an octet)"),                                     \
	OPTION_WORD(&(o)->proxy, "proxy", "URL", "HTTP proxy, or none (default: that of the environment)"),                                        \
	OPTION_WORD(&(o)->ca_file, "ca-file", "FILE", "certificates, PEM, of those who are trusted instead of the system's"),                      \
	OPTION_SWITCH(&(o)->insecure, "insecure-http", "let http:// go to other machines, too"),                                                   \
	OPTION_SWITCH(&(o)->allow_empty, "allow-empty", "let a feed in which nothing is accepted empty a snapshot"),                               \
	OPTION_SWITCH(&(o)->anew, "anew", "pull: from the start, whether or not it has changed")

/** Was any of them given that is a setting? */
bool pull_options_given(const struct pull_options *o);
/** The settings `p` (blank: new) with the options over them, checked.
 *  @param cwd  that files are under.
 *  @param ret_off   --url off.
 *  @param ret_keys  false: there were keys, and they are dropped: the server is another one.
 *  @return ERR_USAGE; ERR_NOTFOUND, ERR_IO ...: a file. */
enum err pull_options_apply(const struct pull_options *o, int cwd, struct pull *p, bool *ret_off, bool *ret_keys, struct fault *f) MUST_USE;
/** `source pull NAME`: its exit code. */
int source_pull_now(struct verb_env *env, const char *name, bool json, bool anew);
/** The member "pull" of a source, or what stands behind its line; NULL: it is not pulled. */
void source_pull_json(struct verb_env *env, const struct pull *p, struct buf *out);
void source_pull_text(struct verb_env *env, const struct pull *p, bool whole, struct buf *out);

#endif
