/* Values: what the feed says is to be blocked or challenged here, since when each is, and whether the kernel has it.
 *
 * Addresses and prefixes alone.  One thread at a time. */
#ifndef ENFORCE_VALUES_H
#define ENFORCE_VALUES_H

#include "codec/observable.h"

enum value_action { VALUE_BLOCK, VALUE_CHALLENGE };

struct value {
	uint8_t address[16];  /**< 4 or 16 octets; host bits are 0 */
	uint8_t octets, prefix; /**< of a whole address 32 or 128 */
	uint8_t action;
	bool spared;          /**< must not be enforced here: enforce/spared.h */
	bool applied;         /**< the kernel has it; set by who gave it to the kernel */
	uint32_t mark;        /**< for who goes through all of them */
	uint32_t since_s;     /**< first enforced here; 0: not yet */
};

struct values;
struct values *values_new(void);
void values_free(struct values *v);
size_t values_count(const struct values *v);
/** In no order; i < values_count().  A removal moves the last one to where the removed one was. */
struct value *values_at(struct values *v, size_t i);
/** @return NULL: none, or no address or prefix. */
struct value *values_find(struct values *v, const struct observable *o);
struct value *values_find_address(struct values *v, const uint8_t *address, uint8_t octets);
/** Find or add.  One that is added is a block, not applied.  Pointers to others are not valid any more.  NULL: no address or prefix. */
struct value *values_put(struct values *v, const struct observable *o);
void values_remove(struct values *v, const struct value *one);

struct observable value_observable(const struct value *v);
/** Is it a whole address? */
static inline bool value_is_address(const struct value *v)
{
	return v->prefix == 8 * v->octets;
}

#endif
