/* ask SNAPSHOT KEY [THREADS]: values from standard input, one a line; for each one line with what the library says, asked one by one and
 * in a batch, which must agree.  With THREADS, all of them ask everything at the same time, and must agree, too. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sipar.h>

#ifdef COUNT_ALLOCATIONS /* linked with --wrap=malloc,calloc,realloc */
static _Thread_local unsigned long allocations;
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n) { allocations++; return __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t m) { allocations++; return __real_calloc(n, m); }
void *__wrap_realloc(void *p, size_t n) { allocations++; return __real_realloc(p, n); }
#else
static unsigned long allocations;
#endif

static char **values;
static size_t n_values;
static struct sipar *handle;
static struct sipar_result *expected;

static int same(const struct sipar_result *a, const struct sipar_result *b)
{
	return a->status == b->status && a->score == b->score && a->is_protected == b->is_protected && a->kind == b->kind && a->match == b->match &&
	       a->matched_kind == b->matched_kind && a->prefix_length == b->prefix_length && a->parent_labels == b->parent_labels &&
	       a->category == b->category && a->categories == b->categories && a->sources == b->sources && a->seen == b->seen &&
	       strcmp(a->protected_by ? a->protected_by : "", b->protected_by ? b->protected_by : "") == 0;
}

static void *ask_all(void *disagreements)
{
	unsigned long before = allocations;
	for (size_t i = 0; i < n_values; i++) {
		struct sipar_result r = { .size = sizeof(r) };
		sipar_lookup(handle, values[i], strlen(values[i]), &r);
		*(int *)disagreements += !same(&r, &expected[i]);
	}
	*(int *)disagreements += allocations != before;
	return NULL;
}

static void print(const char *value, const struct sipar_result *r)
{
	const char *between = "";
	printf("{\"status\":%d,\"score\":%u,\"protected\":%s,\"kind\":%u,\"match\":%u,\"matched_kind\":%u,\"prefix\":%u,\"labels\":%u,\"sources\":%u,\"seen\":%lld,\"strongest\":\"%s\",\"protected_by\":\"%s\",\"categories\":[",
	       r->status, r->score, r->is_protected ? "true" : "false", r->kind, r->match, r->matched_kind, r->prefix_length, r->parent_labels, r->sources,
	       (long long)r->seen, r->categories ? sipar_category_name(r->category) : "", r->protected_by ? r->protected_by : "");
	for (unsigned c = 0; c < 32; c++)
		if (r->categories >> c & 1) {
			printf("%s\"%s\"", between, sipar_category_name(c));
			between = ",";
		}
	printf("]}\n");
	(void)value;
}

int main(int argc, char **argv)
{
	char error[SIPAR_ERROR_MAX], line[70000];
	unsigned char key[32];
	unsigned threads = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	for (unsigned i = 0; argc > 2 && i < 32; i++) {
		char digits[3] = { argv[2][2 * i], argv[2][2 * i + 1], 0 };
		key[i] = (unsigned char)strtoul(digits, NULL, 16);
	}
	int status = sipar_open(argv[1], argc > 2 ? key : NULL, &handle, error, sizeof(error));
	if (status) {
		fprintf(stderr, "%d %s\n", status, error);
		return 2;
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		values = realloc(values, (n_values + 1) * sizeof(*values));
		values[n_values++] = strdup(line);
	}
	struct sipar_query *queries = calloc(n_values + 1, sizeof(*queries));
	expected = calloc(n_values + 1, sizeof(*expected));
	for (size_t i = 0; i < n_values; i++)
		queries[i] = (struct sipar_query){ .kind = SIPAR_ANY, .n = (unsigned)strlen(values[i]), .p = values[i] };
	expected[0].size = sizeof(*expected);
	if (!threads && sipar_lookup_batch(handle, queries, n_values, expected))
		return 3;
	struct sipar *other = NULL;
	if (threads) { /* each of the first lookups may be the one that verifies a chunk: nothing was asked before the threads begin */
		if (sipar_open(argv[1], NULL, &other, NULL, 0) || sipar_lookup_batch(other, queries, n_values, expected))
			return 3;
	}
	pthread_t thread[64];
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
#ifndef __SANITIZE_THREAD__ /* what the manual says is enough */
	pthread_attr_setstacksize(&attributes, 256 << 10);
#endif
	int disagreements[64] = { 0 }, sum = 0;
	for (unsigned i = 0; i < threads; i++)
		pthread_create(&thread[i], &attributes, ask_all, &disagreements[i]);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	if (!threads)
		ask_all(&disagreements[0]);
	for (unsigned i = 0; i < 64; i++)
		sum += disagreements[i];
	for (size_t i = 0; i < n_values; i++)
		print(values[i], &expected[i]);
	if (sipar_verify(handle) || sipar_changed(handle))
		return 4;
	sipar_close(handle);
	sipar_close(other);
	if (sum)
		fprintf(stderr, "%d answers differ, or memory was allocated\n", sum);
	return sum ? 5 : 0;
}
