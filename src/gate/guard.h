/* Guard: the protected register of a node, as the gate and every face that enforces ask it: must this never be blocked?
 *
 *   view/protect.h, view/builtin.h   special-purpose ranges and names, public suffixes, root servers, resolvers, large CDNs
 *   sipar.conf                       the node's own names and addresses, parties' assets, shared hosts, CGNAT pools
 *   the docket                       "sipar protect add"
 *   the table and its text rules     what sources protect, and names and addresses that they know
 *
 * A block is refused when what it names is protected, lies in something that is, or would take something that is with it.  What
 * lists say is indexed when it has changed, not when it is asked.  docs/protected.md tells which part means what.
 *
 * Threads: any that is a registered reader of tables (table_reader_init()), but for guard_configure(). */
#ifndef GATE_GUARD_H
#define GATE_GUARD_H

#include "gate/docket.h"
#include "view/reputation.h"

struct guard;

enum { GUARD_SETTINGS_MAX = 1 << 17 /**< octets; the file is smaller */, GUARD_PARTY_MAX = 63 };
enum guard_setting { GUARD_ASSET /**< "PARTY VALUE..." */, GUARD_SHARED, GUARD_CGNAT, GUARD_NODE /**< "VALUE..." */ };

/** What the configuration says; zero-initialised is nothing. */
struct guard_settings {
	unsigned n;
	char text[GUARD_SETTINGS_MAX]; /**< private */
};
/** One line more.  @return ERR_USAGE with a sentence: no party, or a value that is no address, prefix or name; ERR_FULL. */
enum err guard_set(struct guard_settings *s, enum guard_setting what, struct span text, struct fault *f) MUST_USE;
/** The addresses of this machine, and the resolvers that it uses. @param resolv_conf  "/etc/resolv.conf" */
void guard_set_machine(struct guard_settings *s, bool interfaces, const char *resolv_conf);

/** @param t  the node's table, @param d  its docket or NULL: both outlive the guard. */
struct guard *guard_new(struct table *t, struct docket *d);
void guard_free(struct guard *g);
/** Before others use it. */
void guard_configure(struct guard *g, const struct guard_settings *s);

/** Must it not be blocked? As of the last guard_renew().  Never waits, and does not allocate when `out` is NULL.
 *  @param action  ACTION_CHALLENGE (ask for proof of a person): a CGNAT pool may be challenged
 *  @param out     NULL, or appended: who protects it and why, a clause */
bool guard_protects(struct guard *g, const struct observable *o, enum action action, struct buf *out);
/** Index what sources and the docket protect anew, if that has changed.  May take a second per 20 million keys.
 *  @return true: it has. Any thread, in a reader's section too. */
bool guard_renew(struct guard *g);
/** How often that has been so. */
uint64_t guard_renewals(const struct guard *g);
/** guard_renew() and guard_protects(): what the docket is given. */
bool guard_at_gate(void *guard, const struct observable *o, uint8_t action, struct buf *out);
/** Free what renewals have replaced.  Not between table_enter() and table_leave(): it waits for readers. */
void guard_tidy(struct guard *g);

/** Lies it in, or covers it, a pool that the configuration declares as carrier-grade NAT? */
bool guard_cgnat(const struct guard *g, const struct observable *o);
/** For reputation.h: what "sipar protect" says of it; NULL: nothing. */
const char *guard_own(void *guard, const struct observable *o);

/** What "sipar protect" has added and holds now. */
struct guard_entry {
	struct observable value;
	uint64_t entry;    /**< of the ledger */
	uint32_t until_s;  /**< 0: none */
};
typedef void guard_own_visit(void *ctx, const struct guard_entry *entry);
void guard_own_each(struct guard *g, guard_own_visit *visit, void *ctx);

/** Each reason that there is, for people; looks at everything. */
enum guard_part { GUARD_RANGE, GUARD_NAME, GUARD_BUILTIN, GUARD_CONFIG, GUARD_OWN, GUARD_LIST, GUARD_RULE, GUARD_PARTS };
const char *guard_part_name(enum guard_part p);
typedef void guard_visit(void *ctx, enum guard_part part, struct span clause);
void guard_each(struct guard *g, const struct observable *o, guard_visit *visit, void *ctx);
/** How many keys or rules each part has; of ranges and names by rule 0. */
void guard_counts(struct guard *g, uint64_t ret_count[GUARD_PARTS]);

/** What a block of it would reach, appended: addresses, names known below, lists that it is on, score and sources of now, who protects it.
 *  Looks at everything; GUARD_BRIEF does not count what the table knows below.
 *  GUARD_TEXT: lines, each with two blanks before it; else one JSON object. */
enum guard_form { GUARD_TEXT, GUARD_JSON, GUARD_BRIEF };
void guard_blast(struct guard *g, const struct observable *o, uint32_t now_s, enum guard_form form, struct buf *out);

#endif
