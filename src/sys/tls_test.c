/* Certificates are made here; the other side is GnuTLS as a client, over a pair of sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/tls.h"

static char dir[64];

static const char *at(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *p = path[next++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void put(const char *name, const void *octets, size_t n, mode_t mode)
{
	unlink(at(name));
	int fd = open(at(name), O_WRONLY | O_CREAT | O_EXCL, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, octets, n), n);
	close(fd);
}

/* "NAME.crt" and "NAME.key": signed by the pair `by`, or by itself. */
static void make(const char *name, const char *by, const char *purpose)
{
	gnutls_x509_privkey_t key, its;
	gnutls_x509_crt_t crt, signer;
	gnutls_datum_t out;
	static unsigned serial;
	uint8_t number[4] = { 1, 0, 0, (uint8_t)++serial };
	char file[64];
	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
	assert_int_equal(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(crt, number, sizeof(number)), 0);
	assert_int_equal(gnutls_x509_crt_set_activation_time(crt, 1600000000), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, 4000000000), 0);
	assert_int_equal(gnutls_x509_crt_set_basic_constraints(crt, by == NULL, -1), 0);
	if (purpose)
		assert_int_equal(gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0), 0);
	if (by) {
		gnutls_datum_t pem;
		snprintf(file, sizeof(file), "%s.crt", by);
		assert_int_equal(gnutls_load_file(at(file), &pem), 0);
		assert_int_equal(gnutls_x509_crt_init(&signer), 0);
		assert_int_equal(gnutls_x509_crt_import(signer, &pem, GNUTLS_X509_FMT_PEM), 0);
		gnutls_free(pem.data);
		snprintf(file, sizeof(file), "%s.key", by);
		assert_int_equal(gnutls_load_file(at(file), &pem), 0);
		assert_int_equal(gnutls_x509_privkey_init(&its), 0);
		assert_int_equal(gnutls_x509_privkey_import(its, &pem, GNUTLS_X509_FMT_PEM), 0);
		gnutls_free(pem.data);
	}
	assert_int_equal(gnutls_x509_crt_sign2(crt, by ? signer : crt, by ? its : key, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out), 0);
	snprintf(file, sizeof(file), "%s.crt", name);
	put(file, out.data, out.size, 0644);
	gnutls_free(out.data);
	assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &out), 0);
	snprintf(file, sizeof(file), "%s.key", name);
	put(file, out.data, out.size, 0600);
	gnutls_free(out.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	if (by) {
		gnutls_x509_crt_deinit(signer);
		gnutls_x509_privkey_deinit(its);
	}
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/sipar-tls-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	make("ca", NULL, NULL);
	make("other", NULL, NULL);
	make("server", "ca", GNUTLS_KP_TLS_WWW_SERVER);
	make("renewed", "ca", GNUTLS_KP_TLS_WWW_SERVER);
	make("client", "ca", GNUTLS_KP_TLS_WWW_CLIENT);
	make("stranger", "other", GNUTLS_KP_TLS_WWW_CLIENT);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "ca", "other", "server", "renewed", "client", "stranger", "bad" };
	char file[64];
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(file, sizeof(file), "%s.crt", names[i]);
		unlink(at(file));
		snprintf(file, sizeof(file), "%s.key", names[i]);
		unlink(at(file));
	}
	return rmdir(dir);
}

static void copy(const char *from, const char *to, mode_t mode)
{
	gnutls_datum_t octets;
	assert_int_equal(gnutls_load_file(at(from), &octets), 0);
	put(to, octets.data, octets.size, mode);
	gnutls_free(octets.data);
}

/* ---- credentials ---- */

static void refused(const char *cert, const char *key, const char *ca, enum err code, const char *file, const char *text)
{
	const struct tls_files files = { at(cert), at(key), ca ? at(ca) : NULL };
	struct tls_credential *c;
	struct fault f = { .text = "" };
	assert_int_equal(tls_credential_load(&files, &c, &f), code);
	if (!strstr(f.text, at(file)) || !strstr(f.text, text))
		fail_msg("neither \"%s\" nor \"%s\" is missed in \"%s\"", at(file), text, f.text);
}

