/* GnuTLS keeps what it was given for a session until that ends, so a session holds its credential. */
#include "sys/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, CHAIN_MAX = 16 };

/* ---- who we are ---- */

struct tls_credential {
	atomic_uint holders;
	struct buf cert, key, client_ca; /* PEM, each with a NUL behind it that does not count */
	bool mutual;
	gnutls_certificate_credentials_t all;
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned n_chain;
	gnutls_privkey_t private;
	uint8_t fingerprint[32];
	int64_t until;
};

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_release(b);
}

static void credential_free(struct tls_credential *c)
{
	for (unsigned i = 0; i < c->n_chain; i++)
		gnutls_pcert_deinit(&c->chain[i]);
	if (c->private)
		gnutls_privkey_deinit(c->private);
	if (c->all)
		gnutls_certificate_free_credentials(c->all);
	buf_release(&c->cert);
	wipe(&c->key);
	buf_release(&c->client_ca);
	free(c);
}

struct tls_credential *tls_credential_hold(struct tls_credential *c)
{
	atomic_fetch_add(&c->holders, 1);
	return c;
}

void tls_credential_drop(struct tls_credential *c)
{
	if (c && atomic_fetch_sub(&c->holders, 1) == 1)
		credential_free(c);
}

/* @param secret  it must not be everybody's to read. */
static enum err read_file(const char *path, bool secret, struct buf *out, struct fault *f)
{
	struct stat st;
	enum err e = OK;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(errno));
	buf_reserve(out, FILE_MAX + 2); /* does not move from here on, so that no key is left behind */
	if (secret && fstat(fd, &st) == 0 && (st.st_mode & 07))
		e = fault_set(f, ERR_FORBIDDEN, "everybody may read the key in \"%s\": chmod o= it", path);
	for (ssize_t n = 1; e == OK && n > 0;) {
		n = read(fd, out->p + out->n, FILE_MAX + 1 - out->n);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			e = fault_set(f, ERR_IO, "\"%s\" cannot be read: %s", path, strerror(errno));
		else
			out->n += (size_t)n;
		if (e == OK && out->n > FILE_MAX)
			e = fault_set(f, ERR_RANGE, "\"%s\" is larger than %d octets", path, FILE_MAX);
	}
	close(fd);
	out->p[out->n] = 0;
	return e;
}

static gnutls_datum_t datum(const struct buf *b)
{
	return (gnutls_datum_t){ b->p, (unsigned)b->n };
}

