#include "sys/idn.h"

#include "base/utf8.h"

#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDN_INPUT_MAX = 1024 /**< octets: 253 A-label octets never come from more than that */ };

enum err idn_to_ascii(struct span name, char ret_name[256], struct fault *f)
{
	char text[IDN_INPUT_MAX + 1], *mapped = NULL;
	if (name.n > IDN_INPUT_MAX)
		return fault_set(f, ERR_SYNTAX, "an internationalised name of %zu octets is too long", name.n);
	if (memchr(name.p, 0, name.n) || utf8_valid_prefix(name) < name.n)
		return fault_set(f, ERR_SYNTAX, "an internationalised name is not valid UTF-8");
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	int rc = idn2_to_ascii_8z(text, &mapped, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
	if (rc == IDN2_MALLOC)
		abort();
	if (rc != IDN2_OK)
		return fault_set(f, ERR_SYNTAX, "an internationalised name is not valid by IDNA2008: %s", idn2_strerror(rc));
	size_t n = strlen(mapped);
	bool fits = n > 0 && n <= 254; /* 253 and a final dot */
	if (fits)
		memcpy(ret_name, mapped, n + 1);
	idn2_free(mapped);
	return fits ? OK : fault_set(f, ERR_SYNTAX, "an internationalised name is empty or longer than 253 octets");
}
