/* Tables for people: columns as wide as what is in them, cut to the terminal where there is one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/arena.h"
#include "runtime/base/text.h"

#define TABLE_COLUMNS 10

enum table_colour { TABLE_PLAIN, TABLE_GREEN, TABLE_YELLOW, TABLE_RED };

struct table_row {
        const char *cells[TABLE_COLUMNS];
        enum table_colour colour; /* of the first cell */
        struct table_row *next;
};

/* Zeros, an arena and a number of columns to begin with. */
struct table {
        struct arena *arena;
        size_t n_columns;
        struct table_row *first, *last;
        bool is_broken; /* memory ran out */
};

/* Copies the texts. Bytes that a terminal would obey (control characters) or not show (what is no UTF-8) become "?". */
void table_add(struct table *table, enum table_colour colour, const char *const *cells);

/* How many columns of text standard output shows: of the terminal, else of COLUMNS, 0: no limit. */
size_t table_width(void);
/* Colours: standard output is a terminal, and NO_COLOR and TERM do not speak against it. */
bool table_has_colours(void);

/* @width: 0: nothing is cut. The widest columns are cut first, at the end, with "..". */
void table_write(const struct table *table, size_t width, bool has_colours, struct text_buffer *out);
