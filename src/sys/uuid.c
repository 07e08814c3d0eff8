#include "sys/uuid.h"

#include "base/num.h"
#include "sys/digest.h"
#include "sys/key.h"

const uint8_t uuid_urls[16] = { 0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };

static void put(uint8_t octets[16], unsigned version, char text[UUID_TEXT])
{
	char digits[32];
	octets[6] = (uint8_t)((octets[6] & 0x0f) | version << 4);
	octets[8] = (uint8_t)((octets[8] & 0x3f) | 0x80);
	hex_encode(octets, 16, digits);
	for (unsigned i = 0, at = 0; i < 32; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			text[at++] = '-';
		text[at++] = digits[i];
	}
	text[UUID_TEXT - 1] = 0;
}

void uuid_named(const uint8_t namespace[16], struct span name, char ret_text[UUID_TEXT])
{
	uint8_t digest[20];
	sha1_two(span_of(namespace, 16), name, digest);
	put(digest, 5, ret_text);
}

void uuid_random(char ret_text[UUID_TEXT])
{
	uint8_t octets[16];
	random_octets(octets, sizeof(octets));
	put(octets, 4, ret_text);
}