static enum err take_chain(struct tls_credential *c, const char *path, struct fault *f)
{
	gnutls_x509_crt_t crt[CHAIN_MAX];
	gnutls_datum_t pem = datum(&c->cert);
	unsigned n = CHAIN_MAX;
	size_t size = sizeof(c->fingerprint);
	int r = gnutls_x509_crt_list_import(crt, &n, &pem, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED | GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	if (r < 0 || n == 0)
		return fault_set(f, ERR_SYNTAX, "\"%s\" is not a chain of at most %d certificates in PEM, ours first: %s", path, CHAIN_MAX,
				 r < 0 ? gnutls_strerror(r) : "there is none in it");
	c->until = gnutls_x509_crt_get_expiration_time(crt[0]);
	if ((r = gnutls_x509_crt_get_fingerprint(crt[0], GNUTLS_DIG_SHA256, c->fingerprint, &size)) < 0)
		(void)fault_set(f, ERR_SYNTAX, "\"%s\": %s", path, gnutls_strerror(r));
	for (unsigned i = 0; i < n; i++) {
		if (r >= 0 && (r = gnutls_pcert_import_x509(&c->chain[c->n_chain], crt[i], 0)) < 0)
			(void)fault_set(f, ERR_SYNTAX, "\"%s\": %s", path, gnutls_strerror(r));
		else if (r >= 0)
			c->n_chain++;
		gnutls_x509_crt_deinit(crt[i]);
	}
	return r < 0 ? ERR_SYNTAX : OK;
}

static enum err take_key(struct tls_credential *c, const char *path, struct fault *f)
{
	gnutls_datum_t pem = datum(&c->key);
	int r = gnutls_privkey_init(&c->private);
	if (r >= 0)
		r = gnutls_privkey_import_x509_raw(c->private, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	return r < 0 ? fault_set(f, ERR_SYNTAX, "\"%s\" is no private key in PEM without a passphrase: %s", path, gnutls_strerror(r)) : OK;
}

static enum err gather(struct tls_credential *c, const struct tls_files *files, struct fault *f)
{
	gnutls_datum_t cert = datum(&c->cert), key = datum(&c->key), ca = datum(&c->client_ca);
	int r = gnutls_certificate_allocate_credentials(&c->all);
	if (r >= 0)
		r = gnutls_certificate_set_x509_key_mem2(c->all, &cert, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (r < 0)
		return fault_set(f, ERR_SYNTAX, "the key in \"%s\" and the certificate in \"%s\" do not go together: %s", files->key, files->cert,
				 gnutls_strerror(r));
	if (files->client_ca && (r = gnutls_certificate_set_x509_trust_mem(c->all, &ca, GNUTLS_X509_FMT_PEM)) <= 0)
		return fault_set(f, ERR_SYNTAX, "\"%s\" has no certificate in PEM in it: %s", files->client_ca, r < 0 ? gnutls_strerror(r) : "it has none");
	return OK;
}

enum err tls_credential_load(const struct tls_files *files, struct tls_credential **ret_credential, struct fault *f)
{
	struct tls_credential *c = mem_zalloc(sizeof(*c));
	atomic_init(&c->holders, 1);
	c->mutual = files->client_ca != NULL;
	enum err e = read_file(files->cert, false, &c->cert, f);
	if (e == OK)
		e = read_file(files->key, true, &c->key, f);
	if (e == OK && c->mutual)
		e = read_file(files->client_ca, false, &c->client_ca, f);
	if (e == OK && (e = take_chain(c, files->cert, f)) == OK && (e = take_key(c, files->key, f)) == OK)
		e = gather(c, files, f);
	if (e)
		credential_free(c);
	else
		*ret_credential = c;
	return e;
}

void tls_credential_fingerprint(const struct tls_credential *c, uint8_t ret_digest[32])
{
	memcpy(ret_digest, c->fingerprint, sizeof(c->fingerprint));
}

enum err tls_certificate_fingerprint(struct span octets, uint8_t ret_digest[32], struct fault *f)
{
	gnutls_datum_t d = { (unsigned char *)(uintptr_t)octets.p, (unsigned)octets.n };
	gnutls_x509_crt_t crt;
	size_t size = 32;
	int r = gnutls_x509_crt_init(&crt);
	if (r < 0)
		return fault_set(f, ERR_IO, "%s", gnutls_strerror(r));
	if (octets.n > UINT32_MAX / 2 || ((r = gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_PEM)) < 0 && gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_DER) < 0))
		r = r < 0 ? r : GNUTLS_E_ASN1_DER_ERROR;
	else
		r = gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, ret_digest, &size);
	gnutls_x509_crt_deinit(crt);
	return r < 0 ? fault_set(f, ERR_SYNTAX, "that is no certificate: %s", gnutls_strerror(r)) : OK;
}

int64_t tls_credential_until(const struct tls_credential *c)
{
	return c->until;
}

void tls_credential_handles(struct tls_credential *c, void **ret_pcerts, unsigned *ret_n, void **ret_key)
{
	*ret_pcerts = c->chain;
	*ret_n = c->n_chain;
	*ret_key = c->private;
}

struct tls_pem tls_credential_pem(const struct tls_credential *c)
{
	return (struct tls_pem){ buf_span(&c->cert), buf_span(&c->key), buf_span(&c->client_ca) };
}

/* ---- files and the credential of now ---- */

/* What tells that a file is another one. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec written, changed;
};

struct tls_source {
	char *path[3];              /* cert, key, client_ca or NULL */
	pthread_mutex_t loading;    /* held by whoever loads */
	struct stamp tried[3];      /* the files at the last attempt */
	pthread_mutex_t lock;       /* of the pointer */
	struct tls_credential *now;
};

static void look(const struct tls_source *s, struct stamp stamp[3])
{
	memset(stamp, 0, 3 * sizeof(*stamp));
	for (int i = 0; i < 3; i++) {
		struct stat st;
		if (s->path[i] && stat(s->path[i], &st) == 0) {
			stamp[i].dev = st.st_dev;
			stamp[i].ino = st.st_ino;
			stamp[i].size = st.st_size;
			stamp[i].written = st.st_mtim;
			stamp[i].changed = st.st_ctim;
		}
	}
}

