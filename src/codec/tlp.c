#include "codec/tlp.h"

#include <string.h>

const char *tlp_name(unsigned tlp)
{
	static const char *const names[] = { "tlp:unsaid", "tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red" };
	return names[tlp <= TLP_RED ? tlp : TLP_UNSAID];
}

enum tlp tlp_find(struct span name)
{
	enum tlp tlp = TLP_RED;
	while (tlp > TLP_UNSAID && !span_is(name, tlp_name(tlp)) && !span_is(name, tlp_name(tlp) + strlen("tlp:")))
		tlp--;
	return tlp;
}
