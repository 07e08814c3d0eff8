/* SPDX-License-Identifier: Apache-2.0 */
/* example SNAPSHOT VALUE...: what the snapshot says of each value.  Build it with
 *     cc example.c $(pkg-config --cflags --libs libsipar) -o example */
#include <stdio.h>
#include <string.h>

#include <sipar.h>

int main(int argc, char **argv)
{
	struct sipar *s;
	char error[SIPAR_ERROR_MAX];
	if (argc < 2) {
		fprintf(stderr, "usage: example SNAPSHOT VALUE...\n");
		return 64;
	}
	if (sipar_open(argv[1], NULL, &s, error, sizeof(error))) { /* better: with the 32 octets of the node's key */
		fprintf(stderr, "example: %s\n", error);
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		struct sipar_result r = { .size = sizeof(r) };
		int status = sipar_lookup(s, argv[i], strlen(argv[i]), &r);
		if (status)
			printf("%s: %s\n", argv[i], sipar_status_text(status));
		else if (r.is_protected)
			printf("%s: protected, %s\n", argv[i], r.protected_by);
		else
			printf("%s: score %u %s\n", argv[i], r.score, r.score ? sipar_category_name(r.category) : "not listed");
	}
	sipar_close(s);
	return 0;
}
