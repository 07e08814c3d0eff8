#include "codec/masks.h"

#include "codec/category.h"
#include "codec/feed.h"

static const struct {
	const char *name;
	uint8_t bit;
} kinds[] = { { "ip", KINDS_IP }, { "domain", KINDS_DOMAIN }, { "url", KINDS_URL }, { "hash", KINDS_HASH }, { "email", KINDS_EMAIL } };

static enum err no_kind(struct span word, uint8_t of, struct fault *f)
{
	struct buf names = { 0 };
	unsigned left = (unsigned)__builtin_popcount(of);
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (of & kinds[i].bit)
			buf_printf(&names, "%s%s", kinds[i].name, --left > 1 ? ", " : left ? " and " : "");
	enum err e = fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is none of the kinds %s", SPAN_ARG(span_head(word, 100)), buf_cstr(&names));
	buf_release(&names);
	return e;
}

enum err kinds_parse(struct span list, uint8_t of, uint8_t *ret_kinds, struct fault *f)
{
	uint8_t mask = 0;
	for (struct span one; span_item(&list, &one);) {
		size_t i = 0;
		while (i < COUNT_OF(kinds) && !(of & kinds[i].bit && span_is(one, kinds[i].name)))
			i++;
		if (i == COUNT_OF(kinds))
			return no_kind(one, of, f);
		mask |= kinds[i].bit;
	}
	*ret_kinds = mask;
	return OK;
}

void kinds_put(uint8_t mask, struct buf *out)
{
	const char *between = "";
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (mask & kinds[i].bit) {
			buf_printf(out, "%s%s", between, kinds[i].name);
			between = ",";
		}
}

enum err categories_parse(struct span list, uint32_t *ret_categories, struct fault *f)
{
	uint32_t mask = 0;
	for (struct span one; span_item(&list, &one);) {
		enum category c = category_find(one);
		if (c == CAT_COUNT)
			return fault_set(f, ERR_USAGE, "\"" SPAN_FMT "\" is not a category", SPAN_ARG(span_head(one, 100)));
		mask |= 1U << c;
	}
	*ret_categories = mask;
	return OK;
}

void categories_put(uint32_t mask, struct buf *out)
{
	const char *between = "";
	for (unsigned c = 0; c < CAT_COUNT; c++)
		if (mask >> c & 1) {
			buf_printf(out, "%s%s", between, category_row(c)->name);
			between = ",";
		}
}
