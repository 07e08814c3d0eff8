/* What is taken back is found first, by what was asked for (retract_find.c, retract_object.c), and gathered for each lane and source; then
 * each of these is told as one import.  Lines are kept in a file without a name, so that memory does not grow with an import of millions. */
#include "gate/retract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"
#include "codec/formats.h"
#include "codec/json.h"
#include "gate/import.h"
#include "gate/retract_parts.h"

enum { LINES_OCTETS = 1 << 20 };

/* ---- gathering ---- */

bool retract_may(struct retract_job *j, const char *party)
{
	bool may = role_may(j->who->role, RIGHT_RETRACT) || (role_may(j->who->role, RIGHT_REPORT) && span_is(j->party, party));
	j->done->foreign += !may;
	return may;
}

struct retract_part *retract_part_of(struct retract_job *j, uint8_t lane, const char *source)
{
	struct lane *lanes = NULL;
	for (unsigned i = 0; i < j->n_parts; i++)
		if (j->parts[i].lane == lane && strcmp(j->parts[i].source, source) == 0)
			return &j->parts[i];
	lanes = mem_alloc(LANES_MAX * sizeof(*lanes));
	if (ledger_lanes(node_ledger(j->node), j->who->clear & (clearance)1 << lane, lanes) != 1) {
		free(lanes);
		return NULL;
	}
	j->parts = mem_realloc(j->parts, (j->n_parts + 1) * sizeof(*j->parts));
	struct retract_part *p = &j->parts[j->n_parts++];
	*p = (struct retract_part){ .lane = lane, .file = -1 };
	memcpy(p->lane_name, lanes->name, sizeof(p->lane_name));
	memcpy(p->source, source, strlen(source) + 1);
	free(lanes);
	return p;
}

static enum err write_all(int fd, struct span s, struct fault *f)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fault_set(f, errno == ENOSPC ? ERR_FULL : ERR_IO, "what is to be taken back cannot be kept in a file: %s", strerror(errno));
		s = span_from(s, (size_t)n);
	}
	return OK;
}

