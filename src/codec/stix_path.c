#include "codec/stix_path.h"

#include "base/attr.h"

/* The standard's paths, those of MISP's exporter, and custom ones that are common. */
static const struct {
	const char *path;
	enum stix_what what;
} known[] = {
	{ "ipv4-addr:value", STIX_ADDRESS },
	{ "ipv6-addr:value", STIX_ADDRESS },
	{ "ip-addr:value", STIX_ADDRESS },
	{ "domain-name:value", STIX_HOST }, /* some feeds have addresses here */
	{ "hostname:value", STIX_HOST },
	{ "domain-name:resolves_to_refs.value", STIX_HOST },
	{ "network-traffic:src_ref.value", STIX_HOST },
	{ "network-traffic:dst_ref.value", STIX_HOST },
	{ "url:value", STIX_URL },
	{ "email-addr:value", STIX_EMAIL },
	{ "email-message:from_ref.value", STIX_EMAIL },
	{ "email-message:sender_ref.value", STIX_EMAIL },
	{ "email-message:to_refs.value", STIX_EMAIL },
	{ "network-traffic:src_ref.type", STIX_TRAFFIC },
	{ "network-traffic:dst_ref.type", STIX_TRAFFIC },
	{ "network-traffic:src_port", STIX_TRAFFIC },
	{ "network-traffic:dst_port", STIX_TRAFFIC },
	{ "network-traffic:protocols", STIX_TRAFFIC },
};

static const struct {
	const char *name;
	enum stix_what what;
} hashes[] = {
	{ "md5", STIX_MD5 },       { "sha-1", STIX_SHA1 },    { "sha1", STIX_SHA1 },     { "sha-256", STIX_SHA256 },
	{ "sha256", STIX_SHA256 }, { "sha_256", STIX_SHA256 }, { "sha-512", STIX_SHA512 }, { "sha512", STIX_SHA512 },
};

enum stix_what stix_path_what(struct span path)
{
	static const char dot_hashes[] = "hashes.";
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (span_is(path, known[i].path))
			return known[i].what;
	struct span type = span_head(path, span_find(path, ':'));
	if (span_is(type, "x509-certificate")) /* a certificate's fingerprint is not a file's */
		return STIX_OTHER;
	size_t dot = path.n;
	while (dot && path.p[dot - 1] != '.')
		dot--;
	size_t n = sizeof(dot_hashes) - 1;
	if (dot > n && memcmp(path.p + dot - n, dot_hashes, n) == 0 &&
	    (path.p[dot - n - 1] == ':' || path.p[dot - n - 1] == '.'))
		for (size_t i = 0; i < COUNT_OF(hashes); i++)
			if (span_is(span_from(path, dot), hashes[i].name))
				return hashes[i].what;
	return span_is(type, "file") || span_is(type, "artifact") ? STIX_FILE : STIX_OTHER;
}
