#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "sys/host.h"

static void take(void *ctx, const uint8_t *address, uint8_t octets)
{
	char text[64];
	inet_ntop(octets == 4 ? AF_INET : AF_INET6, address, text, sizeof(text));
	buf_printf(ctx, "%s ", text);
}

static void test_routes(void **state)
{
	struct buf out = { 0 };
	char text[400];
	uint32_t gateway = inet_addr("203.0.113.1");
	snprintf(text, sizeof(text),
		 "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
		 "eth0\t00000000\t%08X\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
		 "eth0\t0071C0CB\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
		 "eth0\t00000000\tzz\t0003\n\nx", gateway);
	host_gateways4_in(span_str(text), take, &out);
	assert_string_equal(buf_cstr(&out), "203.0.113.1 ");
	out.n = 0;
	host_gateways6_in(SPAN_LIT("00000000000000000000000000000000 00 00000000000000000000000000000000 00 20010db8000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"
				   "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\nx y"),
			  take, &out);
	assert_string_equal(buf_cstr(&out), "2001:db8::1 ");
	buf_release(&out);
}

static void test_resolvers(void **state)
{
	struct buf out = { 0 };
	host_resolvers_in(SPAN_LIT("# nameserver 192.0.2.1\nsearch x.example\nnameserver 192.0.2.53\nnameserver\t2001:db8::53\nnameserver fe80::1%eth0\n"
				   "nameserver ::ffff:192.0.2.54\nnameserver\nnameserver name.example"),
			  take, &out);
	assert_string_equal(buf_cstr(&out), "192.0.2.53 2001:db8::53 fe80::1 192.0.2.54 ");
	out.n = 0;
	host_resolvers("/nonexistent/resolv.conf", take, &out);
	assert_int_equal(out.n, 0);
	buf_release(&out);
}

static void test_names(void **state)
{
	struct buf out = { 0 };
	host_find("192.0.2.7", take, &out);
	host_find("2001:db8::7", take, &out);
	assert_string_equal(buf_cstr(&out), "192.0.2.7 2001:db8::7 ");
	out.n = 0;
	host_addresses(take, &out); /* there is at least one where there is a network; none is no error */
	host_gateways(take, &out);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_routes), cmocka_unit_test(test_resolvers), cmocka_unit_test(test_names) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
