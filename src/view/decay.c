/* Decay and the final scale, in integers: the polynomial and the logistic of docs/scoring.md are tables made by
 * tools/make_tables.py, so that no node's floating point has a say in a score. */
#include "view/decay_table.h"
#include "view/score.h"
#include "view/score_table.h"

enum { DAY_S = 86400, DECAY_FLOOR = 64 };

/* Row of decay_table for a speed: the nearest that there is, the lower of two. */
static const uint8_t row_of_speed[] = {
	0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5,
};

static unsigned row_of(uint16_t speed_x10)
{
	return speed_x10 < COUNT_OF(row_of_speed) ? row_of_speed[speed_x10] : COUNT_OF(decay_speeds) - 1;
}

uint16_t score_decay(uint32_t age_s, uint16_t lifetime_d, uint16_t speed_x10)
{
	uint64_t lifetime_s = (uint64_t)lifetime_d * DAY_S;
	if (age_s >= lifetime_s)
		return DECAY_FLOOR;
	/* age / lifetime in 1/65536: the upper 8 bits choose the point of the table, the lower 8 are between it and the
	 * next. */
	unsigned x = (unsigned)(((uint64_t)age_s << 16) / lifetime_s);
	const uint16_t *t = &decay_table[row_of(speed_x10)][x >> 8];
	unsigned between = x & 255;
	unsigned decay = (t[0] * (256 - between) + t[1] * between) >> 8;
	return decay > DECAY_FLOOR ? (uint16_t)decay : DECAY_FLOOR;
}

void score_lifetime(uint8_t kind, uint8_t category, uint16_t *ret_lifetime_d, uint16_t *ret_speed_x10)
{
	/* Times the category's, which is for addresses: names and netblocks change hands more slowly than addresses do. */
	static const uint8_t times[OBS_KINDS] = {
		[OBS_NONE] = 1, [OBS_IPV4] = 1, [OBS_IPV6] = 1, [OBS_CIDR4] = 3, [OBS_CIDR6] = 3, [OBS_DOMAIN] = 3, [OBS_URL] = 1,
		[OBS_EMAIL] = 3,
	};
	unsigned t = kind < OBS_KINDS ? times[kind] : 1;
	const struct category_row *row = category_row(category);
	if (t == 0) { /* hashes: a malicious file stays one */
		*ret_lifetime_d = SOURCE_LIFETIME_MAX;
		*ret_speed_x10 = decay_speeds[0];
		return;
	}
	unsigned days = row->lifetime_d * t;
	*ret_lifetime_d = days > SOURCE_LIFETIME_MAX ? SOURCE_LIFETIME_MAX : (uint16_t)days;
	*ret_speed_x10 = decay_speeds[row_of(row->speed_x10)];
}

uint8_t score_from_mdb(int32_t mdb)
{
	if (mdb <= 0)
		return 0;
	if (mdb >= score_table[COUNT_OF(score_table) - 1])
		return COUNT_OF(score_table);
	unsigned score = score_cells[mdb / SCORE_CELL];
	return (uint8_t)(score + (score_table[score] <= mdb));
}
