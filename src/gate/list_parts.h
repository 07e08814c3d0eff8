/* For list*.c alone: the forms, and what several of them share. */
#ifndef GATE_LIST_PARTS_H
#define GATE_LIST_PARTS_H

#include "gate/list.h"

/** "feed edge, serial 17, 2026-11-25T10:00:00Z" */
void list_put_about(const struct list *l, struct buf *out);
/** What to ask with the next time: "SERIAL-EPOCH". */
void list_put_next(const struct list *l, struct buf *out);
/** The last line: "end: 3 values" and how many were left out. */
void list_put_end(const struct list *l, struct buf *out);

void list_begin_txt(struct list *l, struct buf *out), list_end_hash(struct list *l, struct buf *out), list_begin_hash(struct list *l, struct buf *out);
bool list_value_txt(struct list *l, const struct list_value *v, struct buf *out);
void list_begin_csv(struct list *l, struct buf *out);
bool list_value_csv(struct list *l, const struct list_value *v, struct buf *out);
void list_begin_json(struct list *l, struct buf *out), list_end_json(struct list *l, struct buf *out);
bool list_value_json(struct list *l, const struct list_value *v, struct buf *out);

/* list_sets.c: firewalls */
void list_begin_nft(struct list *l, struct buf *out), list_end_nft(struct list *l, struct buf *out);
bool list_value_nft(struct list *l, const struct list_value *v, struct buf *out);
void list_begin_ipset(struct list *l, struct buf *out), list_end_ipset(struct list *l, struct buf *out);
bool list_value_ipset(struct list *l, const struct list_value *v, struct buf *out);
void list_begin_rsc(struct list *l, struct buf *out), list_end_rsc(struct list *l, struct buf *out);
bool list_value_rsc(struct list *l, const struct list_value *v, struct buf *out);

/* list_names.c: resolvers and browsers */
bool list_value_hosts(struct list *l, const struct list_value *v, struct buf *out);
void list_begin_adblock(struct list *l, struct buf *out), list_end_adblock(struct list *l, struct buf *out);
bool list_value_adblock(struct list *l, const struct list_value *v, struct buf *out);
void list_begin_rpz(struct list *l, struct buf *out), list_end_rpz(struct list *l, struct buf *out);
bool list_value_rpz(struct list *l, const struct list_value *v, struct buf *out);

/* list_sensors.c */
bool list_value_suricata(struct list *l, const struct list_value *v, struct buf *out);
void list_end_suricata(struct list *l, struct buf *out);
void list_begin_zeek(struct list *l, struct buf *out);
bool list_value_zeek(struct list *l, const struct list_value *v, struct buf *out);

#endif
