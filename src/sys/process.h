/* What the operating system knows of this process: for metrics. */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

#include <stdint.h>

/** Octets in main memory now, file mappings included; 0: cannot be told. */
uint64_t process_resident_octets(void);
/** Processor time used, of all threads, in microseconds. */
uint64_t process_cpu_us(void);

#endif
