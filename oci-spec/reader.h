/* From JSON nodes to the members of C structs, by tables: what a property is called, where it goes, how it is read.
 * Errors say the whole way down: "config.json: process.rlimits[2].type: expected a string, found a number". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci-spec/json.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"

/* One step of the way from the document's root. Lives on the stack of whoever took it. */
struct reader_step {
        const struct reader_step *up;
        const char *name;       /* a property, or with is_key a key of a map; NULL: an array's index */
        size_t index;
        bool is_key;
};

struct reader {
        struct arena *arena;            /* what is read goes here */
        const char *file;               /* how errors call the document */
        const struct reader_step *at;
        struct error *err;
};

/* Reads @node to @into, which the reader's field says the type of. Returns 0 or a negative errno. */
typedef int reader_function(struct reader *reader, const struct json_node *node, void *into);

enum reader_kind {
        READER_VALUE,
        READER_ARRAY,   /* every element by the function, into an array in the arena */
        READER_MAP,     /* every member, the same way; the function finds its name in node->key */
};

struct reader_field {
        const char *name;
        reader_function *read;
        enum reader_kind kind;
        bool is_required;
        uint16_t offset;        /* in the object: of the value, or of the pointer to the array */
        uint16_t claim;         /* of a bool that says "was given", or of the array's size_t; READER_NONE */
        uint16_t item_size;     /* of an array's elements */
};

#define READER_NONE UINT16_MAX

/* Tables: RF_VALUE(struct spec_user, "uid", uid, reader_id). */
#define RF_VALUE(type, property, member, function) \
        { .name = property, .read = function, .offset = offsetof(type, member), .claim = READER_NONE }
#define RF_REQUIRED(type, property, member, function) \
        { .name = property, .read = function, .offset = offsetof(type, member), .claim = READER_NONE, \
          .is_required = true }
/* With a bool beside it that says it was given. */
#define RF_CLAIMED(type, property, member, claimed_by, function) \
        { .name = property, .read = function, .offset = offsetof(type, member), .claim = offsetof(type, claimed_by) }
#define RF_ARRAY(type, property, member, counted_by, function) \
        { .name = property, .read = function, .kind = READER_ARRAY, .offset = offsetof(type, member), \
          .claim = offsetof(type, counted_by), .item_size = sizeof *((type *)NULL)->member }
#define RF_MAP(type, property, member, counted_by, function) \
        { .name = property, .read = function, .kind = READER_MAP, .offset = offsetof(type, member), \
          .claim = offsetof(type, counted_by), .item_size = sizeof *((type *)NULL)->member }
/* The function gets the object itself. */
#define RF_WHOLE(property, function) { .name = property, .read = function, .claim = READER_NONE }
#define RF_WHOLE_REQUIRED(property, function) \
        { .name = property, .read = function, .claim = READER_NONE, .is_required = true }

#define READER_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Reads the members that @fields names (at most 64) into @object; others are ignored, null counts as absent. */
int reader_object(struct reader *reader, const struct json_node *node, const struct reader_field *fields,
                  size_t n_fields, void *object);

/* Reads every child of an array (or of an object, for READER_MAP) into a new array in the arena. */
int reader_children(struct reader *reader, const struct json_node *node, enum reader_kind kind, reader_function *read,
                    size_t item_size, void **ret_items, size_t *ret_n);

/* Sets "FILE: where.it.is: sentence". Returns -code. */
int reader_fail(const struct reader *reader, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same one step below: for a member or an element that is not stepped into. */
int reader_fail_below(struct reader *reader, const char *name, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
int reader_fail_no_memory(const struct reader *reader);

/* A string of the document for an error text: in quotes, on one line, cut when it is long. */
struct reader_quoted { char text[96]; };
const char *reader_quote(struct reader_quoted *quoted, const char *text);
#define READER_QUOTE(string) reader_quote(&(struct reader_quoted){ "" }, string)

/* Fails unless @node is of that type (JSON_TRUE stands for both booleans). */
int reader_expect(const struct reader *reader, const struct json_node *node, enum json_type type);

/* Whole numbers within bounds. */
int reader_unsigned(const struct reader *reader, const struct json_node *node, uint64_t highest, uint64_t *ret_value);
int reader_signed(const struct reader *reader, const struct json_node *node, int64_t lowest, int64_t highest,
                  int64_t *ret_value);

/* Functions for tables, named after what @into points to. */
int reader_bool(struct reader *reader, const struct json_node *node, void *into);
int reader_u16(struct reader *reader, const struct json_node *node, void *into);
int reader_u32(struct reader *reader, const struct json_node *node, void *into);
int reader_u64(struct reader *reader, const struct json_node *node, void *into);
int reader_i32(struct reader *reader, const struct json_node *node, void *into);
/* uint32_t; 4294967295 is refused: as (uid_t)-1 it means "leave as it is" to setresuid(2) and chown(2). */
int reader_id(struct reader *reader, const struct json_node *node, void *into);
/* const char *, as it is. */
int reader_string(struct reader *reader, const struct json_node *node, void *into);
/* const char *; an empty one counts as absent, as engines written in Go cannot tell the two apart. */
int reader_text(struct reader *reader, const struct json_node *node, void *into);
/* const char *, not empty and beginning with '/'. */
int reader_absolute_path(struct reader *reader, const struct json_node *node, void *into);
/* struct spec_pair: the key and a string. */
int reader_pair(struct reader *reader, const struct json_node *node, void *into);

/* Names that stand for numbers. */
struct reader_name {
        const char *name;
        int64_t value;
};

/* Finds the string of @node in @names. @what: "a scheduling policy", for the error. */
int reader_one_of(const struct reader *reader, const struct json_node *node, const struct reader_name *names,
                  size_t n_names, const char *what, int64_t *ret_value);

/* An array of such names, their values or-ed. */
int reader_flags(struct reader *reader, const struct json_node *node, const struct reader_name *names, size_t n_names,
                 const char *what, uint64_t *ret_flags);

/* An array of strings, as execve(2) takes it: with a NULL at the end that @ret_n does not count. */
int reader_strings(struct reader *reader, const struct json_node *node, char ***ret_strings, size_t *ret_n);
