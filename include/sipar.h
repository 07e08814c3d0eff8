/* SPDX-License-Identifier: Apache-2.0 */
/* libsipar: ask a Sipar snapshot about an address, a domain, a URL or a hash.
 *
 *     struct sipar *s;
 *     struct sipar_result r = { .size = sizeof(r) };
 *     char error[SIPAR_ERROR_MAX];
 *     if (sipar_open("pk.sipar", key, &s, error, sizeof(error)))
 *         ...
 *     if (sipar_lookup(s, "evil.example", 12, &r) == SIPAR_OK && r.score >= 50)
 *         ...
 *     sipar_close(s);
 *
 * A snapshot is what "sipar snapshot" writes: one file, signed by the node, that is mapped and used as it lies there.  The
 * answers are those of "sipar check" on that node, at the present time; sipar(3) says what differs.
 *
 * Threads: any number may look up in one handle at the same time; sipar_open() and sipar_close() concern one handle each.  A
 * lookup takes no lock, allocates nothing, makes no system call but for the time, and needs up to 256 KiB of stack.
 *
 * The file must not be changed in place while it is open: put a new one in its place by rename(), open it, let lookups use the new
 * handle, and close the old one when the last lookup in it has returned.  sipar_changed() says when.
 */
#ifndef SIPAR_H
#define SIPAR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SIPAR_API __attribute__((visibility("default")))
#else
#define SIPAR_API
#endif

enum sipar_status {
	SIPAR_OK = 0,
	SIPAR_ERR_VALUE = -1,    /**< what was asked is no address, domain, URL, hash or e-mail address */
	SIPAR_ERR_ARGUMENT = -2, /**< a pointer is NULL, or a size is not one that was ever published */
	SIPAR_ERR_SYSTEM = -3,   /**< the file cannot be opened or mapped */
	SIPAR_ERR_FORMAT = -4,   /**< the file is no snapshot, or was cut off or damaged */
	SIPAR_ERR_VERSION = -5,  /**< the file is of a newer version, or of the other byte order */
	SIPAR_ERR_KEY = -6,      /**< the file is signed by another key */
	SIPAR_ERR_DAMAGED = -7   /**< a lookup: octets that it has read are not what was signed.  So is each lookup from then on */
};

/** What a thing is listed for.  Numbers are never given another meaning; later versions may have more. */
enum sipar_category {
	SIPAR_UNKNOWN,   /**< on a list that does not say why */
	SIPAR_SPAM,
	SIPAR_PHISHING,
	SIPAR_FRAUD,
	SIPAR_MALWARE,
	SIPAR_C2,
	SIPAR_BOTNET,
	SIPAR_DGA,
	SIPAR_SCANNER,
	SIPAR_BRUTE_FORCE,
	SIPAR_EXPLOIT,
	SIPAR_DDOS,
	SIPAR_PROXY,
	SIPAR_TOR,
	SIPAR_HIJACKED,
	SIPAR_SPYWARE
};

/** Kinds of things. */
enum sipar_kind {
	SIPAR_NONE,
	SIPAR_IPV4,
	SIPAR_IPV6,
	SIPAR_CIDR4,
	SIPAR_CIDR6,
	SIPAR_DOMAIN,
	SIPAR_URL,
	SIPAR_MD5,
	SIPAR_SHA1,
	SIPAR_SHA256,
	SIPAR_SHA512,
	SIPAR_EMAIL,
	SIPAR_ANY = 255  /**< of a query: text in any form, the kind found from it */
};

/** How the key with the strongest evidence concerns what was asked. */
enum sipar_match {
	SIPAR_MATCH_NONE,   /**< there is no evidence */
	SIPAR_MATCH_EXACT,
	SIPAR_MATCH_PREFIX, /**< it is a prefix around the address */
	SIPAR_MATCH_PARENT, /**< it is a parent of the domain */
	SIPAR_MATCH_HOST    /**< it is the host of the URL or e-mail address, or a parent or prefix of that */
};

