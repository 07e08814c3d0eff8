#include "view/score_words.h"

const char *score_words_fate(enum line_fate fate)
{
	static const char *const words[LINE_FATES] = {
		[LINE_COUNTS] = "counts", [LINE_GROUP] = "group", [LINE_REPLACED] = "replaced", [LINE_EXPIRED] = "expired",
		[LINE_DISTRUSTED] = "distrusted", [LINE_PART] = "part", [LINE_KNOWN] = "known", [LINE_PROTECTS] = "protects",
		[LINE_RETRACTED] = "retracted", [LINE_RETRACTS] = "retracts", [LINE_HOST] = "host",
	};
	return fate < LINE_FATES ? words[fate] : "unknown";
}

const char *score_words_stance(uint8_t stance)
{
	static const char *const words[] = {
		[STANCE_INDICATOR] = "indicator", [STANCE_SIGHTING] = "sighting", [STANCE_FALSE_POSITIVE] = "false-positive",
		[STANCE_RETRACTED] = "retracted", [STANCE_PROTECTED] = "protected", [STANCE_KNOWN] = "known",
	};
	return stance < COUNT_OF(words) ? words[stance] : "unknown";
}

const char *score_words_match(const struct score_line *l, uint8_t asked_kind)
{
	if ((asked_kind == OBS_URL || asked_kind == OBS_EMAIL) && l->key.kind != asked_kind)
		return "host";
	if (l->exact)
		return "exact";
	return l->key.kind == OBS_DOMAIN ? "parent" : "prefix";
}

struct observable score_words_key(const struct score_line *l)
{
	return (struct observable){
		.kind = l->key.kind, .prefix = l->key.prefix, .wildcard = (l->claim.flags & CLAIM_WILDCARD) != 0,
		.n = l->key.n, .key = l->key.p,
	};
}
