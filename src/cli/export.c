/* sipar export: what the sources say, as a file for other programs. */

#include "base/clock.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "codec/json.h"
#include "codec/tlp.h"
#include "gate/dump.h"

struct export_options {
	const char *dir, *format, *output, *lanes, *source, *types, *since, *audience;
	bool json;
};

#define OPTION_ROWS(o)                                                                                                 \
	{                                                                                                                  \
		OPTION_DIR(&(o)->dir), OPTION_JSON(&(o)->json),                                                                \
		{ 'f', "format", "FORMAT", "stix, misp, csv or intelmq (needed)", OPTION_TEXT, &(o)->format, 0 },              \
		{ 'o', "output", "FILE", "where to write it ('-': standard output; needed)", OPTION_TEXT, &(o)->output, 0 },   \
		{ 'l', "lane", "NAMES", "of these lanes only, with commas", OPTION_TEXT, &(o)->lanes, 0 },                     \
		{ 0, "audience", "TLP", "of lanes for this level or a wider one, but those with members", OPTION_TEXT,         \
		  &(o)->audience, 0 },                                                                                         \
		{ 's', "source", "NAME", "of this source only", OPTION_TEXT, &(o)->source, 0 },                                \
		{ 't', "type", "TYPES", "values of these types only, with commas: ip, ipv4, ipv6, cidr, domain, url, email, hash, md5 ...", \
		  OPTION_TEXT, &(o)->types, 0 },                                                                               \
		{ 0, "since", "TIME", "what was received since then: 2026-08-22, 2026-08-22T03:00:00Z", OPTION_TEXT, &(o)->since, 0 }, \
		OPTION_END                                                                                                     \
	}

/* ---- what is chosen ---- */

static unsigned kinds_of(struct span name)
{
	unsigned kinds = 0;
	for (enum obs_kind k = OBS_IPV4; k < OBS_KINDS; k++) {
		bool ip = k <= OBS_CIDR6, hash = k >= OBS_MD5 && k <= OBS_SHA512;
		if (span_is(name, obs_kind_name(k)) || (ip && span_is(name, "ip")) || (hash && span_is(name, "hash")))
			kinds |= 1u << k;
	}
	return kinds;
}

static enum err find_kinds(const char *types, unsigned *ret_kinds, struct fault *f)
{
	*ret_kinds = types ? 0 : DUMP_ALL_KINDS;
	for (struct span s = span_str(types ? types : ""), name; s.n; s = span_from(s, name.n + 1)) {
		name = span_head(s, span_find(s, ','));
		unsigned kinds = kinds_of(name);
		if (!kinds)
			return fault_set(f, ERR_USAGE, "--type \"" SPAN_FMT "\" is none of ip, ipv4, ipv6, cidr, domain, url, email, hash, md5, sha1, sha256 and sha512",
					 SPAN_ARG(span_head(name, 40)));
		*ret_kinds |= kinds;
	}
	return *ret_kinds ? OK : fault_set(f, ERR_USAGE, "--type names no type");
}

static uint8_t tlp_of(const char *text)
{
	uint8_t tlp = TLP_CLEAR;
	while (tlp <= TLP_RED && strcmp(tlp_name(tlp) + sizeof("tlp:") - 1, text) != 0)
		tlp++;
	return tlp;
}

static enum err find_lanes(struct ledger *l, const struct export_options *o, clearance *ret_clear, struct fault *f)
{
	*ret_clear = CLEARANCE_ALL;
	if (o->audience && tlp_of(o->audience) > TLP_RED)
		return fault_set(f, ERR_USAGE, "--audience \"%.40s\" is none of clear, green, amber, amber+strict and red", o->audience);
	if (!l)
		return OK;
	if (o->audience)
		*ret_clear = ledger_clearance(l, tlp_of(o->audience));
	clearance named = o->lanes ? 0 : CLEARANCE_ALL;
	for (struct span s = span_str(o->lanes ? o->lanes : ""), name; s.n; s = span_from(s, name.n + 1)) {
		struct lane lane;
		char text[LANE_NAME_MAX + 1] = "";
		name = span_head(s, span_find(s, ','));
		memcpy(text, name.p, name.n <= LANE_NAME_MAX ? name.n : 0);
		if (ledger_lane_find(l, *ret_clear, text, &lane))
			return fault_set(f, ERR_NOTFOUND, "there is no lane \"" SPAN_FMT "\" in what is chosen", SPAN_ARG(span_head(name, 60)));
		named |= (clearance)1 << lane.number;
	}
	*ret_clear &= named;
	return OK;
}