static void test_what_is_wrong_is_said(void **state)
{
	static const char garbage[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	static uint8_t large[(1 << 20) + 1];
	refused("none.crt", "server.key", NULL, ERR_IO, "none.crt", "No such file");
	refused("server.crt", "none.key", NULL, ERR_IO, "none.key", "No such file");
	refused("server.crt", "server.key", "none.crt", ERR_IO, "none.crt", "No such file");
	refused("server.key", "server.key", NULL, ERR_SYNTAX, "server.key", "certificates in PEM");
	refused("server.crt", "ca.crt", NULL, ERR_FORBIDDEN, "ca.crt", "everybody may read");
	refused("server.crt", "renewed.key", NULL, ERR_SYNTAX, "renewed.key", "do not go together");
	refused("server.crt", "server.key", "server.key", ERR_SYNTAX, "server.key", "no certificate in PEM");
	put("bad.crt", garbage, sizeof(garbage) - 1, 0644);
	put("bad.key", garbage, sizeof(garbage) - 1, 0600);
	refused("bad.crt", "server.key", NULL, ERR_SYNTAX, "bad.crt", "certificates in PEM");
	refused("server.crt", "bad.key", NULL, ERR_SYNTAX, "bad.key", "no private key in PEM");
	put("bad.crt", large, sizeof(large), 0644);
	refused("bad.crt", "server.key", NULL, ERR_RANGE, "bad.crt", "larger than");
	put("bad.crt", "", 0, 0644);
	refused("bad.crt", "server.key", NULL, ERR_SYNTAX, "bad.crt", "certificates in PEM");
}

static void test_handles(void **state)
{
	const struct tls_files files = { at("server.crt"), at("server.key"), at("ca.crt") };
	struct tls_credential *c;
	void *pcerts, *key;
	unsigned n;
	assert_int_equal(tls_credential_load(&files, &c, NULL), OK);
	tls_credential_handles(c, &pcerts, &n, &key);
	assert_int_equal(n, 1);
	assert_non_null(pcerts);
	assert_non_null(key);
	struct tls_pem pem = tls_credential_pem(c);
	assert_int_equal(pem.cert.p[pem.cert.n], 0);
	assert_int_equal(pem.key.p[pem.key.n], 0);
	assert_non_null(strstr((const char *)pem.key.p, "PRIVATE KEY"));
	assert_non_null(strstr((const char *)pem.client_ca.p, "BEGIN CERTIFICATE"));
	assert_int_equal(tls_credential_until(c), 4000000000);
	tls_credential_drop(tls_credential_hold(c));
	tls_credential_drop(c);
	tls_credential_drop(NULL);
}

static void fingerprint_of_now(struct tls_source *s, uint8_t ret[32])
{
	struct tls_credential *c = tls_source_now(s);
	tls_credential_fingerprint(c, ret);
	tls_credential_drop(c);
}

/* What cannot be loaded leaves what there is; what is held stays. */
static void test_reload(void **state)
{
	uint8_t first[32], second[32];
	struct tls_source *s;
	struct fault f = { .text = "" };
	bool loaded;
	copy("server.crt", "bad.crt", 0644);
	copy("server.key", "bad.key", 0600);
	const struct tls_files files = { at("bad.crt"), at("bad.key"), NULL };
	assert_int_equal(tls_source_open(&files, &s, &f), OK);
	struct tls_credential *held = tls_source_now(s);
	fingerprint_of_now(s, first);
	assert_int_equal(tls_source_refresh(s, &loaded, &f), OK);
	assert_false(loaded);
	copy("renewed.crt", "bad.crt", 0644); /* the key comes a moment later */
	assert_int_equal(tls_source_refresh(s, &loaded, &f), ERR_SYNTAX);
	assert_false(loaded);
	assert_int_equal(tls_source_refresh(s, &loaded, &f), OK); /* told once */
	assert_false(loaded);
	assert_int_equal(tls_source_reload(s, &f), ERR_SYNTAX);
	fingerprint_of_now(s, second);
	assert_memory_equal(first, second, 32);
	copy("renewed.key", "bad.key", 0600);
	assert_int_equal(tls_source_refresh(s, &loaded, &f), OK);
	assert_true(loaded);
	fingerprint_of_now(s, second);
	assert_memory_not_equal(first, second, 32);
	tls_credential_fingerprint(held, second);
	assert_memory_equal(first, second, 32);
	assert_int_equal(tls_source_reload(s, &f), OK);
	tls_source_close(s);
	tls_credential_drop(held);
	tls_source_close(NULL);
	copy("server.key", "bad.key", 0600);
	const struct tls_files wrong = { at("bad.crt"), at("bad.key"), NULL };
	assert_int_equal(tls_source_open(&wrong, &s, &f), ERR_SYNTAX);
	assert_non_null(strstr(f.text, "do not go together"));
}

/* ---- sessions ---- */

struct pair {
	int fd[2];
	struct tls_credential *credential;
	struct tls_session *server;
	gnutls_certificate_credentials_t own;
	gnutls_session_t client;
};

static void open_pair(struct pair *p, bool mutual, const struct tls_rules *rules, const char *versions, const char *alpn, const char *who)
{
	char cert[64], key[64];
	const struct tls_files files = { at("server.crt"), at("server.key"), mutual ? at("ca.crt") : NULL };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fd), 0);
	assert_int_equal(tls_credential_load(&files, &p->credential, NULL), OK);
	p->server = tls_session_new(p->credential, p->fd[0], rules);
	assert_int_equal(gnutls_certificate_allocate_credentials(&p->own), 0);
	assert_int_equal(gnutls_certificate_set_x509_trust_file(p->own, at("ca.crt"), GNUTLS_X509_FMT_PEM), 1);
	if (who) {
		snprintf(cert, sizeof(cert), "%s.crt", who);
		snprintf(key, sizeof(key), "%s.key", who);
		assert_int_equal(gnutls_certificate_set_x509_key_file(p->own, at(cert), at(key), GNUTLS_X509_FMT_PEM), 0);
		gnutls_certificate_set_flags(p->own, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
	}
	assert_int_equal(gnutls_init(&p->client, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT), 0);
	assert_int_equal(gnutls_priority_set_direct(p->client, versions, NULL), 0);
	assert_int_equal(gnutls_credentials_set(p->client, GNUTLS_CRD_CERTIFICATE, p->own), 0);
	if (alpn) {
		gnutls_datum_t protocol = { (unsigned char *)(uintptr_t)alpn, (unsigned)strlen(alpn) };
		assert_int_equal(gnutls_alpn_set_protocols(p->client, &protocol, 1, 0), 0);
	}
	gnutls_transport_set_int(p->client, p->fd[1]);
}

