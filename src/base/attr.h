/* Compiler attributes under short names (gcc 12, clang 14, C17). */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

/** The caller must look at the result. */
#define MUST_USE __attribute__((warn_unused_result))
/** printf-like: the format is argument number `f`, its first value argument number `a`. */
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define UNUSED __attribute__((unused))
#define NORETURN __attribute__((noreturn))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

#endif
