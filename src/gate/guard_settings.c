/* Settings are kept as checked lines, "LETTER PARTY VALUE" with one value each: the configuration is plain memory. */
#include <ifaddrs.h>
#include <netinet/in.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "gate/guard_parts.h"
#include "view/source.h"

static const char letters[] = { [GUARD_ASSET] = 'a', [GUARD_SHARED] = 's', [GUARD_CGNAT] = 'c', [GUARD_NODE] = 'n' };

static struct span take_word(struct span *text)
{
	struct span t = span_trim(*text);
	size_t n = 0;
	while (n < t.n && !ascii_space(t.p[n]) && t.p[n] != ',')
		n++;
	*text = span_from(t, n + (n < t.n && t.p[n] == ','));
	return span_head(t, n);
}

static enum err check(enum guard_setting what, const struct observable *o, struct span value, struct fault *f)
{
	if (o->kind > OBS_DOMAIN || o->kind == OBS_NONE)
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is no address, prefix or name", SPAN_ARG(span_head(value, 100)));
	if (what == GUARD_CGNAT && o->kind == OBS_DOMAIN)
		return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is no address or prefix", SPAN_ARG(span_head(value, 100)));
	return OK;
}

static enum err keep(struct guard_settings *s, enum guard_setting what, struct span party, struct span value, struct fault *f)
{
	struct observable o;
	uint8_t store[OBS_KEY_MAX];
	struct buf line = { 0 };
	enum err e = obs_parse(value, store, &o, f);
	if (e || (e = check(what, &o, value, f)) != OK)
		return e == ERR_USAGE ? e : fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is no address, prefix or name", SPAN_ARG(span_head(value, 100)));
	buf_printf(&line, "%c " SPAN_FMT " ", letters[what], SPAN_ARG(party));
	obs_format(&o, &line);
	buf_putc(&line, '\n');
	if (line.n > sizeof(s->text) - s->n) {
		e = fault_set(f, ERR_FULL, "there are too many settings about what is protected");
	} else {
		memcpy(s->text + s->n, line.p, line.n);
		s->n += (unsigned)line.n;
	}
	buf_release(&line);
	return e;
}

enum err guard_set(struct guard_settings *s, enum guard_setting what, struct span text, struct fault *f)
{
	struct span party = SPAN_LIT("-"), value;
	unsigned values = 0;
	if (what == GUARD_ASSET) {
		party = take_word(&text);
		if (!source_name_ok(party) || party.n > GUARD_PARTY_MAX)
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not the name of a party: 1 to %d of a-z, 0-9, '.', '_' and '-'",
					 SPAN_ARG(span_head(party, 100)), GUARD_PARTY_MAX);
	}
	for (; (value = take_word(&text)).n; values++) {
		enum err e = keep(s, what, party, value, f);
		if (e)
			return e;
	}
	return values ? OK : fault_set(f, ERR_USAGE, "there is no address, prefix or name");
}

static void set_address(struct guard_settings *s, const struct sockaddr *a)
{
	struct observable o = { 0 };
	struct buf text = { 0 };
	if (a && a->sa_family == AF_INET)
		o = (struct observable){ .kind = OBS_IPV4, .n = 4, .key = (const uint8_t *)&((const struct sockaddr_in *)(const void *)a)->sin_addr };
	else if (a && a->sa_family == AF_INET6)
		o = (struct observable){ .kind = OBS_IPV6, .n = 16, .key = (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr };
	if (o.kind) {
		obs_format(&o, &text);
		(void)!guard_set(s, GUARD_NODE, buf_span(&text), NULL);
	}
	buf_release(&text);
}

/* "nameserver 192.0.2.53", "nameserver fe80::1%eth0" */
static void set_resolver(struct guard_settings *s, struct span line)
{
	struct span word = take_word(&line), value = take_word(&line);
	if (span_is(word, "nameserver"))
		(void)!guard_set(s, GUARD_NODE, span_head(value, span_find(value, '%')), NULL);
}

void guard_set_machine(struct guard_settings *s, bool interfaces, const char *resolv_conf)
{
	struct ifaddrs *all = NULL;
	char line[1024];
	if (interfaces && getifaddrs(&all) == 0) {
		for (struct ifaddrs *i = all; i; i = i->ifa_next)
			if (!(i->ifa_flags & IFF_LOOPBACK))
				set_address(s, i->ifa_addr);
		freeifaddrs(all);
	}
	FILE *file = fopen(resolv_conf, "re");
	while (file && fgets(line, sizeof(line), file))
		set_resolver(s, span_str(line));
	if (file)
		fclose(file);
}

/* ---- to covers ---- */

void guard_fixed_begin(const struct guard *g, struct guard_fixed *f)
{
	*f = (struct guard_fixed){ .cover = cover_new(g->seed) };
}

void guard_fixed_add(struct guard_fixed *f, struct span value, unsigned covers, const char *what)
{
	uint8_t store[OBS_KEY_MAX];
	struct observable o;
	if (obs_parse(value, store, &o, NULL))
		return;
	struct table_key k = { .kind = o.kind, .prefix = o.prefix, .n = o.n, .p = o.key };
	if (o.wildcard)
		covers = COVER_BELOW;
	if ((f->n & (f->n - 1)) == 0)
		f->what = mem_realloc(f->what, (f->n ? 2 * (size_t)f->n : 1) * sizeof(*f->what));
	f->what[f->n] = mem_strdup(what);
	(void)!cover_add(f->cover, &k, covers, f->n++);
}

void guard_fixed_release(struct guard_fixed *f)
{
	for (unsigned i = 0; i < f->n; i++)
		free(f->what[i]);
	free(f->what);
	cover_free(f->cover);
	*f = (struct guard_fixed){ 0 };
}

static void configure(struct guard *g, struct span line)
{
	char what[256];
	uint8_t letter = line.n ? line.p[0] : 0;
	line = span_from(line, 1);
	struct span party = take_word(&line), value = take_word(&line);
	if (letter == letters[GUARD_CGNAT]) {
		guard_fixed_add(&g->cgnat, value, COVER_ALL,
				"many subscribers share these addresses (cgnat in sipar.conf): block nothing there, use --action challenge");
		return;
	}
	if (letter == letters[GUARD_SHARED]) { /* one name of many below it may be blocked */
		guard_fixed_add(&g->shared, value, COVER_SELF, "a host that unrelated people share (shared in sipar.conf)");
		return;
	}
	if (letter == letters[GUARD_ASSET])
		snprintf(what, sizeof(what), "an asset of " SPAN_FMT ": ask them (asset in sipar.conf)", SPAN_ARG(party));
	else
		snprintf(what, sizeof(what), "one of this node's own names, addresses and resolvers");
	guard_fixed_add(&g->config, value, COVER_ALL, what);
}

void guard_configure(struct guard *g, const struct guard_settings *s)
{
	struct span rest = s ? span_of(s->text, s->n) : span_of(NULL, 0), line;
	guard_fixed_release(&g->config);
	guard_fixed_release(&g->shared);
	guard_fixed_release(&g->cgnat);
	guard_fixed_begin(g, &g->config);
	guard_fixed_begin(g, &g->shared);
	guard_fixed_begin(g, &g->cgnat);
	while (span_line(&rest, &line))
		configure(g, line);
	cover_ready(g->config.cover);
	cover_ready(g->shared.cover);
	cover_ready(g->cgnat.cover);
}
