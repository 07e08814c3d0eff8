/* Feeds: named selections that faces serve, and the consumers of each, with their keys.
 *
 * They stand in DIR/feeds.conf, mode 0600 for the keys' sake, one a line, as "sipar feed" writes them; "feed = NAME word=value" in
 * DIR/sipar.conf adds selections for snapshots.  A set is immutable; a change writes the file anew and makes another set.
 *
 *   feed NAME type=rpz reasons=phishing,c2 zone=rpz.example notify=192.0.2.53:53 ...
 *   consumer FEED NAME SECRET-IN-BASE64 [addresses]
 *   raised NUMBER
 *
 * gate/feed.c has the words, gate/feed_set.c the set and its consumers, gate/feed_file.c the file, gate/feed_items.c what is in a feed. */
#ifndef GATE_FEED_H
#define GATE_FEED_H

#include "codec/feed.h"
#include "gate/docket.h"

enum { FEED_NAME_MAX = 63, FEED_LANES_MAX = 511, FEEDS_MAX = 64, FEED_TEXT_MAX = 255, CONSUMERS_MAX = 256, FEED_SECRET = 32 };

enum feed_type {
	FEED_SNAPSHOT, /**< claims, as one signed file: gate/export.h */
	FEED_RPZ,      /**< decisions, as a response policy zone */
	FEED_LIST,     /**< decisions, as lists over HTTP and by the CrowdSec API */
	FEED_TYPES
};

/** What a resolver answers for a name that is blocked (RPZ). */
enum feed_answer { ANSWER_NXDOMAIN, ANSWER_NODATA, ANSWER_DROP, ANSWER_GARDEN /**< a walled garden: CNAME to feed.garden */ };

struct feed {
	char name[FEED_NAME_MAX + 1];    /**< [a-z0-9._-]+; "": none */
	uint8_t type;
	/* snapshot */
	char lanes[FEED_LANES_MAX + 1];  /**< names with commas; "": those of the audience */
	uint8_t audience;                /**< enum tlp: lanes for all that this level or a wider one has */
	uint8_t kinds, min_score;        /**< kinds: of rpz and list, too */
	uint32_t categories;
	/* rpz and list: decisions */
	force wanted;                    /**< blocks of these reasons; of a list challenges, too */
	bool passthru;                   /**< rpz: what is protected by "sipar protect" is served as rpz-passthru */
	uint8_t answer;                  /**< rpz: enum feed_answer */
	char zone[FEED_TEXT_MAX + 1];    /**< rpz: the zone's name, without a final dot; its own name when it was not given */
	char garden[FEED_TEXT_MAX + 1];
	char notify[FEED_TEXT_MAX + 1];  /**< rpz: "ADDR:PORT" with commas: who gets NOTIFY besides consumers with addresses */
	char allow[FEED_TEXT_MAX + 1];   /**< rpz: addresses and prefixes that may transfer without TSIG, with commas; "": none */
	bool tls_only;                   /**< rpz: transfers over TLS alone */
	uint32_t ttl_s, refresh_s;       /**< rpz; 30 and 60 */
	uint32_t max;                    /**< list: at most so many values, the most important first; 0: no cap */
	bool open;                       /**< list: for everybody, without a key */
	uint64_t from;                   /**< serial at which it became what it is: before, and at that serial, it may have been something else */
	uint64_t raised;                 /**< rpz: by how much its zone's serial is above that of the decisions; see feeds_raise() */
};

/** What goes into a snapshot: see gate/export.h. */
struct selection {
	const char *feed;      /**< name of the selection; "": none */
	clearance clear;
	uint8_t kinds;         /**< KINDS_*: keys of these */
	uint8_t min_score;     /**< 0: all */
	uint32_t categories;   /**< a bit each; 0: all */
};
/* With a least score or categories, a key stays when the answer about it, at the time of the export, has them; of another, only
 * the claims stay that protect it or say what it is. */

/** One that takes a feed.  Its one secret is its TSIG key (hmac-sha256, named "NAME.FEED"), and its API key is made of it. */
struct consumer {
	char feed[FEED_NAME_MAX + 1], name[FEED_NAME_MAX + 1];
	uint8_t secret[FEED_SECRET];
	char notify[FEED_TEXT_MAX + 1]; /**< "ADDR:PORT" with commas: where it hears NOTIFY, signed with its key */
};