static void close_pair(struct pair *p)
{
	tls_session_free(p->server);
	tls_credential_drop(p->credential);
	gnutls_deinit(p->client);
	gnutls_certificate_free_credentials(p->own);
	close(p->fd[0]);
	close(p->fd[1]);
}

/* Both sides in turn.  Returns how the server's ended. */
static enum tls_state shake(struct pair *p)
{
	enum tls_state state = TLS_WANT_READ;
	int r = GNUTLS_E_AGAIN;
	for (int i = 0; i < 20; i++) {
		if (r == GNUTLS_E_AGAIN)
			r = gnutls_handshake(p->client);
		if (state == TLS_WANT_READ || state == TLS_WANT_WRITE)
			state = tls_handshake(p->server);
	}
	return state;
}

#define NORMAL "NORMAL"
#define ONLY_1_2 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
static const struct tls_rules dot = { .alpn = "dot", .only_1_3 = true }, any = { .alpn = NULL };

static enum tls_state outcome(bool mutual, const struct tls_rules *rules, const char *versions, const char *alpn, const char *who)
{
	struct pair p;
	open_pair(&p, mutual, rules, versions, alpn, who);
	enum tls_state state = shake(&p);
	if (state == TLS_BROKEN)
		assert_string_not_equal(tls_why(p.server), "nothing is wrong");
	close_pair(&p);
	return state;
}

static void test_rules(void **state)
{
	assert_int_equal(outcome(false, &dot, NORMAL, "dot", NULL), TLS_FINE);
	assert_int_equal(outcome(false, &dot, NORMAL, NULL, NULL), TLS_BROKEN);
	assert_int_equal(outcome(false, &dot, NORMAL, "h2", NULL), TLS_BROKEN);
	assert_int_equal(outcome(false, &dot, ONLY_1_2, "dot", NULL), TLS_BROKEN);
	assert_int_equal(outcome(false, &any, ONLY_1_2, NULL, NULL), TLS_FINE);
	assert_int_equal(outcome(false, &any, ONLY_1_2, "h2", NULL), TLS_FINE);
	assert_int_equal(outcome(false, &any, "NORMAL:-VERS-ALL:+VERS-TLS1.1", NULL, NULL), TLS_BROKEN);
	assert_int_equal(outcome(false, &any, NORMAL, NULL, "stranger"), TLS_FINE); /* nobody asks */
}

static void test_mutual(void **state)
{
	static const struct tls_rules *const rules[] = { &dot, &any };
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		const char *versions = rules[i] == &any ? ONLY_1_2 : NORMAL;
		assert_int_equal(outcome(true, rules[i], versions, "dot", "client"), TLS_FINE);
		assert_int_equal(outcome(true, rules[i], versions, "dot", NULL), TLS_BROKEN);
		assert_int_equal(outcome(true, rules[i], versions, "dot", "stranger"), TLS_BROKEN);
		assert_int_equal(outcome(true, rules[i], versions, "dot", "server"), TLS_BROKEN); /* signed, but for servers */
	}
}

