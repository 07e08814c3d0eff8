#include "app/certificate.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"

enum { SOON_S = 14 * 86400 };

static bool is_set(const char *path)
{
	return strcmp(path, "none") != 0;
}

static void put_path(const char *dir, const char *path, struct buf *out)
{
	buf_printf(out, path[0] == '/' ? "%.0s%s" : "%s/%s", dir, path);
}

static void tell(struct tls_source *s, const char *what)
{
	struct tls_credential *c = tls_source_now(s);
	uint8_t digest[32];
	char hex[2 * sizeof(digest)], until[32];
	tls_credential_fingerprint(c, digest);
	hex_encode(digest, sizeof(digest), hex);
	time_format(tls_credential_until(c), until);
	log_line(LOG_NOTICE, "%s sha256:%.*s, until %s", what, (int)sizeof(hex), hex, until);
	if (tls_credential_until(c) - clock_ms() / 1000 < SOON_S)
		log_line(LOG_WARNING, "the certificate for TLS ends on %s", until);
	tls_credential_drop(c);
}

enum err certificate_open(const struct config *c, const char *dir, const char *what, struct tls_source **ret_source, struct fault *f)
{
	struct buf cert = { 0 }, key = { 0 }, ca = { 0 };
	if (!is_set(c->tls_cert) || !is_set(c->tls_key))
		return fault_set(f, ERR_USAGE, "%s needs a certificate: tls_cert and tls_key in sipar.conf", what);
	put_path(dir, c->tls_cert, &cert);
	put_path(dir, c->tls_key, &key);
	put_path(dir, c->tls_client_ca, &ca);
	const struct tls_files files = { buf_cstr(&cert), buf_cstr(&key), is_set(c->tls_client_ca) ? buf_cstr(&ca) : NULL };
	enum err e = tls_source_open(&files, ret_source, f);
	if (e == OK)
		tell(*ret_source, "TLS: certificate");
	buf_release(&cert);
	buf_release(&key);
	buf_release(&ca);
	return e;
}

void certificate_look(struct tls_source *s, bool asked)
{
	struct fault f;
	bool loaded = asked;
	if (!s)
		return;
	enum err e = asked ? tls_source_reload(s, &f) : tls_source_refresh(s, &loaded, &f);
	if (e)
		log_line(LOG_WARNING, "TLS: the certificate stays what it was: %s", f.text);
	else if (loaded)
		tell(s, "TLS: new certificate");
}

void certificate_metrics(struct tls_source *s, struct buf *out)
{
	if (!s)
		return;
	struct tls_credential *c = tls_source_now(s);
	buf_printf(out, "# HELP sipar_tls_certificate_until_seconds When the certificate for TLS ends.\n# TYPE sipar_tls_certificate_until_seconds gauge\n"
			"sipar_tls_certificate_until_seconds %lld\n", (long long)tls_credential_until(c));
	tls_credential_drop(c);
}
