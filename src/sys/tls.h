/* TLS for servers (GnuTLS): who we are, a credential, and sessions over sockets that do not block.
 *
 * A credential is a chain of certificates and its key, in PEM, and maybe the certificates of those who sign clients' (mutual TLS).  One that
 * is loaded never changes; a tls_source has the files and the credential of now, and takes another one while the first is in use.
 *
 * Sessions: TLS 1.2 or 1.3, or 1.3 alone; no renegotiation, no compression, no resumption. */
#ifndef SYS_TLS_H
#define SYS_TLS_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* ---- who we are ---- */

struct tls_files {
	const char *cert;      /**< PEM: ours first, then those that sign it */
	const char *key;       /**< PEM, without a passphrase; not for everybody to read */
	const char *client_ca; /**< PEM; NULL: clients need no certificate */
};

/** Immutable; any thread. */
struct tls_credential;
/** @return OK, held once; ERR_IO: a file cannot be read; ERR_RANGE: it is larger than 1 MiB; ERR_FORBIDDEN: the key is everybody's to read; ERR_SYNTAX: what is in a file is
 *          not what must be there, or the key is not that of the certificate.  The fault names the file. */
enum err tls_credential_load(const struct tls_files *files, struct tls_credential **ret_credential, struct fault *f) MUST_USE;
struct tls_credential *tls_credential_hold(struct tls_credential *c);
/** The last one overwrites the key.  NULL is taken. */
void tls_credential_drop(struct tls_credential *c);
/** SHA-256 of our certificate (DER). */
void tls_credential_fingerprint(const struct tls_credential *c, uint8_t ret_digest[32]);
/** When our certificate ends, seconds since 1970. */
int64_t tls_credential_until(const struct tls_credential *c);
/** For other libraries that speak TLS by GnuTLS: gnutls_pcert_st[*ret_n] and gnutls_privkey_t, the credential's for as long as it is held. */
void tls_credential_handles(struct tls_credential *c, void **ret_pcerts, unsigned *ret_n, void **ret_key);
/** For those that take the files: PEM with a NUL behind it, the credential's for as long as it is held; client_ca empty: there is none. */
struct tls_pem {
	struct span cert, key, client_ca;
};
struct tls_pem tls_credential_pem(const struct tls_credential *c);

/** SHA-256 of a certificate, PEM (the first of several) or DER.  @return ERR_SYNTAX: it is none. */
enum err tls_certificate_fingerprint(struct span octets, uint8_t ret_digest[32], struct fault *f) MUST_USE;

/** Files, and the credential that was loaded from them last.  Any thread. */
struct tls_source;
/** @param files  copied.  @return as tls_credential_load(). */
enum err tls_source_open(const struct tls_files *files, struct tls_source **ret_source, struct fault *f) MUST_USE;
/** NULL is taken. */
void tls_source_close(struct tls_source *s);
/** The one of now, to be dropped. */
struct tls_credential *tls_source_now(struct tls_source *s);
/** Load anew.  What is held stays what it is; sessions that begin from here on have the new one.  @return as tls_credential_load(): then
 *  the one of before stays. */
enum err tls_source_reload(struct tls_source *s, struct fault *f) MUST_USE;
/** Load anew if a file is another one than at the last attempt.  @param ret_loaded  is it loaded?  @return as tls_source_reload(); OK when nothing is new. */
enum err tls_source_refresh(struct tls_source *s, bool *ret_loaded, struct fault *f) MUST_USE;

/* ---- sessions ---- */

enum { TLS_SUBJECT_MAX = 255 };

struct tls_rules {
	const char *alpn;  /**< the protocol that must be chosen ("dot"); NULL: any */
	bool only_1_3;     /**< TLS 1.3 alone */
};

enum tls_state {
	TLS_FINE,
	TLS_WANT_READ,  /**< again when the socket can be read */
	TLS_WANT_WRITE, /**< again when it can be written, with the same arguments */
	TLS_CLOSED,     /**< the other side has said that it is done */
	TLS_CUT,        /**< it has gone without saying so: see tls_why() */
	TLS_BROKEN,     /**< over: see tls_why() */
};

/** One thread at a time. */
struct tls_session;
/** The server's side of a connection.  @param fd  does not block; stays the caller's.  The credential is held. */
struct tls_session *tls_session_new(struct tls_credential *c, int fd, const struct tls_rules *rules);
/** NULL is taken.  Says nothing to the other side: tls_session_bye(). */
void tls_session_free(struct tls_session *s);
/** To be called until it is TLS_FINE: by then the rules are kept, and the client's certificate is good if one is asked for. */
enum tls_state tls_handshake(struct tls_session *s);
/** TLS_FINE with at least one octet; see tls_pending(). */
enum tls_state tls_read(struct tls_session *s, void *to, size_t room, size_t *ret_n);
/** Octets that were read from the socket and not taken yet: to be taken before the socket tells of more. */
size_t tls_pending(const struct tls_session *s);
/** TLS_FINE: `ret_n` of them, at least one, are on their way. */
enum tls_state tls_write(struct tls_session *s, const void *p, size_t n, size_t *ret_n);
/** Tell the other side that nothing follows, as far as that goes without waiting. */
void tls_session_bye(struct tls_session *s);
/** With TLS_BROKEN and TLS_CUT: why, a clause. */
const char *tls_why(const struct tls_session *s);

struct tls_peer {
	uint8_t fingerprint[32];           /**< SHA-256 of its certificate (DER) */
	char subject[TLS_SUBJECT_MAX + 1]; /**< "CN=resolver.example", cut if it is longer */
};
/** Whom the certificate says that the client is, after the handshake.  @return false: it has shown none. */
bool tls_session_peer(const struct tls_session *s, struct tls_peer *ret_peer);

#endif
