/* A receipt, offline: from the octets of the file to a sentence about the first thing that does not hold. */
#include "base/clock.h"
#include "base/num.h"
#include "cli/verify_parts.h"
#include "codec/json.h"
#include "ledger/lane.h"
#include "ledger/proof.h"
#include "ledger/record.h"
#include "sys/digest.h"

enum { AHEAD_S = 300 }; /* a clock may be ahead of ours by so much */

struct receipt {
	struct buf file, body;
	struct proof proof;
	struct span octets, nonce;   /* the record, as it is hashed */
	struct record record;
	struct checkpoint checkpoint;
	struct note note;
	uint64_t cosigned_s[OPTION_LIST_MAX]; /* 0: not by this witness */
};

static enum err read_record(struct receipt *r, struct fault *f)
{
	enum err e;
	if (!r->proof.has_extra)
		return fault_set(f, ERR_NOTFOUND, "the record is missing: the file proves that some entry is in the log, not which");
	if ((e = proof_extra_parse(buf_span(&r->proof.extra), &r->octets, &r->nonce, f)) == OK)
		e = record_parse(r->octets, &r->record, f);
	return e;
}

static enum err check_place(struct receipt *r, const struct keys *keys, struct fault *f)
{
	uint8_t leaf[HASH_OCTETS];
	enum err e = keys_checkpoint(keys, r->proof.checkpoint, &r->checkpoint, &r->note, f);
	merkle_leaf(r->octets, leaf);
	return e ? e : merkle_check_inclusion(leaf, r->proof.index, r->checkpoint.size, &r->proof.path, r->checkpoint.root, f);
}

static enum err check_witnesses(struct receipt *r, const struct verify_options *o, const struct keys *witnesses, uint32_t max_age_s,
				struct fault *f)
{
	uint64_t now_s = (uint64_t)clock_ms() / 1000, quorum = o->quorum == UNSET ? witnesses->n : o->quorum;
	unsigned n = 0, old = 0;
	for (unsigned i = 0; i < witnesses->n; i++) {
		uint64_t time_s = 0;
		enum err e = note_check(&r->note, &witnesses->v[i], &time_s, f);
		if (e && e != ERR_NOTFOUND)
			return fault_at(f, "witness"), e;
		if (e)
			continue;
		bool fresh = time_s <= now_s + AHEAD_S && (!max_age_s || time_s + max_age_s >= now_s);
		r->cosigned_s[i] = fresh ? time_s : 0;
		n += fresh;
		old += !fresh;
	}
	if (n >= quorum)
		return OK;
	if (old)
		return fault_set(f, ERR_NOTFOUND, "too few witnesses: %u of the %llu that are needed have cosigned in time, and %u at another time", n,
				 (unsigned long long)quorum, old);
	return fault_set(f, ERR_NOTFOUND, "too few witnesses: %u of the %llu that are needed have cosigned", n, (unsigned long long)quorum);
}

static enum err check_body(struct receipt *r, struct fault *f)
{
	uint8_t digest[32];
	if (!r->nonce.n)
		return fault_set(f, ERR_NOTFOUND, "the body cannot be checked: it was erased before the receipt was made");
	sha256_two(r->nonce, buf_span(&r->body), digest);
	if (memcmp(digest, r->record.digest, sizeof(digest)) != 0)
		return fault_set(f, ERR_CORRUPT, "the body is another than the one in the log");
	return OK;
}

/* ---- what it says ---- */

static void put_json(const struct receipt *r, const struct verify_options *o, const struct keys *witnesses, struct buf *out)
{
	const struct { const char *name; struct span text; } texts[] = {
		{ "party", r->record.party }, { "source", r->record.source }, { "media", r->record.media },
	};
	char time[32], digest[65] = "";
	time_format(r->record.time_ms / 1000, time);
	hex_encode(r->record.digest, 32, digest);
	buf_puts(out, "{\"ok\":true,\"origin\":");
	json_put_string(out, r->checkpoint.origin);
	buf_printf(out, ",\"index\":%llu,\"size\":%llu,\"kind\":\"%s\",\"time\":\"%s\"", (unsigned long long)r->proof.index,
		   (unsigned long long)r->checkpoint.size, entry_kind_name(r->record.kind), time);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		buf_printf(out, ",\"%s\":", texts[i].name);
		json_put_string(out, texts[i].text);
	}
	buf_printf(out, ",\"count\":%u,\"digest\":\"%s\",\"body_checked\":%s,\"witnesses\":[", r->record.count, digest,
		   o->body ? "true" : "false");
	const char *between = "";
	for (unsigned i = 0; i < witnesses->n; i++) {
		if (!r->cosigned_s[i])
			continue;
		time_format((int64_t)r->cosigned_s[i], time);
		buf_printf(out, "%s{\"name\":", between);
		json_put_string(out, span_str(witnesses->v[i].name));
		buf_printf(out, ",\"time\":\"%s\"}", time);
		between = ",";
	}
	buf_puts(out, "]}\n");
}

