/* A bump allocator. Runtimes fork soon after parsing, so blocks are small and few: every dirty page
 * is one that clone has to copy. */
#include "runtime/base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
        struct arena_block *next;
        size_t used;
        size_t size;
        _Alignas(max_align_t) unsigned char bytes[];
};

void *arena_alloc(struct arena *arena, size_t size)
{
        const size_t align = _Alignof(max_align_t);
        struct arena_block *block = arena->blocks;
        size_t want;

        if (size > SIZE_MAX / 2)
                return NULL;
        size = (size + align - 1) / align * align;
        if (block == NULL || block->size - block->used < size) {
                want = size > 16384 - sizeof *block ? size : 16384 - sizeof *block;
                block = calloc(1, sizeof *block + want);
                if (block == NULL)
                        return NULL;
                block->size = want;
                block->next = arena->blocks;
                arena->blocks = block;
        }
        block->used += size;
        return block->bytes + block->used - size;
}

void *arena_array(struct arena *arena, size_t n, size_t size)
{
        if (size != 0 && n > SIZE_MAX / size)
                return NULL;
        return arena_alloc(arena, n * size);
}

char *arena_string_n(struct arena *arena, const char *text, size_t length)
{
        char *copy = arena_alloc(arena, length + 1);

        if (copy != NULL)
                memcpy(copy, text, length);
        return copy;
}

char *arena_string(struct arena *arena, const char *text)
{
        return arena_string_n(arena, text, strlen(text));
}

char *arena_format(struct arena *arena, const char *format, ...)
{
        va_list args, again;
        char *text = NULL;
        int length;

        va_start(args, format);
        va_copy(again, args);
        length = vsnprintf(NULL, 0, format, args);
        if (length >= 0)
                text = arena_alloc(arena, (size_t)length + 1);
        if (text != NULL)
                vsnprintf(text, (size_t)length + 1, format, again);
        va_end(again);
        va_end(args);
        return text;
}

void arena_free(struct arena *arena)
{
        struct arena_block *block = arena->blocks, *next;

        arena->blocks = NULL;
        for (; block != NULL; block = next) {
                next = block->next;
                free(block);
        }
}
