/* A transaction is one datagram: BATCH_BEGIN, messages, BATCH_END.  The kernel works on it before sendmsg() returns, so its answers
 * stand in the receive queue by then; the first message asks for one in any case.  An error tells the message by its sequence number
 * and the place in it by an offset (NETLINK_EXT_ACK), which is how an element is named.
 *
 * A range is two elements: its first address, and the address behind its last with NFT_SET_ELEM_INTERVAL_END; one that goes up to the
 * highest address has no second. */
#include "sys/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/buf.h"

enum {
	MESSAGE_ROOM = 72 << 10,  /* a message is below this: its longest attribute has 64 KiB */
	LIST_MAX = 65000,         /* octets of elements in one message */
	SEND_MIN = 1 << 16, RECEIVE = 1 << 16,
	DUMP_TRIES = 8,
	KEY_TYPE_IP4 = 7, KEY_TYPE_IP6 = 8,  /* how the nft command shows them: "ipv4_addr", "ipv6_addr" */
	COMMENT_MAX = 64,
};

struct nft {
	struct mnl_socket *socket;
	uint8_t family;
	char table[NFT_NAME_OCTETS_MAX + 1];
	uint32_t seq;
	size_t send_room;

	struct buf batch;            /* the transaction */
	uint32_t batch_seq;          /* of its first message */
	size_t message;              /* where the open message of elements begins; 0: none is open */
	size_t list;                 /* its list of elements */
	const struct nft_set *set;   /* of it */
	uint8_t type;
	_Alignas(struct nlmsghdr) uint8_t in[RECEIVE];
};

static const char *const chain_names[NFT_CHAINS] = { [NFT_INPUT] = "input", [NFT_FORWARD] = "forward", [NFT_OUTPUT] = "output" };
static const uint32_t chain_hooks[NFT_CHAINS] = {
	[NFT_INPUT] = NF_INET_LOCAL_IN, [NFT_FORWARD] = NF_INET_FORWARD, [NFT_OUTPUT] = NF_INET_LOCAL_OUT,
};

/* ---- opening ---- */

static bool is_name(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = ascii_lower(s.p[i]);
		if (!(c >= 'a' && c <= 'z') && !ascii_digit(c) && c != '_' && c != '-')
			return false;
	}
	return s.n >= 1 && s.n <= NFT_NAME_OCTETS_MAX && !ascii_digit(s.p[0]) && s.p[0] != '-';
}

static int family_of(const char *name)
{
	return strcmp(name, "inet") == 0 ? NFPROTO_INET : strcmp(name, "ip") == 0 ? NFPROTO_IPV4 : strcmp(name, "ip6") == 0 ? NFPROTO_IPV6 : -1;
}

static const char *family_name(const struct nft *n)
{
	return n->family == NFPROTO_INET ? "inet" : n->family == NFPROTO_IPV4 ? "ip" : "ip6";
}

static enum err refused(int error, const char *what, struct fault *f)
{
	if (error == EPERM || error == EACCES)
		return fault_set(f, ERR_FORBIDDEN, "%s: the kernel does not allow it (CAP_NET_ADMIN is needed)", what);
	if (error == EINVAL || error == EPROTONOSUPPORT || error == EOPNOTSUPP || error == EAFNOSUPPORT)
		return fault_set(f, ERR_UNSUPPORTED, "%s: the kernel cannot do it: %s", what, strerror(error));
	if (error == ENOENT)
		return fault_set(f, ERR_NOTFOUND, "%s: it is not there", what);
	if (error == EEXIST)
		return fault_set(f, ERR_EXISTS, "%s: it is there already, or overlaps what is", what);
	if (error == ENOMEM || error == ENOBUFS || error == ENFILE || error == ENOSPC)
		return fault_set(f, ERR_FULL, "%s: the kernel has no room: %s", what, strerror(error));
	return fault_set(f, ERR_IO, "%s: %s", what, strerror(error));
}

/* A long datagram needs room in the socket; the kernel counts some of its own. */
static void make_room(struct nft *n, size_t octets)
{
	int room = (int)(octets < INT32_MAX / 4 ? octets + octets / 8 + 4096 : INT32_MAX / 4), fd = mnl_socket_get_fd(n->socket);
	if (octets <= n->send_room)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) == 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) == 0)
		n->send_room = octets;
}