static enum err choose(struct node *n, const struct export_options *o, struct dump_options *ret, struct fault *f)
{
	int64_t since_s = 0;
	*ret = (struct dump_options){ .source = o->source, .now_s = (uint32_t)(clock_ms() / 1000) };
	ret->format = dump_format_parse(span_str(o->format ? o->format : ""));
	if (ret->format == DUMP_FORMATS)
		return fault_set(f, ERR_USAGE, "export: give --format stix, misp, csv or intelmq");
	if (!o->output || !*o->output)
		return fault_set(f, ERR_USAGE, "export: give -o FILE");
	if (o->since && time_parse(span_str(o->since), &since_s))
		return fault_set(f, ERR_USAGE, "--since \"%.40s\" is no time like 2026-08-22 or 2026-08-22T03:00:00Z", o->since);
	ret->since_ms = 1000 * since_s;
	enum err e = find_kinds(o->types, &ret->kinds, f);
	return e ? e : find_lanes(n ? node_ledger(n) : NULL, o, &ret->clear, f);
}

/* ---- the file ---- */

static enum err write_file(struct verb_env *env, const struct export_options *o, const struct dump_options *d, struct dump_counts *ret_counts, struct fault *f)
{
	struct output to;
	enum err e = output_begin(env, o->output, &to, f);
	return e ? e : output_end(&to, dump(env->node, d, output_put, &to, ret_counts, f), f);
}

static void put_left_out(const struct tally *t, bool json, struct buf *out)
{
	for (unsigned i = 0; i < t->n; i++) {
		buf_puts(out, i ? json ? "," : ", " : "");
		buf_printf(out, json ? "\"%s\":%llu" : "%s %llu", t->row[i].what, (unsigned long long)t->row[i].n);
	}
}

static void tell(struct verb_env *env, const struct export_options *o, const struct dump_counts *c)
{
	struct buf out = { 0 };
	if (o->json) {
		buf_puts(&out, "{\"file\":");
		json_put_string(&out, span_str(o->output));
		buf_printf(&out, ",\"format\":\"%s\",\"claims\":%llu,\"objects\":%llu,\"octets\":%llu,\"left_out\":{", o->format, (unsigned long long)c->claims,
			   (unsigned long long)c->objects, (unsigned long long)c->octets);
		put_left_out(&c->left_out, true, &out);
		buf_puts(&out, "}}\n");
	} else {
		buf_printf(&out, "%s: %llu claims", o->output, (unsigned long long)c->claims);
		if (c->objects)
			buf_printf(&out, ", %llu objects as they came", (unsigned long long)c->objects);
		buf_printf(&out, ", %llu octets", (unsigned long long)c->octets);
		if (c->left_out.n) {
			buf_printf(&out, "; left out, since %s has no words for it: ", o->format);
			put_left_out(&c->left_out, false, &out);
		}
		buf_putc(&out, '\n');
	}
	if (strcmp(o->output, "-") == 0)
		(void)verb_write(env->err, &out);
	else
		verb_out(env, &out);
	buf_release(&out);
}

static int run(struct verb_env *env, int argc, char **argv)
{
	struct export_options o = { 0 };
	const struct option rows[] = OPTION_ROWS(&o);
	struct dump_options d;
	struct dump_counts counts;
	struct fault f;
	int n;
	enum err e = options_parse(rows, argc, argv, &n, &f);
	if (e == OK && n)
		e = fault_set(&f, ERR_USAGE, "export: \"%s\" is one word too many", argv[1]);
	if (e == OK)
		e = choose(env->node, &o, &d, &f);
	if (e == OK && env->node && (e = write_file(env, &o, &d, &counts, &f)) == OK)
		tell(env, &o, &counts);
	return verb_end(env, e, &f);
}

static void options(struct buf *out)
{
	struct export_options o;
	const struct option rows[] = OPTION_ROWS(&o);
	options_help(rows, out);
}

const struct verb verb_export = {
	.name = "export",
	.summary = "Write what the sources say as STIX, MISP, CSV or IntelMQ",
	.usage = "[OPTION...] --format FORMAT -o FILE",
	.details = "What stands is written, each claim once: not what was replaced, taken back or is past its end.  Objects that came as STIX\n"
		   "are written octet for octet.  All lanes are in it unless --lane or --audience say otherwise: look at whom it is for.\n"
		   "\"sipar import\" reads all four.  (For files that answer at edges: \"sipar snapshot\".)\n\n"
		   "Exit status: 0 written, 2 not written.\n",
	.flags = VERB_NODE,
	.run = run,
	.options = options,
};