struct feeds {
	unsigned held;  /**< private: feeds_hold() */
	unsigned n, n_consumers;
	uint64_t raised; /**< how often a zone has become another one without a decision */
	struct feed v[FEEDS_MAX];
	struct consumer consumer[CONSUMERS_MAX];
};

/** Everything that is for everybody; of a list or rpz all reasons. */
void feed_defaults(struct feed *feed);
/** "snapshot", "rpz", "list". */
const char *feed_type_name(enum feed_type t);
/** One word of it.  @return ERR_USAGE with a sentence: there is no such word, or it does not take the value. */
enum err feed_set(struct feed *feed, struct span word, struct span value, struct fault *f) MUST_USE;
/** When all words are set: do they go together, and with the other feeds (those of another name)?
 *  @return ERR_USAGE; ERR_EXISTS: another one serves the zone. */
enum err feed_check(const struct feed *feed, const struct feeds *others, struct fault *f) MUST_USE;
/** Its name where only letters, digits and '_' are taken and the first one is a letter (nftables, ipset), at most 22 octets; long names are cut
 *  and told apart by a hash. */
enum { FEED_SET_NAME_MAX = 22 };
void feed_set_name(const struct feed *feed, char ret_name[FEED_SET_NAME_MAX + 1]);
/** Has a consumer of the one other values, or other records for them, than by the other?  Then it became what it is with `from`. */
bool feed_differs(const struct feed *a, const struct feed *b);
/** A number for what the feed selects: another selection, another number (but for one case in 2^32).  Who has something of the feed
 *  with this number may be told what has changed since; else, of a serial that is not above feed.from, that is not known. */
uint32_t feed_epoch(const struct feed *feed);
/** "NAME word=value word=value", without what is as feed_defaults() has it. */
void feed_put(const struct feed *feed, struct buf *out);

/** An empty set, held once. */
struct feeds *feeds_new(void);
/** Immutable ones may have several holders; the last to drop it frees it, and its keys are overwritten.  NULL is taken.  Any thread. */
const struct feeds *feeds_hold(const struct feeds *feeds);
void feeds_drop(const struct feeds *feeds);
/** "NAME word=value word=value": one more.  @return ERR_USAGE; ERR_EXISTS; ERR_FULL. */
enum err feeds_add(struct feeds *feeds, struct span text, struct fault *f) MUST_USE;
/** With its consumers.  @return ERR_NOTFOUND. */
enum err feeds_remove(struct feeds *feeds, const char *name, struct fault *f) MUST_USE;
/** The zone of a feed is another one than resolvers have, though nothing was decided: its serial is above all that any zone of that name had at
 *  the same decisions, now and before, so that they fetch it.  The number is kept with the feed in feeds.conf, content and serial change by one
 *  rename of that file, and a serial of a zone means one content.  A feed that is added has the number of all of them, since its
 *  zone may have been that of one that was removed. */
void feeds_raise(struct feeds *feeds, struct feed *feed);
/** NULL: none of that name. */
const struct feed *feeds_find(const struct feeds *feeds, const char *name);

/** One more, or another secret or other addresses for one that is there.
 *  @param secret  FEED_SECRET octets; NULL: those that it has, or random ones.  @param notify  NULL: those that it has.
 *  @return ERR_NOTFOUND: no such feed; ERR_USAGE; ERR_FULL. */
enum err feeds_consumer_set(struct feeds *feeds, const char *feed, const char *name, const uint8_t *secret, const char *notify,
			    struct fault *f) MUST_USE;