/* The files are looked at before they are read: what is written meanwhile is another one the next time. */
static enum err load(struct tls_source *s, struct fault *f)
{
	const struct tls_files files = { s->path[0], s->path[1], s->path[2] };
	struct tls_credential *new;
	look(s, s->tried);
	enum err e = tls_credential_load(&files, &new, f);
	if (e)
		return e;
	pthread_mutex_lock(&s->lock);
	struct tls_credential *old = s->now;
	s->now = new;
	pthread_mutex_unlock(&s->lock);
	tls_credential_drop(old);
	return OK;
}

enum err tls_source_open(const struct tls_files *files, struct tls_source **ret_source, struct fault *f)
{
	struct tls_source *s = mem_zalloc(sizeof(*s));
	s->path[0] = mem_strdup(files->cert);
	s->path[1] = mem_strdup(files->key);
	s->path[2] = files->client_ca ? mem_strdup(files->client_ca) : NULL;
	pthread_mutex_init(&s->loading, NULL);
	pthread_mutex_init(&s->lock, NULL);
	enum err e = load(s, f);
	if (e)
		tls_source_close(s);
	else
		*ret_source = s;
	return e;
}

void tls_source_close(struct tls_source *s)
{
	if (!s)
		return;
	tls_credential_drop(s->now);
	for (int i = 0; i < 3; i++)
		free(s->path[i]);
	pthread_mutex_destroy(&s->loading);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct tls_credential *tls_source_now(struct tls_source *s)
{
	pthread_mutex_lock(&s->lock);
	struct tls_credential *c = tls_credential_hold(s->now);
	pthread_mutex_unlock(&s->lock);
	return c;
}

enum err tls_source_reload(struct tls_source *s, struct fault *f)
{
	pthread_mutex_lock(&s->loading);
	enum err e = load(s, f);
	pthread_mutex_unlock(&s->loading);
	return e;
}

enum err tls_source_refresh(struct tls_source *s, bool *ret_loaded, struct fault *f)
{
	struct stamp stamp[3];
	enum err e = OK;
	pthread_mutex_lock(&s->loading);
	look(s, stamp);
	bool other = memcmp(stamp, s->tried, sizeof(stamp)) != 0;
	if (other)
		e = load(s, f);
	pthread_mutex_unlock(&s->loading);
	*ret_loaded = other && e == OK;
	return e;
}

/* ---- sessions ---- */

struct tls_session {
	gnutls_session_t is;
	struct tls_credential *credential;
	bool alpn;             /* must be chosen */
	size_t unsent;         /* octets of a record that the socket has not taken */
	const char *why;
};

/* Called when the client's hello is read: RFC 7301 leaves to the server what to do about a client that names no protocol. */
static int check_hello(gnutls_session_t is)
{
	const struct tls_session *s = gnutls_session_get_ptr(is);
	gnutls_datum_t chosen;
	return s->alpn && gnutls_alpn_get_selected_protocol(is, &chosen) < 0 ? GNUTLS_E_NO_APPLICATION_PROTOCOL : 0;
}

static int check_client(gnutls_session_t is)
{
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT };
	unsigned status = 0;
	return gnutls_certificate_verify_peers(is, &purpose, 1, &status) < 0 || status ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

struct tls_session *tls_session_new(struct tls_credential *c, int fd, const struct tls_rules *rules)
{
	struct tls_session *s = mem_zalloc(sizeof(*s));
	const char *versions = rules->only_1_3 ? "NORMAL:-VERS-ALL:+VERS-TLS1.3" : "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
	/* None of these fails but for want of memory, or when the words are wrong. */
	if (gnutls_init(&s->is, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS) < 0 ||
	    gnutls_priority_set_direct(s->is, versions, NULL) < 0 || gnutls_credentials_set(s->is, GNUTLS_CRD_CERTIFICATE, c->all) < 0)
		abort();
	s->credential = tls_credential_hold(c);
	gnutls_session_set_ptr(s->is, s);
	if (rules->alpn) {
		gnutls_datum_t protocol = { (unsigned char *)(uintptr_t)rules->alpn, (unsigned)strlen(rules->alpn) };
		s->alpn = true;
		if (gnutls_alpn_set_protocols(s->is, &protocol, 1, GNUTLS_ALPN_MANDATORY) < 0)
			abort();
		gnutls_handshake_set_post_client_hello_function(s->is, check_hello);
	}
	gnutls_certificate_server_set_request(s->is, c->mutual ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
	if (c->mutual)
		gnutls_session_set_verify_function(s->is, check_client);
	gnutls_handshake_set_timeout(s->is, GNUTLS_INDEFINITE_TIMEOUT); /* the caller's */
	gnutls_transport_set_int(s->is, fd);
	return s;
}

void tls_session_free(struct tls_session *s)
{
	if (!s)
		return;
	gnutls_deinit(s->is);
	tls_credential_drop(s->credential);
	free(s);
}

static enum tls_state broken(struct tls_session *s, ssize_t r)
{
	bool cut = r == GNUTLS_E_PREMATURE_TERMINATION;
	s->why = cut ? "the connection was closed in the middle" : gnutls_strerror((int)r);
	return cut ? TLS_CUT : TLS_BROKEN;
}

static enum tls_state wanting(const struct tls_session *s)
{
	return gnutls_record_get_direction(s->is) ? TLS_WANT_WRITE : TLS_WANT_READ;
}

enum tls_state tls_handshake(struct tls_session *s)
{
	int r;
	do
		r = gnutls_handshake(s->is);
	while (r == GNUTLS_E_INTERRUPTED || (r < 0 && r != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(r)));
	if (r == GNUTLS_E_AGAIN)
		return wanting(s);
	if (r >= 0)
		return TLS_FINE;
	gnutls_alert_send_appropriate(s->is, r);
	return broken(s, r);
}

enum tls_state tls_read(struct tls_session *s, void *to, size_t room, size_t *ret_n)
{
	ssize_t r;
	do
		r = gnutls_record_recv(s->is, to, room);
	while (r == GNUTLS_E_INTERRUPTED || r == GNUTLS_E_WARNING_ALERT_RECEIVED);
	if (r == GNUTLS_E_AGAIN)
		return wanting(s);
	if (r == 0)
		return TLS_CLOSED;
	if (r < 0)
		return broken(s, r);
	*ret_n = (size_t)r;
	return TLS_FINE;
}

size_t tls_pending(const struct tls_session *s)
{
	return gnutls_record_check_pending(s->is);
}

enum tls_state tls_write(struct tls_session *s, const void *p, size_t n, size_t *ret_n)
{
	ssize_t r;
	do
		r = s->unsent ? gnutls_record_send(s->is, NULL, 0) : gnutls_record_send(s->is, p, n);
	while (r == GNUTLS_E_INTERRUPTED);
	if (r == GNUTLS_E_AGAIN) {
		s->unsent = n;
		return TLS_WANT_WRITE;
	}
	s->unsent = 0;
	if (r <= 0)
		return broken(s, r ? r : GNUTLS_E_PUSH_ERROR);
	*ret_n = (size_t)r;
	return TLS_FINE;
}

void tls_session_bye(struct tls_session *s)
{
	if (!s->why && !s->unsent)
		(void)gnutls_bye(s->is, GNUTLS_SHUT_WR);
}

const char *tls_why(const struct tls_session *s)
{
	return s->why ? s->why : "nothing is wrong";
}

bool tls_session_peer(const struct tls_session *s, struct tls_peer *ret_peer)
{
	unsigned n = 0;
	const gnutls_datum_t *der = gnutls_certificate_get_peers(s->is, &n);
	gnutls_x509_crt_t crt;
	gnutls_datum_t subject = { NULL, 0 };
	size_t size = sizeof(ret_peer->fingerprint);
	if (!der || n == 0 || gnutls_x509_crt_init(&crt) < 0)
		return false;
	bool fine = gnutls_x509_crt_import(crt, &der[0], GNUTLS_X509_FMT_DER) >= 0 &&
		    gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, ret_peer->fingerprint, &size) >= 0;
	if (fine) {
		ret_peer->subject[0] = 0;
		if (gnutls_x509_crt_get_dn3(crt, &subject, 0) >= 0)
			snprintf(ret_peer->subject, sizeof(ret_peer->subject), "%.*s", (int)subject.size, (const char *)subject.data);
		gnutls_free(subject.data);
	}
	gnutls_x509_crt_deinit(crt);
	return fine;
}
