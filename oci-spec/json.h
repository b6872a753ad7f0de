/* JSON from outside as a small read-only tree.
 *
 * Stricter than RFC 8259 asks: one document and nothing after it, no doubled member names, no NUL in strings, valid
 * UTF-8 (no lone surrogates either), bounded depth and number of values. Numbers stay text until somebody asks for an
 * integer, which must then be written as one and fit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"

/* Real documents nest about eight deep. */
#define JSON_LIMIT_DEPTH 64
/* Arrays, objects, strings, numbers ... in one document; 100,000 mounts are about a million. */
#define JSON_LIMIT_VALUES 2000000

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_node {
        const char *key;                /* of a member of an object, else NULL */
        union {
                const char *text;       /* a string, unescaped; a number as it was written */
                const struct json_node *first;  /* the first child of an array or object */
        };
        const struct json_node *next;   /* the parent's next child */
        uint32_t n;                     /* bytes of text, or number of children */
        enum json_type type;
};

#define json_for_each(child, parent) \
        for (const struct json_node *child = (parent)->first; child != NULL; child = child->next)

/* Parses a document in place.
 * @arena: gets the nodes, not the text. @text: @length bytes and one more that may be written; strings are unescaped
 * and ended inside it, so it must live as long as the nodes, and its bytes are of no other use afterwards.
 * @name: how errors call the file. Returns 0 or a negative errno (EINVAL, E2BIG for a limit, ENOMEM). */
int json_parse_in_place(struct arena *arena, char *text, size_t length, const char *name,
                        const struct json_node **ret_root, struct error *err);

/* The same from a text that stays as it is: a copy goes into the arena. */
int json_parse(struct arena *arena, const char *text, size_t length, const char *name,
               const struct json_node **ret_root, struct error *err);

/* The member @key of an object; NULL when it is absent or null, or when @object is no object. */
const struct json_node *json_member(const struct json_node *object, const char *key);

/* Whole numbers, exactly: digits with at most a minus sign. Returns 0, -EINVAL (no number, or one with a fraction or
 * an exponent) or -ERANGE. */
int json_to_u64(const struct json_node *node, uint64_t *ret_value);
int json_to_i64(const struct json_node *node, int64_t *ret_value);

/* "a string", "an array": for sentences. */
const char *json_type_text(enum json_type type);
