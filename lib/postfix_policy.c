/* SPDX-License-Identifier: Apache-2.0 */
/* postfix_policy SNAPSHOT LEAST-SCORE [KEY]: a policy service for Postfix (SMTPD_POLICY_README): on standard input requests of "name=value"
 * lines with an empty line behind them, on standard output an action for each.  Refuses clients, and senders' domains, that
 * score LEAST-SCORE or more, and takes a new snapshot when there is one.  docs/edge.md has the lines for main.cf and master.cf. */
#include <stdio.h>
#include <string.h>

#include <sipar.h>

static unsigned score(const struct sipar *s, const char *value, struct sipar_result *r)
{
	r->size = sizeof(*r);
	return *value && sipar_lookup(s, value, strlen(value), r) == SIPAR_OK ? r->score : 0;
}

/* The number that the first `n` characters of the text are, to a base up to 16; 0 when they are none. */
static unsigned number(const char *text, size_t n, unsigned base)
{
	static const char digits[] = "0123456789abcdef";
	unsigned value = 0;
	for (size_t i = 0; i < n; i++) {
		const char *at = text[i] ? memchr(digits, text[i], base) : NULL;
		if (!at)
			return 0;
		value = value * base + (unsigned)(at - digits);
	}
	return value;
}

/* Whatever goes wrong with a new file, the old one goes on answering. */
static struct sipar *newest(struct sipar *s, const char *path, const uint8_t *key)
{
	struct sipar *next;
	if (!sipar_changed(s) || sipar_open(path, key, &next, NULL, 0))
		return s;
	sipar_close(s);
	return next;
}

int main(int argc, char **argv)
{
	char line[4096], client[256] = "", sender[512] = "", error[SIPAR_ERROR_MAX];
	unsigned char octets[32], *key = argc > 3 ? octets : NULL;
	struct sipar *s;
	struct sipar_result r;
	unsigned least = argc > 2 && strlen(argv[2]) <= 3 ? number(argv[2], strlen(argv[2]), 10) : 0;
	if (key && strlen(argv[3]) != 64)
		least = 0;
	for (size_t i = 0; key && least && i < 32; i++)
		octets[i] = (unsigned char)number(argv[3] + 2 * i, 2, 16);
	if (least < 1 || least > 100 || sipar_open(argv[1], key, &s, error, sizeof(error))) {
		fprintf(stderr, "postfix_policy: %s\n", least < 1 || least > 100 ? "usage: postfix_policy SNAPSHOT LEAST-SCORE [KEY]" : error);
		return 1; /* Postfix tries again, and answers 451 meanwhile */
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, "client_address=", 15) == 0)
			snprintf(client, sizeof(client), "%s", line + 15);
		else if (strncmp(line, "sender=", 7) == 0)
			snprintf(sender, sizeof(sender), "%s", line + 7);
		if (*line)
			continue;
		s = newest(s, argv[1], key);
		if (score(s, client, &r) >= least || score(s, sender, &r) >= least)
			printf("action=550 5.7.1 Listed: %s, score %u\n\n", sipar_category_name(r.category), r.score);
		else
			printf("action=DUNNO\n\n");
		fflush(stdout);
		*client = *sender = 0;
	}
	sipar_close(s);
	return 0;
}
