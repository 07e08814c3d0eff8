/* sipar lane export, and what such a file holds. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/lane_parts.h"
#include "cli/output.h"
#include "cli/say.h"
#include "cli/verify_parts.h"
#include "codec/json.h"
#include "ledger/checkpoint.h"
#include "ledger/lanereader.h"

enum { LATE_MAX = 3 /* parcels that come in while it is written */ };

typedef unsigned long long ull;

struct exporting {
	struct verb_env *env;
	struct ledger *ledger;
	struct lane lane;
	struct output to;
	struct buf parcel, frame;
	uint64_t at, octets; /* entries up to here, and octets, are written */
};

static enum err put(struct exporting *x, struct span octets, struct fault *f)
{
	x->octets += octets.n;
	return output_put(&x->to, octets) ? OK : fault_set(f, ERR_CANCELLED, "stopped");
}

static enum err put_parcel(struct exporting *x, struct fault *f)
{
	x->frame.n = 0;
	lanefile_put_length(x->parcel.n, &x->frame);
	enum err e = put(x, buf_span(&x->frame), f);
	return e ? e : put(x, buf_span(&x->parcel), f);
}

static uint64_t size_now(struct exporting *x)
{
	struct lane now;
	return ledger_lane_find(x->ledger, CLEARANCE_ALL, x->lane.name, &now) == OK ? now.size : 0;
}

/* Our own word that the lane ends with this parcel, at this time: said only when it did not grow meanwhile. */
static enum err say_end(struct exporting *x, uint64_t end, struct fault *f)
{
	struct parcel p;
	struct note parsed;
	struct buf whole = { 0 }, note = { 0 };
	if (x->lane.peer[0] || size_now(x) != end)
		return OK;
	uint64_t now_s = (uint64_t)clock_ms() / 1000;
	if (size_now(x) != end)
		return OK;
	enum err e = parcel_open(buf_span(&x->parcel), &p, f);
	if (e == OK && (e = note_parse(p.note, &parsed, f)) == OK) {
		buf_putspan(&note, p.note);
		e = ledger_cosignature(x->ledger, parsed.text, now_s, &note, f);
	}
	if (e == OK) {
		p.note = buf_span(&note);
		parcel_put_head(&p, &whole);
		buf_putspan(&whole, p.rest);
		buf_release(&x->parcel);
		x->parcel = whole;
	}
	buf_release(&note);
	return e;
}

/* What was there when it began; and what has come since, if that is little. */
static enum err put_entries(struct exporting *x, struct verify_run *run, struct fault *f)
{
	uint64_t until = x->lane.size, first = x->at;
	unsigned late = 0;
	enum err e = OK;
	while (e == OK && (x->at < until || (late++ < LATE_MAX && x->at < size_now(x)))) {
		struct parcel p;
		x->parcel.n = 0;
		if ((e = ledger_parcel(x->ledger, CLEARANCE_ALL, x->lane.number, x->at, &x->parcel, f)) || (e = parcel_open(buf_span(&x->parcel), &p, f)))
			break;
		uint64_t end = x->at + p.count;
		if ((end >= until && (e = say_end(x, end, f)) != OK) || (e = put_parcel(x, f)) != OK)
			break;
		x->at = end;
		if (!verify_progress(run, x->at - first, (x->at > until ? x->at : until) - first))
			e = fault_set(f, ERR_CANCELLED, "stopped");
	}
	return e;
}

/* From the last checkpoint before `since` on. */
static enum err put_start(struct exporting *x, uint64_t since, struct fault *f)
{
	struct lanefile h = { .made_ms = clock_ms() };
	struct parcel p;
	enum err e = ledger_parcel_start(x->ledger, CLEARANCE_ALL, x->lane.number, since, &x->parcel, f);
	if (e == OK && x->parcel.n && (e = parcel_open(buf_span(&x->parcel), &p, f)) == OK)
		x->at = p.first;
	if (e)
		return e;
	h.first = x->at;
	snprintf(h.lane, sizeof(h.lane), "%s", x->lane.name);
	snprintf(h.origin, sizeof(h.origin), "%s", x->lane.origin);
	lanefile_put_head(&h, &x->frame);
	if ((e = put(x, buf_span(&x->frame), f)) == OK && x->parcel.n)
		e = put_parcel(x, f);
	return e;
}

