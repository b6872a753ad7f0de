/* Memory that lives and dies together: a parsed config.json, a plan. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
        struct arena_block *blocks;
};

/* Zeroed memory, aligned for any type; NULL only when the machine has none left. The arena owns it. */
void *arena_alloc(struct arena *arena, size_t size);

/* An array of @n zeroed members; NULL too when n * size overflows. */
void *arena_array(struct arena *arena, size_t n, size_t size);

char *arena_string(struct arena *arena, const char *text);
char *arena_string_n(struct arena *arena, const char *text, size_t length);
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Frees everything. Accepts an arena of zeros; may run twice. */
void arena_free(struct arena *arena);

#define auto_arena __attribute__((cleanup(arena_free)))
#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
