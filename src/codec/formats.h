/* The formats, one file each; feed_formats[] in formats.c is their list. */
#ifndef CODEC_FORMATS_H
#define CODEC_FORMATS_H

#include "codec/feed.h"

extern const struct feed_format feed_lines, feed_netset, feed_hosts, feed_csv, feed_abusech, feed_rpz, feed_adblock, feed_dnsmasq,
	feed_unbound, feed_bindzones, feed_suricata, feed_shadowserver;

/* Of JSON. */
extern const struct feed_format feed_stix, feed_misp, feed_misp_manifest, feed_warninglist, feed_retraction, feed_intelmq, feed_jsonl;

/** Objects of STIX by id and place alone, none of which says anything: for an index.  Not in the list; takes the states of feed_stix. */
extern const struct feed_format feed_stix_bare;

#endif