static void tell(const struct exporting *x, const char *path, uint64_t first, bool json, struct buf *out)
{
	if (!json) {
		buf_printf(out, "%s: lane \"%s\", entries %llu to %llu, %llu octets; the next one: --since %llu\n", path, x->lane.name, (ull)first, (ull)x->at - 1,
			   (ull)x->octets, (ull)x->at);
		return;
	}
	buf_puts(out, "{\"file\":");
	json_put_string(out, span_str(path));
	buf_printf(out, ",\"lane\":\"%s\",\"first\":%llu,\"next\":%llu,\"octets\":%llu}\n", x->lane.name, (ull)first, (ull)x->at, (ull)x->octets);
}

enum err lane_export(struct verb_env *env, const struct lane *lane, const char *path, uint64_t since, bool json, struct fault *f)
{
	struct exporting x = { .env = env, .ledger = node_ledger(env->node), .lane = *lane };
	struct verify_run run = { .env = env, .json = json, .bar = !json && isatty(env->err) };
	struct buf out = { 0 };
	uint64_t first = 0;
	if (strcmp(lane->name, NODE_LANE) == 0)
		return fault_set(f, ERR_USAGE, "what a node says about itself, in its lane \"%s\", is not for others", NODE_LANE);
	if (since >= lane->size)
		return fault_set(f, ERR_RANGE, "the lane \"%s\" has %llu entries, and none from %llu on", lane->name, (ull)lane->size, (ull)since);
	enum err e = output_begin(env, path, &x.to, f);
	if (e)
		return e;
	if ((e = put_start(&x, since, f)) == OK) {
		first = x.at;
		e = put_entries(&x, &run, f);
	}
	x.frame.n = 0;
	lanefile_put_length(0, &x.frame);
	if (e == OK)
		e = put(&x, buf_span(&x.frame), f);
	e = output_end(&x.to, e, f);
	verify_bar_ends(&run);
	if (e == OK)
		tell(&x, path, first, json, &out);
	if (strcmp(path, "-") == 0)
		(void)verb_write(env->err, &out);
	else
		verb_out(env, &out);
	buf_release(&out);
	buf_release(&x.parcel);
	buf_release(&x.frame);
	return e;
}

/* ---- what is in one ---- */

/* @param note  of the last parcel. */
static enum err walk(struct lanereader *in, struct buf *note, struct fault *f)
{
	struct parcel p;
	struct span parcel;
	struct note parsed;
	enum err e = lanereader_head(in, f);
	while (e == OK && (e = lanereader_next(in, &parcel, &p, f)) == OK && (e = note_parse(p.note, &parsed, f)) == OK) {
		note->n = 0;
		buf_putspan(note, p.note);
	}
	return e == ERR_NOTFOUND ? OK : e;
}

static void put_text(struct span text, bool json, struct buf *out)
{
	if (json)
		json_put_string(out, text);
	else
		buf_putspan(out, text);
}

/* Names and note have no control characters: that was checked. */
static void put_file(const struct lanereader *in, struct span note, bool json, struct buf *out)
{
	buf_puts(out, json ? "{\"lane\":" : "lane       ");
	put_text(span_str(in->head.lane), json, out);
	buf_puts(out, json ? ",\"origin\":" : "\norigin     ");
	put_text(span_str(in->head.origin), json, out);
	buf_puts(out, json ? ",\"written\":\"" : "\nwritten    ");
	say_time(in->head.made_ms, out);
	buf_printf(out, json ? "\",\"first\":%llu,\"next\":%llu,\"checkpoint\":" : "\nentries    from %llu on, up to %llu\n\nLast checkpoint; nothing was verified:\n\n",
		   (ull)in->head.first, (ull)in->at);
	put_text(note, json, out);
	buf_puts(out, json ? "}\n" : "");
}

enum err lane_show_file(struct verb_env *env, const char *path, bool json, struct fault *f)
{
	struct lanereader in = { .fd = env->in, .caller = env->caller };
	struct buf out = { 0 }, note = { 0 };
	if (strcmp(path, "-") != 0)
		in.fd = openat(env->cwd, path, O_RDONLY | O_CLOEXEC);
	if (in.fd < 0)
		return fault_set(f, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "\"%s\" cannot be opened: %s", path, strerror(errno));
	enum err e = walk(&in, &note, f);
	if (e == OK)
		put_file(&in, buf_span(&note), json, &out);
	verb_out(env, &out);
	if (in.fd != env->in)
		close(in.fd);
	lanereader_release(&in);
	buf_release(&note);
	buf_release(&out);
	return e ? fault_at(f, "%s", path) : OK;
}