static struct mnl_socket *open_socket(void)
{
	int on = 1, room = 4 << 20;
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!socket)
		return NULL;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID)) {
		int error = errno;
		mnl_socket_close(socket);
		errno = error;
		return NULL;
	}
	mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, &on, sizeof(on));
	if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	return socket;
}

enum err nft_open(const char *family, const char *table, struct nft **ret_nft, struct fault *f)
{
	uint32_t generation;
	if (family_of(family) < 0)
		return fault_set(f, ERR_USAGE, "family \"%.40s\" is none of inet, ip and ip6", family);
	if (!is_name(span_str(table)))
		return fault_set(f, ERR_USAGE, "table \"%.40s\": its name is 1 to %d letters, digits, '_' and '-', and begins with a letter", table,
				 NFT_NAME_OCTETS_MAX);
	struct mnl_socket *socket = open_socket();
	if (!socket)
		return refused(errno, "nftables cannot be opened", f);
	struct nft *n = mem_zalloc(sizeof(*n));
	n->socket = socket;
	n->family = (uint8_t)family_of(family);
	n->seq = (uint32_t)time(NULL);
	snprintf(n->table, sizeof(n->table), "%s", table);
	make_room(n, SEND_MIN);
	enum err e = nft_generation(n, &generation, f);
	if (e)
		nft_close(n);
	else
		*ret_nft = n;
	return e;
}

void nft_close(struct nft *n)
{
	if (!n)
		return;
	mnl_socket_close(n->socket);
	buf_release(&n->batch);
	free(n);
}

bool nft_has(const struct nft *n, const struct nft_set *s)
{
	return n->family == NFPROTO_INET || (n->family == NFPROTO_IPV4) == (s->octets == 4);
}

/* ---- messages ---- */

static struct nlmsghdr *put_header(struct nft *n, void *at, unsigned type, unsigned flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(at);
	h->nlmsg_type = (uint16_t)type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = n->seq++;
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	bool batch = type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;
	g->nfgen_family = batch ? AF_UNSPEC : n->family;
	g->version = NFNETLINK_V0;
	g->res_id = htons(batch ? NFNL_SUBSYS_NFTABLES : 0);
	return h;
}

static unsigned nft_type(unsigned type)
{
	return NFNL_SUBSYS_NFTABLES << 8 | type;
}

static struct nlmsghdr *message_at(const struct nft *n, size_t at)
{
	return (struct nlmsghdr *)(void *)(n->batch.p + at);
}

/* A message of elements is written behind the end of the batch, and becomes part of it here. */
static void close_message(struct nft *n)
{
	if (!n->message)
		return;
	struct nlmsghdr *h = message_at(n, n->message);
	mnl_attr_nest_end(h, (struct nlattr *)(void *)(n->batch.p + n->list));
	n->batch.n += MNL_ALIGN(h->nlmsg_len);
	n->message = 0;
}

/* The next message of the transaction: take it in with end_message(). */
static struct nlmsghdr *begin_message(struct nft *n, unsigned type, unsigned flags)
{
	close_message(n);
	if (n->batch.n == 0) {
		n->batch_seq = n->seq;
		n->batch.n = MNL_ALIGN(put_header(n, buf_reserve(&n->batch, MESSAGE_ROOM), NFNL_MSG_BATCH_BEGIN, 0)->nlmsg_len);
		flags |= NLM_F_ACK;
	}
	return put_header(n, buf_reserve(&n->batch, MESSAGE_ROOM), nft_type(type), flags);
}

static void end_message(struct nft *n, const struct nlmsghdr *h)
{
	n->batch.n += MNL_ALIGN(h->nlmsg_len);
}

static void forget(struct nft *n)
{
	n->batch.n = n->message = 0;
}

/* ---- elements ---- */

static void put_element(struct nlmsghdr *h, const uint8_t *key, uint8_t octets, bool end)
{
	struct nlattr *element = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	if (end)
		mnl_attr_put_u32(h, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	struct nlattr *k = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
	mnl_attr_put(h, NFTA_DATA_VALUE, octets, key);
	mnl_attr_nest_end(h, k);
	mnl_attr_nest_end(h, element);
}

/* @return false: there is none behind the highest. */
static bool next_address(const uint8_t *from, uint8_t octets, uint8_t ret_next[16])
{
	memcpy(ret_next, from, octets);
	for (unsigned i = octets; i-- > 0;)
		if (++ret_next[i])
			return true;
	return false;
}

static void change(struct nft *n, unsigned type, const struct nft_set *s, const uint8_t *first, const uint8_t *last)
{
	uint8_t behind[16];
	if (!n->message || n->set != s || n->type != type || message_at(n, n->message)->nlmsg_len - (n->list - n->message) > LIST_MAX - 128) {
		struct nlmsghdr *h = begin_message(n, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, n->table);
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, s->name);
		n->message = (size_t)((uint8_t *)h - n->batch.p);
		n->list = (size_t)((uint8_t *)mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS) - n->batch.p);
		n->set = s;
		n->type = (uint8_t)type;
	}
	struct nlmsghdr *h = message_at(n, n->message);
	put_element(h, first, s->octets, false);
	if (s->interval && next_address(last, s->octets, behind))
		put_element(h, behind, s->octets, true);
}