static enum err new_file(struct retract_job *j, int *ret_fd)
{
	*ret_fd = open(table_dir(node_table(j->node)), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return *ret_fd >= 0 ? OK : fault_set(j->f, ERR_IO, "a file for what is to be taken back cannot be made: %s", strerror(errno));
}

static enum err flush(struct retract_job *j, struct retract_part *p)
{
	enum err e = p->file < 0 ? new_file(j, &p->file) : OK;
	if (e == OK)
		e = write_all(p->file, buf_span(&p->lines), j->f);
	p->lines.n = 0;
	return e;
}

static void put_member(struct buf *out, const char *name, struct span value)
{
	buf_printf(out, ",\"%s\":", name);
	json_put_string(out, value);
}

enum err retract_claim(struct retract_job *j, const struct observable *o, const struct standing *c, struct span of)
{
	static const char *const stances[] = { "indicator", "sighting", "false-positive" };
	struct retract_part *p = retract_part_of(j, c->claim.lane, c->source);
	if (!p)
		return OK;
	struct observable named = *o;
	struct buf text = { 0 };
	named.wildcard = (c->claim.flags & CLAIM_WILDCARD) != 0;
	obs_format(&named, &text);
	buf_printf(&p->lines, "{\"type\":\"%s\"", obs_kind_name((enum obs_kind)o->kind));
	put_member(&p->lines, "value", buf_span(&text));
	put_member(&p->lines, "category", span_str(category_row(c->claim.category)->name));
	if (c->claim.stance != STANCE_INDICATOR)
		put_member(&p->lines, "stance", span_str(stances[c->claim.stance]));
	if (c->claim.flags & CLAIM_PART)
		buf_puts(&p->lines, ",\"part\":true");
	put_member(&p->lines, "retracts", of);
	put_member(&p->lines, "by", j->by);
	if (*j->why)
		put_member(&p->lines, "why", span_str(j->why));
	buf_puts(&p->lines, "}\n");
	buf_release(&text);
	p->claims++;
	return p->lines.n < LINES_OCTETS ? OK : flush(j, p);
}

/* ---- telling ---- */

/* Takes fd over. */
static enum err import_file(struct import *i, int fd, const char *name, struct fault *f)
{
	struct input *in;
	if (lseek(fd, 0, SEEK_SET)) {
		close(fd);
		return fault_set(f, ERR_IO, "what is to be taken back cannot be read again: %s", strerror(errno));
	}
	enum err e = input_open(fd, -1, name, &in, f);
	if (e)
		return e;
	e = import_stream(i, in, name, f);
	input_close(in);
	return e;
}

static enum err import_part(struct retract_job *j, struct import *i, struct retract_part *p)
{
	enum err e = OK;
	int fd;
	if (p->object.n && (e = new_file(j, &fd)) == OK) {
		if ((e = write_all(fd, buf_span(&p->object), j->f)) == OK)
			e = import_file(i, fd, "the revoked object", j->f);
		else
			close(fd);
	}
	if (e == OK && p->lines.n)
		e = flush(j, p);
	if (e == OK && p->file >= 0) {
		fd = p->file;
		p->file = -1;
		e = import_file(i, fd, "the retractions", j->f);
	}
	return e;
}

static enum err tell(struct retract_job *j, struct retract_part *p)
{
	char party[64] = "";
	struct import_counts counts;
	struct import *i;
	memcpy(party, j->party.p, j->party.n);
	struct import_options o = { .source = p->source, .lane = p->lane_name, .party = party, .strict = true, .adds = true,
				    .by = j->by, .retracts = j->id, .why = span_str(j->why) };
	enum err e = import_begin(j->node, &o, NULL, NULL, NULL, &i, j->f);
	if (e)
		return e;
	if ((e = import_part(j, i, p)) == OK)
		e = import_finish(i, &counts, j->f);
	if (e == OK) {
		if (j->done->imports < RETRACT_ENTRIES)
			j->done->entries[j->done->imports] = import_first(i);
		j->done->imports++;
		j->done->claims += p->claims;
		j->done->objects += p->object.n > 0;
	}
	import_free(i);
	return e;
}

static enum err tell_all(struct retract_job *j)
{
	enum err e = OK;
	for (unsigned i = 0; i < j->n_parts && e == OK; i++)
		if (j->parts[i].object.n || j->parts[i].claims)
			e = tell(j, &j->parts[i]);
	return e;
}

/* Why there is nothing to take back. */
static enum err nothing(const struct retract_job *j)
{
	const struct retract_done *d = j->done;
	struct span id = span_head(j->id, 200);
	const char *of = j->source ? " by source " : "", *source = j->source ? j->source : "";
	if (d->foreign)
		return fault_set(j->f, ERR_FORBIDDEN, "\"" SPAN_FMT "\" was told by others; who takes back what others have told needs the role of an analyst",
				 SPAN_ARG(id));
	if (d->before)
		return fault_set(j->f, ERR_EXISTS, "\"" SPAN_FMT "\" is taken back already", SPAN_ARG(id));
	if (d->again)
		return fault_set(j->f, ERR_NOTFOUND, "all that \"" SPAN_FMT "\" claims was said again since: take back the later entry, or the value",
				 SPAN_ARG(id));
	return fault_set(j->f, ERR_NOTFOUND, "there is nothing to take back: nothing is claimed of or by \"" SPAN_FMT "\"%s%s", SPAN_ARG(id), of, source);
}

static enum err look(struct retract_job *j)
{
	enum err e = retract_object(j);
	if (e == ERR_NOTFOUND)
		e = retract_entry(j);
	return e == ERR_NOTFOUND ? retract_value(j) : e;
}

static void release(struct retract_job *j)
{
	for (unsigned i = 0; i < j->n_parts; i++) {
		buf_release(&j->parts[i].object);
		buf_release(&j->parts[i].lines);
		if (j->parts[i].file >= 0)
			close(j->parts[i].file);
	}
	free(j->parts);
	buf_release(&j->found);
}

enum err retract(struct node *n, const struct asker *who, struct span id, const char *source, const char *why, struct retract_done *ret,
		 struct fault *f)
{
	struct span by = span_str(who->party);
	struct retract_job j = { .node = n, .who = who, .by = by, .party = span_head(by, span_find(by, '/')), .id = id, .source = source,
				 .why = why ? why : "", .done = ret, .f = f };
	*ret = (struct retract_done){ 0 };
	if (strlen(j.why) > REASON_MAX || utf8_valid_prefix(span_str(j.why)) != strlen(j.why))
		return fault_set(f, ERR_RANGE, "why it is taken back is told in at most %d octets of UTF-8", REASON_MAX);
	if (j.party.n == 0)
		return fault_set(f, ERR_FORBIDDEN, "who takes something back must be known");
	enum err e = look(&j);
	uint64_t claims = 0, objects = 0;
	for (unsigned i = 0; i < j.n_parts; i++) {
		claims += j.parts[i].claims;
		objects += j.parts[i].object.n > 0;
	}
	if (e == OK)
		e = claims + objects ? tell_all(&j) : nothing(&j);
	release(&j);
	return e;
}