static void test_peer(void **state)
{
	struct pair p;
	struct tls_peer peer;
	gnutls_datum_t pem;
	gnutls_x509_crt_t crt;
	uint8_t digest[32];
	size_t n = sizeof(digest);
	open_pair(&p, true, &dot, NORMAL, "dot", "client");
	assert_false(tls_session_peer(p.server, &peer));
	assert_int_equal(shake(&p), TLS_FINE);
	assert_true(tls_session_peer(p.server, &peer));
	assert_string_equal(peer.subject, "CN=client");
	assert_int_equal(gnutls_load_file(at("client.crt"), &pem), 0);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM), 0);
	assert_int_equal(gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, digest, &n), 0);
	assert_memory_equal(peer.fingerprint, digest, sizeof(digest));
	gnutls_x509_crt_deinit(crt);
	gnutls_free(pem.data);
	close_pair(&p);
	open_pair(&p, false, &dot, NORMAL, "dot", NULL);
	assert_int_equal(shake(&p), TLS_FINE);
	assert_false(tls_session_peer(p.server, &peer));
	close_pair(&p);
}

static uint8_t sent[3 << 20], got[sizeof(sent)];

/* More than the sockets hold, so that both directions of wanting come. */
static void test_octets(void **state)
{
	struct pair p;
	size_t at_sent = 0, at_got = 0, n, waited = 0;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 2654435761u >> 13);
	open_pair(&p, false, &dot, NORMAL, "dot", NULL);
	assert_int_equal(shake(&p), TLS_FINE);
	assert_int_equal(tls_read(p.server, got, 10, &n), TLS_WANT_READ);
	while (at_got < sizeof(sent)) {
		enum tls_state s = TLS_FINE;
		while (at_sent < sizeof(sent) && (s = tls_write(p.server, sent + at_sent, sizeof(sent) - at_sent, &n)) == TLS_FINE)
			at_sent += n;
		assert_true(s == TLS_FINE || s == TLS_WANT_WRITE);
		waited += s == TLS_WANT_WRITE;
		ssize_t r;
		while ((r = gnutls_record_recv(p.client, got + at_got, sizeof(got) - at_got)) > 0)
			at_got += (size_t)r;
		assert_int_equal(r, at_got < sizeof(sent) ? GNUTLS_E_AGAIN : r);
	}
	assert_true(waited > 0);
	assert_memory_equal(sent, got, sizeof(sent));
	/* the other way: a record larger than what is read at once */
	assert_int_equal(gnutls_record_send(p.client, "hello, world", 12), 12);
	assert_int_equal(tls_read(p.server, got, 5, &n), TLS_FINE);
	assert_int_equal(n, 5);
	assert_int_equal(tls_pending(p.server), 7);
	assert_int_equal(tls_read(p.server, got + 5, 100, &n), TLS_FINE);
	assert_int_equal(n, 7);
	assert_int_equal(tls_pending(p.server), 0);
	assert_memory_equal(got, "hello, world", 12);
	assert_int_equal(tls_read(p.server, got, 5, &n), TLS_WANT_READ);
	assert_int_equal(gnutls_bye(p.client, GNUTLS_SHUT_WR), 0);
	assert_int_equal(tls_read(p.server, got, 5, &n), TLS_CLOSED);
	tls_session_bye(p.server);
	assert_int_equal(gnutls_record_recv(p.client, got, 5), 0);
	close_pair(&p);
}

/* Who goes without a word has not said that he is done. */
static void test_cut(void **state)
{
	struct pair p;
	size_t n;
	open_pair(&p, false, &dot, NORMAL, "dot", NULL);
	assert_int_equal(shake(&p), TLS_FINE);
	assert_int_equal(shutdown(p.fd[1], SHUT_RDWR), 0);
	assert_int_equal(tls_read(p.server, got, 5, &n), TLS_CUT);
	assert_string_equal(tls_why(p.server), "the connection was closed in the middle");
	tls_session_free(NULL);
	close_pair(&p);
	open_pair(&p, false, &dot, NORMAL, "dot", NULL);
	assert_int_equal(write(p.fd[1], "GET / HTTP/1.1\r\n\r\n", 18), 18);
	assert_int_equal(tls_handshake(p.server), TLS_BROKEN);
	close_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_wrong_is_said), cmocka_unit_test(test_handles), cmocka_unit_test(test_reload), cmocka_unit_test(test_rules),
		cmocka_unit_test(test_mutual), cmocka_unit_test(test_peer), cmocka_unit_test(test_octets), cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