/** @return ERR_NOTFOUND. */
enum err feeds_consumer_remove(struct feeds *feeds, const char *feed, const char *name, struct fault *f) MUST_USE;
const struct consumer *feeds_consumer(const struct feeds *feeds, const char *feed, const char *name);
/** By API key, in constant time for each.  NULL: none. */
const struct consumer *feeds_api_key(const struct feeds *feeds, struct span key);
/** The API key of a consumer, 40 hexadecimal digits, appended: the start of SHA-256("sipar-api-key" || secret). */
void consumer_api_key(const struct consumer *c, struct buf *out);
/** The label in front of a keyed DNS list, likewise from "sipar-dns-key": another one, since every resolver on the way reads it. */
void consumer_dns_key(const struct consumer *c, struct buf *out);
/** Name of its TSIG key: "nayatel.isp-rpz". */
void consumer_tsig_name(const struct consumer *c, struct buf *out);

/** What the gate needs of a snapshot's selection.  @return ERR_NOTFOUND: a lane that it names is not there. */
enum err feed_selection(const struct feed *feed, struct ledger *l, struct selection *ret_selection, struct fault *f) MUST_USE;

/** The text of feeds.conf, added to what is in `feeds`.  @param name  of the file, for the fault.  @return ERR_USAGE with file and line. */
enum err feeds_parse(struct span text, const char *name, struct feeds *feeds, struct fault *f) MUST_USE;
/** DIR/feeds.conf, added to what is in `feeds`; a missing file is no error.
 *  @return as feeds_parse(); ERR_FORBIDDEN: others may read it; ERR_RANGE: it is too large; ERR_IO. */
enum err feeds_read(const char *dir, struct feeds *feeds, struct fault *f) MUST_USE;
/** Write the file anew, durable, by rename. */
enum err feeds_write(const char *dir, const struct feeds *feeds, struct fault *f) MUST_USE;

/* ---- what is in a feed ---- */

/** By what a feed blocks a value: itself, or the nearest name or prefix that covers it; of what is protected nothing is blocked.
 *  For those who count, not for those who enforce: the guard is not asked.  Reader of the docket's table.
 *  @param ret_value  its key points into the view: until table_leave().  @return false: it does not. */
bool feed_blocks(const struct table_view *v, const struct feed *feed, const struct observable *o, uint32_t tick_s, struct observable *ret_value);

/** One key of a feed: what is wanted of it. */
struct feed_item {
	struct table_key key;
	force self, below;   /**< bits of feed.wanted (and FORCE_PROTECT with passthru); both 0: gone, of a change */
	force was_self, was_below; /**< of feed_read_since(): the same at the serial asked from, but whatever the guard says by now, so that
				    *   what was served before it was protected is taken back; of feed_read() 0 */
};
/** What a pair is in a feed: masked by what it wants, its kinds, and by protection. */
struct force_pair feed_mask(const struct feed *feed, const struct table_key *k, struct force_pair p);
typedef bool feed_visit(void *ctx, const struct feed_item *item);

/** A feed, or what changed in it, read at the reader's own pace; holds no lock. */
struct feed_reading;
/** Everything in the feed at one serial; the guard of the docket is asked for each key once more, so that nothing protected leaves by any
 *  face.  @param feed  copied. */
enum err feed_read(struct docket *d, const struct feed *feed, struct feed_reading **ret_reading, struct fault *f) MUST_USE;
/** What changed in it between two serials: items that are gone or changed, those with less in force first.
 *  @return ERR_NOTFOUND: as docket_since(), or `serial` is not above feed.from; then feed_read(). */
enum err feed_read_since(struct docket *d, const struct feed *feed, uint64_t serial, struct feed_reading **ret_reading,
			 struct fault *f) MUST_USE;
uint64_t feed_reading_serial(const struct feed_reading *r);
/** The item lives as long as the reading.  @return false: that was the last one. */
bool feed_next(struct feed_reading *r, struct feed_item *ret_item);
/** From the first one again. */
void feed_rewind(struct feed_reading *r);
/** NULL is taken. */
void feed_reading_free(struct feed_reading *r);
/** The key of an item as an observable; `wildcard` when only what is below it is wanted. */
struct observable feed_item_observable(const struct feed_item *item);

/** All that is left of a reading, which is freed with it.  @param ret_serial  of it; set before the first visit, since a zone begins with it.
 *  @return ERR_CANCELLED: the visitor said stop. */
enum err feed_reading_end(struct feed_reading *r, feed_visit *visit, void *ctx, uint64_t *ret_serial, struct fault *f) MUST_USE;

#endif
