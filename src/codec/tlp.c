#include "codec/tlp.h"

const char *tlp_name(unsigned tlp)
{
	static const char *const names[] = { "tlp:unsaid", "tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red" };
	return names[tlp <= TLP_RED ? tlp : TLP_UNSAID];
}
