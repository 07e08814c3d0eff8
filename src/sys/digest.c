#include "sys/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

/* Making a context and looking SHA-256 up in OpenSSL's providers costs more than hashing a small entry, so each thread
 * keeps its context; the key's destructor takes it back when the thread ends. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t context_key;

static void free_context(void *context)
{
	EVP_MD_CTX_free(context);
}

static void make_key(void)
{
	if (pthread_key_create(&context_key, free_context))
		abort();
}

static EVP_MD_CTX *thread_context(void)
{
	pthread_once(&once, make_key);
	EVP_MD_CTX *context = pthread_getspecific(context_key);
	if (!context) {
		context = EVP_MD_CTX_new();
		if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL) || pthread_setspecific(context_key, context))
			abort(); /* out of memory, or a library without SHA-256 */
	}
	return context;
}

void sha256_two(struct span a, struct span b, uint8_t ret_digest[32])
{
	EVP_MD_CTX *context = thread_context();
	if (!EVP_DigestInit_ex(context, NULL, NULL) || !EVP_DigestUpdate(context, a.p, a.n) ||
	    !EVP_DigestUpdate(context, b.p, b.n) || !EVP_DigestFinal_ex(context, ret_digest, NULL))
		abort();
}