void nft_remove(struct nft *n, const struct nft_set *s, const uint8_t *first, const uint8_t *last)
{
	change(n, NFT_MSG_DELSETELEM, s, first, last);
}

void nft_add(struct nft *n, const struct nft_set *s, const uint8_t *first, const uint8_t *last)
{
	change(n, NFT_MSG_NEWSETELEM, s, first, last);
}

void nft_flush(struct nft *n, const struct nft_set *s)
{
	struct nlmsghdr *h = begin_message(n, NFT_MSG_DELSETELEM, 0);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, n->table);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, s->name);
	end_message(n, h);
}

/* ---- what the kernel answers ---- */

static const struct nlattr *find_nested(const struct nlattr *in, unsigned type)
{
	const struct nlattr *a;
	mnl_attr_for_each_nested(a, in)
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}

static const struct nlattr *find(const struct nlmsghdr *h, unsigned type)
{
	const struct nlattr *a;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}

static uint32_t be32_of(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == 4 ? ntohl(mnl_attr_get_u32(a)) : 0;
}

static bool is_string(const struct nlattr *a, const char *s)
{
	return a && mnl_attr_get_payload_len(a) == strlen(s) + 1 && memcmp(mnl_attr_get_payload(a), s, strlen(s) + 1) == 0;
}

/* The address of an element, or NULL. */
static const uint8_t *element_key(const struct nlattr *element, uint8_t octets)
{
	const struct nlattr *key = find_nested(element, NFTA_SET_ELEM_KEY), *value = key ? find_nested(key, NFTA_DATA_VALUE) : NULL;
	return value && mnl_attr_get_payload_len(value) == octets ? mnl_attr_get_payload(value) : NULL;
}

static const struct nlmsghdr *sent_message(const struct nft *n, uint32_t seq)
{
	for (size_t at = 0; at < n->batch.n; at += MNL_ALIGN(message_at(n, at)->nlmsg_len))
		if (message_at(n, at)->nlmsg_seq == seq)
			return message_at(n, at);
	return NULL;
}

/* "add 192.0.2.1 to block4", or what else the message was for. */
static void describe(const struct nft *n, const struct nlmsghdr *reply, char *out, size_t room)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(reply);
	const struct nlmsghdr *sent = sent_message(n, e->msg.nlmsg_seq);
	const struct nlattr *a;
	uint32_t offset = 0;
	unsigned type = sent ? sent->nlmsg_type & 0xff : NFT_MSG_MAX;
	snprintf(out, room, "table %s %s", family_name(n), n->table);
	if (!sent || sent->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return;
	if (reply->nlmsg_flags & NLM_F_ACK_TLVS && reply->nlmsg_flags & NLM_F_CAPPED)
		mnl_attr_for_each(a, reply, sizeof(*e))
			if (mnl_attr_get_type(a) == NLMSGERR_ATTR_OFFS && mnl_attr_get_payload_len(a) == 4)
				offset = mnl_attr_get_u32(a);
	if (type != NFT_MSG_NEWSETELEM && type != NFT_MSG_DELSETELEM) {
		const struct nlattr *name = type == NFT_MSG_NEWSET ? find(sent, NFTA_SET_NAME) : type == NFT_MSG_NEWCHAIN ? find(sent, NFTA_CHAIN_NAME) :
					    type == NFT_MSG_NEWRULE ? find(sent, NFTA_RULE_CHAIN) : NULL;
		if (name)
			snprintf(out, room, "%s \"%s\" of table %s %s", type == NFT_MSG_NEWSET ? "set" : "chain", mnl_attr_get_str(name), family_name(n),
				 n->table);
		return;
	}
	const struct nlattr *set = find(sent, NFTA_SET_ELEM_LIST_SET), *list = find(sent, NFTA_SET_ELEM_LIST_ELEMENTS), *element = NULL;
	char text[INET6_ADDRSTRLEN] = "a value";
	if (offset && list)
		mnl_attr_for_each_nested(a, list)
			if ((const uint8_t *)a - (const uint8_t *)sent == (ptrdiff_t)offset)
				element = a;
	const uint8_t *v4 = element ? element_key(element, 4) : NULL, *v6 = element ? element_key(element, 16) : NULL;
	if (v4 || v6)
		inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? v4 : v6, text, sizeof(text));
	snprintf(out, room, type == NFT_MSG_NEWSETELEM ? "%s into set \"%s\" of table %s %s" : "%s out of set \"%s\" of table %s %s", text,
		 set ? mnl_attr_get_str(set) : "?", family_name(n), n->table);
}

