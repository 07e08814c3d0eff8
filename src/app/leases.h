/* Leases: a thread that ends them when their time has come. */
#ifndef APP_LEASES_H
#define APP_LEASES_H

#include "gate/docket.h"

struct leases;
enum err leases_start(struct docket *d, struct leases **ret_leases, struct fault *f) MUST_USE;
/** NULL is taken. */
void leases_stop(struct leases *l);

#endif
