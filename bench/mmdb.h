/* A MaxMind DB of IPv4 networks, for benchmarks beside libmaxminddb: MaxMind DB File Format Specification 2.0, records of 32 bits. */
#ifndef BENCH_MMDB_H
#define BENCH_MMDB_H

#include <stddef.h>
#include <stdint.h>

struct mmdb_net {
	uint32_t addr;
	uint8_t length; /* 1 to 32 */
};

/* @param nets    shorter ones first, so that longer ones stand over them
 * @param values  how many maps {"score": 1 .. 100} there are: network i has number i mod values
 * @return octets of the file; ends the process when it cannot be written. */
size_t mmdb_write(const char *path, const struct mmdb_net *nets, size_t n, uint32_t values);

#endif