static enum err take_replies(struct nft *n, struct fault *f)
{
	int fd = mnl_socket_get_fd(n->socket);
	bool answered = false;
	enum err result = OK;
	for (;;) {
		ssize_t got = recv(fd, n->in, sizeof(n->in), MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == ENOBUFS) { /* more complaints than there was room for */
			answered = true;
			result = result ? result : fault_set(f, ERR_IO, "table %s %s: the kernel refuses many of the values", family_name(n), n->table);
			continue;
		}
		if (got <= 0)
			break;
		int left = (int)got;
		for (const struct nlmsghdr *h = (void *)n->in; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < mnl_nlmsg_size(sizeof(*e)) || h->nlmsg_seq - n->batch_seq >= n->seq - n->batch_seq)
				continue;
			answered = true;
			if (e->error && result == OK) {
				char what[160];
				describe(n, h, what, sizeof(what));
				result = refused(-e->error, what, f);
			}
		}
	}
	return answered ? result : fault_set(f, ERR_IO, "table %s %s: the kernel does not answer", family_name(n), n->table);
}

enum err nft_commit(struct nft *n, struct fault *f)
{
	enum err e;
	close_message(n);
	if (n->batch.n == 0)
		return OK;
	n->batch.n += MNL_ALIGN(put_header(n, buf_reserve(&n->batch, MESSAGE_ROOM), NFNL_MSG_BATCH_END, 0)->nlmsg_len);
	make_room(n, n->batch.n);
	if (mnl_socket_sendto(n->socket, n->batch.p, n->batch.n) < 0)
		e = refused(errno, "the changes cannot be sent to the kernel", f);
	else
		e = take_replies(n, f);
	forget(n);
	return e;
}

/* ---- asking ---- */

/* The rest of an answer is not wanted: only a new socket ends it. */
static enum err reopen(struct nft *n, enum err e, struct fault *f)
{
	struct mnl_socket *socket = open_socket();
	if (!socket)
		return refused(errno, "nftables cannot be opened", f);
	mnl_socket_close(n->socket);
	n->socket = socket;
	n->send_room = 0;
	make_room(n, SEND_MIN);
	return e;
}

typedef enum err take_message(void *ctx, const struct nlmsghdr *h, struct fault *f);

/* Everything that comes for one question.  @return ERR_BUSY: it changed meanwhile. */
static enum err collect(struct nft *n, uint32_t seq, const char *what, take_message *take, void *ctx, struct fault *f)
{
	bool torn = false;
	enum err e = OK;
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(n->socket, n->in, sizeof(n->in));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return refused(got < 0 ? errno : EIO, what, f);
		int left = (int)got;
		for (const struct nlmsghdr *h = (void *)n->in; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != seq)
				continue;
			torn |= h->nlmsg_flags & NLM_F_DUMP_INTR;
			if (h->nlmsg_type == NLMSG_ERROR) {
				int error = -((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
				return error == EINTR || error == EAGAIN ? ERR_BUSY : error ? refused(error, what, f) : e;
			}
			if (h->nlmsg_type == NLMSG_DONE)
				return e ? e : torn ? ERR_BUSY : OK;
			if (e == OK && h->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES)
				e = take(ctx, h, f);
			if (e == ERR_FULL)
				return reopen(n, e, f);
			if (!(h->nlmsg_flags & NLM_F_MULTI))
				return e;
		}
	}
}

static enum err take_generation(void *ctx, const struct nlmsghdr *h, struct fault *f)
{
	*(uint32_t *)ctx = be32_of(find(h, NFTA_GEN_ID));
	return OK;
}

