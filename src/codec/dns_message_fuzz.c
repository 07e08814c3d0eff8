/* Any octets as a query; whatever is read must be inside the input, and its answer inside its limit. */
#include <stdlib.h>

#include "codec/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_query q;
	struct dns_name asked;
	char text[DNS_NAME_MAX];
	bool about = dns_question_read(span_of(data, size), &asked);
	if (about && dns_name_text(&asked, text) > asked.size)
		abort();
	if (!dns_query_read(span_of(data, size), &q))
		return 0;
	if (q.question.n && (q.question.p < data || q.question.p + q.question.n > data + size))
		abort();
	size_t limit = DNS_PLAIN_MAX;
	uint8_t *out = malloc(limit);
	struct dns_answer a;
	dns_answer_begin(&a, &q, limit, out);
	if (q.cookie.n && (q.cookie.n < DNS_COOKIE_CLIENT || q.cookie.n > DNS_COOKIE_MAX || q.cookie.p + q.cookie.n > data + size || !q.edns))
		abort();
	if (q.rcode == DNS_NOERROR && q.question.n == 0 && q.cookie.n == 0)
		abort();
	if (q.rcode == DNS_NOERROR && q.question.n) {
		if (q.question.n != q.name.size + 4u || q.name.start[q.name.labels] + 1u != q.name.size)
			abort();
		if (about != (q.class == DNS_IN) || (about && memcmp(asked.lower, q.name.lower, asked.size)))
			abort();
		for (unsigned i = 0; i < q.name.labels; i++) {
			dns_answer_open(&a, DNS_ANSWER, q.name.start[i], DNS_TXT, 1);
			dns_answer_octets(&a, dns_label(&q.name, i).p - 1, dns_label(&q.name, i).n + 1);
			dns_answer_close(&a);
		}
	}
	if (dns_answer_end(&a, &q, q.rcode, true, DNS_EDE_NOT_SUPPORTED, q.cookie) > limit)
		abort();
	free(out);
	return 0;
}
