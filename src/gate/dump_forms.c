/* The same claims in each of the formats.  UUIDs are of version 5, in the namespace of URLs, of names that begin with the lane's origin: the same
 * thing has the same one on every node that has the lane. */
#include <stdio.h>

#include "base/clock.h"
#include "codec/misp_event.h"
#include "gate/dump_parts.h"

enum { FLUSH_OCTETS = 256 << 10 };

bool dump_flush(struct dump_job *j, bool all)
{
	if (j->out.n == 0 || (!all && j->out.n < FLUSH_OCTETS))
		return !j->gone;
	j->counts->octets += j->out.n;
	j->gone |= !j->sink(j->ctx, buf_span(&j->out));
	j->out.n = 0;
	return !j->gone;
}

/* "ORIGIN#SOURCE#KIND|VALUE|CATEGORY|STANCE" */
static void name_claim(const struct dump_job *j, const struct outgoing *c, const char *more, char ret_uuid[UUID_TEXT])
{
	struct buf name = { 0 };
	buf_printf(&name, "%s#%s#%s|", j->lane.origin, c->source, obs_kind_name((enum obs_kind)c->obs.kind));
	obs_format(&c->obs, &name);
	buf_printf(&name, "|%s|%u%s", category_row(c->category)->name, c->stance, more);
	uuid_named(uuid_urls, buf_span(&name), ret_uuid);
	buf_release(&name);
}

static void name_all(const struct dump_job *j, const char *of, char ret_uuid[UUID_TEXT])
{
	struct buf name = { 0 };
	buf_printf(&name, "%s#%s", of, j->o->source ? j->o->source : "");
	uuid_named(uuid_urls, buf_span(&name), ret_uuid);
	buf_release(&name);
}

static bool first_of_all(const struct dump_job *j)
{
	return j->counts->claims + j->counts->objects == 0;
}

/* ---- STIX ---- */

static void stix_next(struct dump_job *j)
{
	buf_puts(&j->out, first_of_all(j) ? "\n" : ",\n");
}

static void stix_claim(struct dump_job *j, const struct outgoing *claim)
{
	char uuid[UUID_TEXT];
	struct outgoing c = *claim;
	name_claim(j, claim, "", uuid);
	c.uuid = uuid;
	stix_next(j);
	outgoing_stix(&c, &j->out);
}

/* ---- MISP: an event of each lane, with its audience ---- */

static void name_event(struct dump_job *j)
{
	const char *source = j->o->source;
	name_all(j, j->lane.origin, j->event_uuid);
	uuid_named(uuid_urls, span_str(ledger_name(node_ledger(j->node))), j->org_uuid);
	snprintf(j->info, sizeof(j->info), "Lane %s%s%s, exported", j->lane.name, source ? ", source " : "", source ? source : "");
}

static void misp_claim(struct dump_job *j, const struct outgoing *claim)
{
	char attribute[UUID_TEXT], sighting[MISP_SIGHTINGS][UUID_TEXT];
	struct misp_attribute a;
	struct feed_claim c = { .obs = claim->obs, .stance = claim->stance, .category = claim->category, .confidence = claim->confidence, .kinds = KINDS_ALL,
				.seen = claim->seen, .until = claim->until };
	if (!misp_attribute_of(&c, &a))
		return;
	if (j->written == 0)
		name_event(j);
	struct misp_event e = { .uuid = j->event_uuid, .id = j->lane.number + 1u, .info = span_str(j->info), .time_s = j->changed_s, .date_s = j->changed_s,
				.org = { span_str(ledger_name(node_ledger(j->node))), j->org_uuid }, .tlp = j->lane.tlp };
	name_claim(j, claim, "", attribute);
	a.uuid = attribute;
	a.id = j->counts->claims + 1;
	a.time_s = claim->seen;
	a.comment = claim->source;
	for (unsigned i = 0; i < MISP_SIGHTINGS; i++) {
		char more[4] = { '|', (char)('0' + i), 0, 0 };
		if (!a.sighted_s[i])
			continue;
		name_claim(j, claim, more, sighting[i]);
		a.sighting_uuid[i] = sighting[i];
	}
	if (j->written == 0) {
		buf_puts(&j->out, first_of_all(j) ? "\n" : ",\n");
		misp_put_event_begin(&j->out, &e);
	} else {
		buf_putc(&j->out, ',');
	}
	buf_putc(&j->out, '\n');
	misp_put_attribute(&j->out, &e, &a, false);
}

/* ---- all ---- */

void dump_begin(struct dump_job *j)
{
	char uuid[UUID_TEXT], name[NODE_NAME_MAX + 80];
	switch (j->o->format) {
	case DUMP_STIX:
		snprintf(name, sizeof(name), "%s#bundle#%u#%llx#%x#%lld", ledger_name(node_ledger(j->node)), j->changed_s, (unsigned long long)j->o->clear,
			 j->o->kinds, (long long)j->o->since_ms);
		name_all(j, name, uuid);
		buf_printf(&j->out, "{\"type\":\"bundle\",\"id\":\"bundle--%s\",\"objects\":[", uuid);
		break;
	case DUMP_MISP:
		buf_puts(&j->out, "{\"response\":[");
		break;
	case DUMP_CSV:
		outgoing_csv_heading(&j->out);
		break;
	case DUMP_INTELMQ:
	case DUMP_FORMATS:
		break;
	}
}

void dump_claim(struct dump_job *j, const struct outgoing *claim)
{
	const char *what = NULL;
	switch (j->o->format) {
	case DUMP_STIX:
		stix_claim(j, claim);
		break;
	case DUMP_MISP:
		misp_claim(j, claim);
		break;
	case DUMP_CSV:
		outgoing_csv(claim, &j->out);
		break;
	case DUMP_INTELMQ:
		if (!outgoing_intelmq(claim, &j->out, &what)) {
			tally_add(&j->counts->left_out, what);
			return;
		}
		break;
	case DUMP_FORMATS:
		break;
	}
	j->counts->claims++;
	j->written++;
	(void)dump_flush(j, false);
}

void dump_object(struct dump_job *j, struct span object)
{
	stix_next(j);
	buf_putspan(&j->out, object);
	j->counts->objects++;
	(void)dump_flush(j, false);
}

void dump_lane_end(struct dump_job *j)
{
	if (j->o->format == DUMP_MISP && j->written)
		misp_put_event_end(&j->out);
	j->written = 0;
}

void dump_end(struct dump_job *j)
{
	if (j->o->format == DUMP_STIX || j->o->format == DUMP_MISP)
		buf_puts(&j->out, "\n]}\n");
	(void)dump_flush(j, true);
}

enum dump_format dump_format_parse(struct span name)
{
	static const char *const names[DUMP_FORMATS] = { "stix", "misp", "csv", "intelmq" };
	enum dump_format f = DUMP_STIX;
	while (f < DUMP_FORMATS && !span_is(name, names[f]))
		f++;
	return f;
}
