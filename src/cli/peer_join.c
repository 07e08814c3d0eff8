/* sipar peer join: a lane of a peer that came in a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/peer_parts.h"
#include "codec/json.h"
#include "peer/join.h"

struct bar {
	struct verb_env *env;
	bool shown;
	uint64_t octets; /* of the file; 0: not known */
};

static bool progress(void *ctx, uint64_t entries, uint64_t octets)
{
	struct bar *b = ctx;
	struct buf out = { 0 };
	if (b->shown) {
		buf_puts(&out, "\r\033[K");
		if (b->octets)
			buf_printf(&out, "%3u%%  ", (unsigned)(octets < b->octets ? 100 * octets / b->octets : 100));
		buf_printf(&out, "%llu entries", (unsigned long long)entries);
		(void)verb_write(b->env->err, &out);
	}
	buf_release(&out);
	return !verb_cancelled(b->env);
}

static void put_report(const struct peer *p, const struct join_report *r, bool json, enum err e, const struct fault *f, struct buf *out)
{
	if (!json) {
		buf_printf(out, "peer \"%s\", lane \"%s\": %llu entries new, %llu here%s\n", p->name, r->lane, (unsigned long long)r->joined, (unsigned long long)r->size,
			   r->founded ? "; the lane is new" : "");
		return;
	}
	buf_printf(out, "{\"peer\":\"%s\",\"lane\":\"%s\",\"new\":%llu,\"size\":%llu,\"state\":\"%s\",\"reason\":", p->name, r->lane, (unsigned long long)r->joined,
		   (unsigned long long)r->size, pull_state_name(r->forked ? PULL_FORKED : r->rolled_back ? PULL_ROLLED_BACK : e ? PULL_REFUSED : PULL_OK));
	json_put_string(out, span_str(e ? f->text : ""));
	buf_puts(out, "}\n");
}

enum err peer_join_file(struct verb_env *env, const struct peer *peer, const char *path, bool json, bool *ret_bad, struct fault *f)
{
	struct bar bar = { .env = env, .shown = !json && isatty(env->err) };
	struct join_io io = { .fd = env->in, .caller = env->caller, .progress = progress, .ctx = &bar };
	struct join_report report;
	struct buf out = { 0 };
	struct stat st;
	if (strcmp(path, "-") != 0)
		io.fd = openat(env->cwd, path, O_RDONLY | O_CLOEXEC);
	if (io.fd < 0)
		return fault_set(f, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "\"%s\" cannot be opened: %s", path, strerror(errno));
	if (fstat(io.fd, &st) == 0 && S_ISREG(st.st_mode))
		bar.octets = (uint64_t)st.st_size;
	enum err e = peer_join(env->node, peer, &io, &report, f);
	if (bar.shown)
		buf_puts(&out, "\r\033[K");
	(void)verb_write(env->err, &out);
	if (report.lane[0] && (!e || json || report.joined)) /* of what was taken before an error, too */
		put_report(peer, &report, json, e, f, &out);
	verb_out(env, &out);
	buf_release(&out);
	if (io.fd != env->in)
		close(io.fd);
	*ret_bad |= report.forked || report.rolled_back;
	return e ? fault_at(f, "peer join: %s", path) : OK;
}