enum err nft_generation(struct nft *n, uint32_t *ret_generation, struct fault *f)
{
	_Alignas(struct nlmsghdr) uint8_t out[256];
	struct nlmsghdr *h = put_header(n, out, nft_type(NFT_MSG_GETGEN), 0);
	if (mnl_socket_sendto(n->socket, h, h->nlmsg_len) < 0)
		return refused(errno, "nftables", f);
	return collect(n, h->nlmsg_seq, "nftables", take_generation, ret_generation, f);
}

/* `a` and `b`: attributes with names, or 0. */
static enum err ask(struct nft *n, unsigned type, unsigned a, const char *set, const char *what, take_message *take, void *ctx, struct fault *f)
{
	_Alignas(struct nlmsghdr) uint8_t out[512];
	struct nlmsghdr *h = put_header(n, out, nft_type(type), NLM_F_DUMP);
	mnl_attr_put_strz(h, (uint16_t)a, n->table);
	if (set)
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	if (mnl_socket_sendto(n->socket, h, h->nlmsg_len) < 0)
		return refused(errno, what, f);
	return collect(n, h->nlmsg_seq, what, take, ctx, f);
}

/* ---- what is in a set ---- */

struct element {
	uint8_t key[16];
	bool end;
};

struct dump {
	const struct nft_set *set;
	struct buf elements;
	size_t n, max; /* elements */
};

static enum err take_elements(void *ctx, const struct nlmsghdr *h, struct fault *f)
{
	struct dump *d = ctx;
	const struct nlattr *list = find(h, NFTA_SET_ELEM_LIST_ELEMENTS), *a;
	if (!list)
		return OK;
	mnl_attr_for_each_nested(a, list) {
		struct element e = { .end = be32_of(find_nested(a, NFTA_SET_ELEM_FLAGS)) & NFT_SET_ELEM_INTERVAL_END };
		const uint8_t *key = element_key(a, d->set->octets);
		if (!key)
			continue;
		memcpy(e.key, key, d->set->octets);
		buf_put(&d->elements, &e, sizeof(e));
		d->n++;
	}
	return d->n <= d->max ? OK : fault_set(f, ERR_FULL, "set \"%s\" has more values than can be read in good time", d->set->name);
}

/* An end before the beginning at the same place. */
static int by_key(const void *a, const void *b)
{
	const struct element *x = a, *y = b;
	int order = memcmp(x->key, y->key, sizeof(x->key));
	return order ? order : (int)y->end - (int)x->end;
}

static void visit_ranges(struct dump *d, nft_visit *visit, void *ctx)
{
	const struct element *v = (const void *)d->elements.p;
	uint8_t last[16];
	for (size_t i = 0; i < d->n; i++) {
		if (v[i].end)
			continue;
		memset(last, 0xff, sizeof(last));
		if (i + 1 < d->n) { /* one less than where the next begins or this one ends */
			memcpy(last, v[i + 1].key, d->set->octets);
			for (unsigned k = d->set->octets; k-- > 0 && last[k]-- == 0;)
				;
		}
		visit(ctx, v[i].key, last);
	}
}

/* The kernel may tell one twice while it makes its hash table larger or smaller. */
static void visit_addresses(struct dump *d, nft_visit *visit, void *ctx)
{
	const struct element *v = (const void *)d->elements.p;
	for (size_t i = 0; i < d->n; i++)
		if (i == 0 || memcmp(v[i].key, v[i - 1].key, sizeof(v[i].key)) != 0)
			visit(ctx, v[i].key, v[i].key);
}

enum err nft_each(struct nft *n, const struct nft_set *s, size_t max, nft_visit *visit, void *ctx, struct fault *f)
{
	struct dump d = { .set = s, .max = s->interval ? 2 * max : max };
	char what[120];
	enum err e = ERR_BUSY;
	snprintf(what, sizeof(what), "set \"%s\" of table %s %s", s->name, family_name(n), n->table);
	for (unsigned i = 0; i < DUMP_TRIES && e == ERR_BUSY; i++) {
		d.elements.n = d.n = 0;
		e = ask(n, NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_TABLE, s->name, what, take_elements, &d, f);
	}
	if (e == ERR_BUSY)
		fault_set(f, e, "%s changes while it is read", what);
	if (e == OK && d.n) {
		qsort(d.elements.p, d.n, sizeof(struct element), by_key);
		(s->interval ? visit_ranges : visit_addresses)(&d, visit, ctx);
	}
	buf_release(&d.elements);
	return e;
}