static void put_row(struct buf *out, const char *name, struct span text)
{
	buf_printf(out, "%-8s ", name);
	verify_put_text(out, text);
	buf_putc(out, '\n');
}

static void put_text(const struct receipt *r, const struct verify_options *o, const struct keys *witnesses, struct buf *out)
{
	char time[32], digest[65] = "";
	time_format(r->record.time_ms / 1000, time);
	hex_encode(r->record.digest, 32, digest);
	put_row(out, "origin", r->checkpoint.origin);
	buf_printf(out, "index    %llu\nsize     %llu\nkind     %s\ntime     %s\n", (unsigned long long)r->proof.index,
		   (unsigned long long)r->checkpoint.size, entry_kind_name(r->record.kind), time);
	put_row(out, "party", r->record.party);
	put_row(out, "source", r->record.source);
	put_row(out, "media", r->record.media);
	buf_printf(out, "count    %u\ndigest   %s\nbody     %s\n", r->record.count, digest,
		   o->body ? "is the one in the log" : r->nonce.n ? "not looked at" : "was erased");
	for (unsigned i = 0; i < witnesses->n; i++) {
		if (!r->cosigned_s[i])
			continue;
		time_format((int64_t)r->cosigned_s[i], time);
		buf_printf(out, "witness  %s, %s\n", witnesses->v[i].name, time);
	}
	buf_puts(out, "all holds\n");
}

/* ---- in order ---- */

struct arguments {
	struct keys keys, witnesses;
	uint32_t max_age_s;
};

static enum err read_arguments(struct verb_env *env, const struct verify_options *o, struct arguments *a, struct receipt *r, struct fault *f)
{
	enum err e;
	if ((e = keys_read(env->cwd, &o->keys, NOTE_ED25519, &a->keys, f)) || (e = keys_read(env->cwd, &o->witnesses, NOTE_COSIGNATURE,
	    &a->witnesses, f)) || (o->max_age && (e = retention_parse(span_str(o->max_age), &a->max_age_s, f))))
		return e;
	return o->body ? file_whole(env->cwd, o->body, SUBMISSION_MAX, &r->body, f) : OK;
}

static enum err check(struct receipt *r, const struct verify_options *o, const struct arguments *a, struct fault *f)
{
	enum err e;
	if ((e = proof_parse(buf_span(&r->file), &r->proof, f)) || (e = read_record(r, f)) || (e = check_place(r, &a->keys, f)) ||
	    (e = check_witnesses(r, o, &a->witnesses, a->max_age_s, f)))
		return e;
	return o->body ? check_body(r, f) : OK;
}

int verify_receipt(struct verb_env *env, const struct verify_options *o, const char *path)
{
	struct receipt r = { 0 };
	struct arguments a = { 0 };
	struct buf out = { 0 };
	struct fault f;
	int code = EXIT_FINE;
	enum err e = read_arguments(env, o, &a, &r, &f);
	if (e == OK)
		e = file_whole(env->cwd, path, PROOF_FILE_MAX, &r.file, &f);
	if (e)
		code = e == ERR_RANGE ? verify_fails(env, o, path, f.text) : verify_trouble(env, f.text);
	else if (check(&r, o, &a, &f))
		code = verify_fails(env, o, path, f.text);
	else
		(o->json ? put_json : put_text)(&r, o, &a.witnesses, &out);
	verb_out(env, &out);
	proof_release(&r.proof);
	buf_release(&r.file);
	buf_release(&r.body);
	buf_release(&out);
	return code;
}