/** An answer.  Set `size` to sizeof(struct sipar_result) before the call: a later library then fills what this one has. */
struct sipar_result {
	uint32_t size;
	int32_t status;          /**< what the lookup returned: for batches */
	uint8_t score;           /**< 0 to 100; 0: not listed */
	uint8_t is_protected;    /**< 1: something protects it, and the score is 0 whatever else is said */
	uint8_t kind;            /**< of what was asked: enum sipar_kind */
	uint8_t match;           /**< enum sipar_match */
	uint8_t matched_kind;    /**< of the key with the strongest evidence */
	uint8_t prefix_length;   /**< of that key, when it is a prefix (and 32 or 128 when it is an address) */
	uint8_t parent_labels;   /**< labels of the domain, or host, that were left off to come to that key */
	uint8_t zero;
	uint32_t category;       /**< of the strongest evidence: enum sipar_category; look at it when there is evidence */
	uint32_t categories;     /**< bit for each category of the evidence; 0: there is none */
	uint32_t sources;        /**< how many sources give evidence */
	int64_t seen;            /**< the latest time that evidence is of, seconds since 1970; 0: none */
	const char *protected_by; /**< when protected: by whom or what, until sipar_close(); else NULL */
};

/** A question of a batch. */
struct sipar_query {
	uint32_t kind;           /**< SIPAR_ANY, SIPAR_DOMAIN, SIPAR_URL: `p` is text; SIPAR_IPV4, SIPAR_IPV6, SIPAR_MD5 ... SIPAR_SHA512: octets */
	uint32_t n;              /**< octets at p */
	const void *p;
};

struct sipar_info {
	uint32_t size;           /**< set before the call, as of a result */
	uint32_t sources;
	const char *node;        /**< who has written it; until sipar_close() */
	const char *feed;        /**< which selection, or "" */
	int64_t made;            /**< when, seconds since 1970 */
	uint64_t keys, octets;
	uint8_t key[32];         /**< Ed25519 public key that has signed it */
};

struct sipar;

enum { SIPAR_ERROR_MAX = 400 };

/** @param key        32 octets: the Ed25519 key that must have signed it.  NULL: any; then it is only known to be whole, and
 *                    sipar_info() says by whom it is.
 *  @param ret_handle  on success: give it to sipar_close().
 *  @param error      a sentence about what is wrong (SIPAR_ERROR_MAX is room for all); may be NULL. */
SIPAR_API int sipar_open(const char *path, const uint8_t *key, struct sipar **ret_handle, char *error, size_t error_size);
/** NULL is taken. */
SIPAR_API void sipar_close(struct sipar *s);
/** Is there another file at the path now than the one that is open?  1 or 0; a system call. */
SIPAR_API int sipar_changed(const struct sipar *s);
/** Read the whole file and compare it with what was signed: what lookups do piece by piece.  SIPAR_OK or SIPAR_ERR_DAMAGED. */
SIPAR_API int sipar_verify(const struct sipar *s);

/* Each fills `result`, also with an error, and returns its status. */

/** @param family  AF_INET or AF_INET6; @param octets  4 or 16, network order. */
SIPAR_API int sipar_lookup_ip(const struct sipar *s, int family, const void *octets, struct sipar_result *result);
/** A name in any case, with or without a final dot; in Unicode it is SIPAR_ERR_VALUE: give the xn-- form. */
SIPAR_API int sipar_lookup_domain(const struct sipar *s, const char *name, size_t n, struct sipar_result *result);
SIPAR_API int sipar_lookup_url(const struct sipar *s, const char *url, size_t n, struct sipar_result *result);
/** @param n  16: MD5, 20: SHA-1, 32: SHA-256, 64: SHA-512. */
SIPAR_API int sipar_lookup_hash(const struct sipar *s, const void *octets, size_t n, struct sipar_result *result);
/** Any of them as people write it, prefixes and e-mail addresses too, defanged (hxxp://evil[.]example) or not. */
SIPAR_API int sipar_lookup(const struct sipar *s, const char *text, size_t n, struct sipar_result *result);
/** Many at once: their waits for memory overlap.
 *  @param results  n of them, of which the first says the size of each.
 *  @return SIPAR_OK, also when some of them are not answered (see their status); SIPAR_ERR_ARGUMENT; SIPAR_ERR_DAMAGED. */
SIPAR_API int sipar_lookup_batch(const struct sipar *s, const struct sipar_query *queries, size_t n, struct sipar_result *results);

SIPAR_API int sipar_info(const struct sipar *s, struct sipar_info *info);
/** "c2-server", "phishing" ...; "unknown" for numbers that this library does not know.  Never NULL. */
SIPAR_API const char *sipar_category_name(unsigned category);
/** A few words about a status.  Never NULL. */
SIPAR_API const char *sipar_status_text(int status);
/** Of the library: "0.1.0". */
SIPAR_API const char *sipar_version(void);

#ifdef __cplusplus
}
#endif

#endif