/* ---- table, sets and rules ---- */

enum { SETS_MAX = 16 };

struct looking {
	struct nft *n;
	const struct nft_set *sets;
	size_t n_sets;
	bool set_found[SETS_MAX];
	struct buf rules; /* struct found_rule */
	size_t n_rules;
};

struct found_rule {
	uint64_t handle;
	uint8_t chain;
	char comment[COMMENT_MAX];
};

static enum err take_set(void *ctx, const struct nlmsghdr *h, struct fault *f)
{
	struct looking *l = ctx;
	if (!is_string(find(h, NFTA_SET_TABLE), l->n->table))
		return OK;
	for (size_t i = 0; i < l->n_sets; i++) {
		const struct nft_set *s = &l->sets[i];
		if (!is_string(find(h, NFTA_SET_NAME), s->name) || !nft_has(l->n, s))
			continue;
		uint32_t flags = be32_of(find(h, NFTA_SET_FLAGS));
		if (be32_of(find(h, NFTA_SET_KEY_LEN)) != s->octets || (flags & NFT_SET_INTERVAL) != (s->interval ? NFT_SET_INTERVAL : 0) ||
		    flags & (NFT_SET_MAP | NFT_SET_OBJECT | NFT_SET_CONSTANT | NFT_SET_CONCAT))
			return fault_set(f, ERR_EXISTS, "set \"%s\" of table %s %s is there and is not a %s set of IPv%c addresses: it belongs to somebody else",
					 s->name, family_name(l->n), l->n->table, s->interval ? "range" : "plain", s->octets == 4 ? '4' : '6');
		l->set_found[i] = true;
	}
	return OK;
}

static void comment_of(const struct nft_rule *r, char ret_comment[COMMENT_MAX])
{
	snprintf(ret_comment, COMMENT_MAX, "sipar %s %s", r->set->name, r->to ? "daddr" : "saddr");
}

/* A comment is a type-length-value (libnftnl: NFTNL_UDATA_RULE_COMMENT, 0) of the user data. */
static enum err take_rule(void *ctx, const struct nlmsghdr *h, struct fault *f)
{
	struct looking *l = ctx;
	struct found_rule r = { .chain = NFT_CHAINS };
	const struct nlattr *data = find(h, NFTA_RULE_USERDATA), *handle = find(h, NFTA_RULE_HANDLE);
	if (!is_string(find(h, NFTA_RULE_TABLE), l->n->table) || !data || !handle || mnl_attr_get_payload_len(handle) != 8)
		return OK;
	for (uint8_t c = 0; c < NFT_CHAINS; c++)
		if (is_string(find(h, NFTA_RULE_CHAIN), chain_names[c]))
			r.chain = c;
	const uint8_t *p = mnl_attr_get_payload(data);
	size_t n = mnl_attr_get_payload_len(data);
	if (r.chain == NFT_CHAINS || n < 3 || p[0] != 0 || p[1] > n - 2 || p[1] > COMMENT_MAX || p[2 + p[1] - 1] != 0)
		return OK;
	memcpy(r.comment, p + 2, p[1]);
	uint64_t be;
	memcpy(&be, mnl_attr_get_payload(handle), 8);
	r.handle = be64toh(be);
	if (strncmp(r.comment, "sipar ", 6) == 0) {
		buf_put(&l->rules, &r, sizeof(r));
		l->n_rules++;
	}
	return OK;
}

static void put_set(struct nft *n, const struct nft_set *s, uint32_t id)
{
	struct nlmsghdr *h = begin_message(n, NFT_MSG_NEWSET, NLM_F_CREATE);
	mnl_attr_put_strz(h, NFTA_SET_TABLE, n->table);
	mnl_attr_put_strz(h, NFTA_SET_NAME, s->name);
	mnl_attr_put_u32(h, NFTA_SET_FLAGS, htonl(s->interval ? NFT_SET_INTERVAL : 0));
	mnl_attr_put_u32(h, NFTA_SET_KEY_TYPE, htonl(s->octets == 4 ? KEY_TYPE_IP4 : KEY_TYPE_IP6));
	mnl_attr_put_u32(h, NFTA_SET_KEY_LEN, htonl(s->octets));
	mnl_attr_put_u32(h, NFTA_SET_ID, htonl(id));
	end_message(n, h);
}

static void put_table(struct nft *n)
{
	struct nlmsghdr *h = begin_message(n, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, n->table);
	end_message(n, h);
}

static void put_chain(struct nft *n, unsigned chain, int priority)
{
	struct nlmsghdr *h = begin_message(n, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, n->table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, chain_names[chain]);
	struct nlattr *hook = mnl_attr_nest_start(h, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(h, NFTA_HOOK_HOOKNUM, htonl(chain_hooks[chain]));
	mnl_attr_put_u32(h, NFTA_HOOK_PRIORITY, htonl((uint32_t)priority));
	mnl_attr_nest_end(h, hook);
	mnl_attr_put_strz(h, NFTA_CHAIN_TYPE, "filter");
	end_message(n, h);
}

struct expression {
	struct nlattr *whole, *data;
};

static struct expression begin_expression(struct nlmsghdr *h, const char *name)
{
	struct expression e = { .whole = mnl_attr_nest_start(h, NFTA_LIST_ELEM) };
	mnl_attr_put_strz(h, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(h, NFTA_EXPR_DATA);
	return e;
}

static void end_expression(struct nlmsghdr *h, struct expression e)
{
	mnl_attr_nest_end(h, e.data);
	mnl_attr_nest_end(h, e.whole);
}

/* In the family inet a packet may be of either. */
static void put_family(struct nlmsghdr *h, uint8_t family)
{
	struct expression e = begin_expression(h, "meta");
	mnl_attr_put_u32(h, NFTA_META_KEY, htonl(NFT_META_NFPROTO));
	mnl_attr_put_u32(h, NFTA_META_DREG, htonl(NFT_REG_1));
	end_expression(h, e);
	e = begin_expression(h, "cmp");
	mnl_attr_put_u32(h, NFTA_CMP_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(h, NFTA_CMP_OP, htonl(NFT_CMP_EQ));
	struct nlattr *data = mnl_attr_nest_start(h, NFTA_CMP_DATA);
	mnl_attr_put(h, NFTA_DATA_VALUE, 1, &family);
	mnl_attr_nest_end(h, data);
	end_expression(h, e);
}

/* Where the addresses stand: RFC 791 §3.1, RFC 8200 §3. */
static void put_lookup(struct nlmsghdr *h, const struct nft_rule *r)
{
	unsigned offset = r->set->octets == 4 ? 12 : 8;
	struct expression e = begin_expression(h, "payload");
	mnl_attr_put_u32(h, NFTA_PAYLOAD_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(h, NFTA_PAYLOAD_BASE, htonl(NFT_PAYLOAD_NETWORK_HEADER));
	mnl_attr_put_u32(h, NFTA_PAYLOAD_OFFSET, htonl(offset + (r->to ? r->set->octets : 0u)));
	mnl_attr_put_u32(h, NFTA_PAYLOAD_LEN, htonl(r->set->octets));
	end_expression(h, e);
	e = begin_expression(h, "lookup");
	mnl_attr_put_strz(h, NFTA_LOOKUP_SET, r->set->name);
	mnl_attr_put_u32(h, NFTA_LOOKUP_SREG, htonl(NFT_REG_1));
	end_expression(h, e);
}

static void put_drop(struct nlmsghdr *h)
{
	end_expression(h, begin_expression(h, "counter"));
	struct expression e = begin_expression(h, "immediate");
	mnl_attr_put_u32(h, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
	struct nlattr *data = mnl_attr_nest_start(h, NFTA_IMMEDIATE_DATA), *verdict = mnl_attr_nest_start(h, NFTA_DATA_VERDICT);
	mnl_attr_put_u32(h, NFTA_VERDICT_CODE, htonl(NF_DROP));
	mnl_attr_nest_end(h, verdict);
	mnl_attr_nest_end(h, data);
	end_expression(h, e);
}

static void put_rule(struct nft *n, const struct nft_rule *r)
{
	uint8_t data[2 + COMMENT_MAX] = { 0 };
	comment_of(r, (char *)data + 2);
	data[1] = (uint8_t)(strlen((char *)data + 2) + 1);
	struct nlmsghdr *h = begin_message(n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, n->table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain_names[r->chain]);
	struct nlattr *list = mnl_attr_nest_start(h, NFTA_RULE_EXPRESSIONS);
	if (n->family == NFPROTO_INET)
		put_family(h, r->set->octets == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	put_lookup(h, r);
	put_drop(h);
	mnl_attr_nest_end(h, list);
	mnl_attr_put(h, NFTA_RULE_USERDATA, 2u + data[1], data);
	end_message(n, h);
}

static void put_rule_removal(struct nft *n, const struct found_rule *r)
{
	struct nlmsghdr *h = begin_message(n, NFT_MSG_DELRULE, 0);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, n->table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain_names[r->chain]);
	mnl_attr_put_u64(h, NFTA_RULE_HANDLE, htobe64(r->handle));
	end_message(n, h);
}

/* Are the rules of one chain those that it should have, in their order? */
static bool same_rules(const struct looking *l, unsigned chain, const struct nft_rule *rules, size_t n_rules)
{
	const struct found_rule *found = (const void *)l->rules.p;
	size_t at = 0;
	for (size_t i = 0; i < n_rules; i++) {
		char comment[COMMENT_MAX];
		if (rules[i].chain != chain || !nft_has(l->n, rules[i].set))
			continue;
		while (at < l->n_rules && found[at].chain != chain)
			at++;
		comment_of(&rules[i], comment);
		if (at == l->n_rules || strcmp(found[at++].comment, comment) != 0)
			return false;
	}
	while (at < l->n_rules && found[at].chain != chain)
		at++;
	return at == l->n_rules;
}

static bool any_rule(const struct nft *n, unsigned chain, const struct nft_rule *rules, size_t n_rules)
{
	for (size_t i = 0; i < n_rules; i++)
		if (rules[i].chain == chain && nft_has(n, rules[i].set))
			return true;
	return false;
}

static void put_chain_anew(struct looking *l, unsigned chain, const struct nft_rule *rules, size_t n_rules, int priority)
{
	const struct found_rule *found = (const void *)l->rules.p;
	for (size_t i = 0; i < l->n_rules; i++)
		if (found[i].chain == chain)
			put_rule_removal(l->n, &found[i]);
	if (any_rule(l->n, chain, rules, n_rules))
		put_chain(l->n, chain, priority);
	for (size_t i = 0; i < n_rules; i++)
		if (rules[i].chain == chain && nft_has(l->n, rules[i].set))
			put_rule(l->n, &rules[i]);
}

static enum err look(struct looking *l, struct fault *f)
{
	enum err e = ERR_BUSY;
	for (unsigned i = 0; i < DUMP_TRIES && e == ERR_BUSY; i++) {
		l->rules.n = l->n_rules = 0;
		memset(l->set_found, 0, sizeof(l->set_found));
		e = ask(l->n, NFT_MSG_GETSET, NFTA_SET_TABLE, NULL, "the sets of the table", take_set, l, f);
		if (e == OK)
			e = ask(l->n, NFT_MSG_GETRULE, NFTA_RULE_TABLE, NULL, "the rules of the table", take_rule, l, f);
	}
	if (e == ERR_NOTFOUND) /* no table */
		return OK;
	return e == ERR_BUSY ? fault_set(f, e, "table %s %s changes while it is read", family_name(l->n), l->n->table) : e;
}

enum err nft_ensure(struct nft *n, const struct nft_set *sets, size_t n_sets, const struct nft_rule *rules, size_t n_rules, int priority,
		    bool *ret_made, struct fault *f)
{
	struct looking l = { .n = n, .sets = sets, .n_sets = n_sets < SETS_MAX ? n_sets : SETS_MAX };
	bool missing = false;
	forget(n);
	enum err e = look(&l, f);
	for (size_t i = 0; i < l.n_sets; i++)
		if (e == OK && !l.set_found[i] && nft_has(n, &sets[i])) {
			if (!missing)
				put_table(n);
			missing = true;
			put_set(n, &sets[i], (uint32_t)i + 1);
		}
	for (unsigned c = 0; c < NFT_CHAINS; c++)
		if (e == OK && !same_rules(&l, c, rules, n_rules)) {
			missing = true;
			put_chain_anew(&l, c, rules, n_rules, priority);
		}
	buf_release(&l.rules);
	if (e == OK)
		e = nft_commit(n, f);
	if (e == OK)
		*ret_made = missing;
	return e;
}

enum err nft_drop_table(struct nft *n, struct fault *f)
{
	forget(n);
	struct nlmsghdr *h = begin_message(n, NFT_MSG_DELTABLE, 0);
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, n->table);
	end_message(n, h);
	return nft_commit(n, f);
}
