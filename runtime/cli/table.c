/* What is printed comes from config.json and from the host, so from others: no byte of it may steer the terminal. */
#include "runtime/cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GAP 2u
#define LEAST 8u /* no column is cut below this */

/* Length of the UTF-8 sequence at @s that a terminal shows as text, 0: none. C1 controls (U+0080 to U+009F) count as
 * none: terminals obey them, too. */
static size_t sequence(const unsigned char *s)
{
        size_t length = s[0] < 0x80             ? 1
                        : (s[0] & 0xe0) == 0xc0 ? 2
                        : (s[0] & 0xf0) == 0xe0 ? 3
                        : (s[0] & 0xf8) == 0xf0 ? 4
                                                : 0;

        if (length == 1)
                return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
        for (size_t i = 1; i < length; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        if (length == 2 && (s[0] < 0xc2 || (s[0] == 0xc2 && s[1] < 0xa0)))
                return 0;
        /* U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069 turn the direction of what follows. */
        if (length == 3 && s[0] == 0xe2 &&
            ((s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xaa && s[2] <= 0xae))) ||
             (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)))
                return 0;
        return length;
}

static size_t width_of(const char *text)
{
        size_t n = 0;

        for (; *text != '\0'; text++)
                n += (*text & 0xc0) != 0x80;
        return n;
}

static const char *clean(struct table *table, const char *text)
{
        char *copy = arena_string(table->arena, text != NULL ? text : ""), *to = copy;

        if (copy == NULL) {
                table->is_broken = true;
                return "";
        }
        for (const char *from = copy; *from != '\0';) {
                size_t length = sequence((const unsigned char *)from);

                if (length == 0) {
                        *to++ = '?';
                        from++;
                        continue;
                }
                memmove(to, from, length);
                to += length;
                from += length;
        }
        *to = '\0';
        return copy;
}

void table_add(struct table *table, enum table_colour colour, const char *const *cells)
{
        struct table_row *row = arena_new(table->arena, struct table_row);

        if (row == NULL) {
                table->is_broken = true;
                return;
        }
        for (size_t i = 0; i < table->n_columns; i++)
                row->cells[i] = clean(table, cells[i]);
        row->colour = colour;
        if (table->last != NULL)
                table->last->next = row;
        else
                table->first = row;
        table->last = row;
}

size_t table_width(void)
{
        const char *columns = getenv("COLUMNS");
        struct winsize size;
        uint32_t width;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                return size.ws_col;
        return columns != NULL && text_to_u32(columns, &width) == 0 ? width : 0;
}

bool table_has_colours(void)
{
        const char *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && text_is_empty(getenv("NO_COLOR")) && !text_is_empty(term) &&
               strcmp(term, "dumb") != 0;
}

/* Takes from the widest column until all of them fit. */
static void fit(size_t *widths, size_t n, size_t limit)
{
        for (;;) {
                size_t total = GAP * (n - 1), widest = 0;

                for (size_t i = 0; i < n; i++) {
                        total += widths[i];
                        if (widths[i] > widths[widest])
                                widest = i;
                }
                if (limit == 0 || total <= limit || widths[widest] <= LEAST)
                        return;
                widths[widest]--;
        }
}

static void write_cell(const char *text, size_t width, bool is_last, struct text_buffer *out)
{
        size_t has = width_of(text), shown = has <= width ? has : width - 2, length = 0;

        for (size_t n = 0; n < shown; n++)
                do
                        length++;
                while ((text[length] & 0xc0) == 0x80);
        text_add_n(out, text, length);
        if (shown < has)
                text_add(out, "..");
        for (size_t n = has <= width ? has : width; n < width + GAP && !is_last; n++)
                text_add(out, " ");
}

void table_write(const struct table *table, size_t width, bool has_colours, struct text_buffer *out)
{
        static const char *const colours[] = { NULL, "\033[32m", "\033[33m", "\033[31m" };
        size_t widths[TABLE_COLUMNS] = { 0 };

        if (table->is_broken)
                out->is_broken = true;
        for (const struct table_row *row = table->first; row != NULL; row = row->next)
                for (size_t i = 0; i < table->n_columns; i++)
                        if (width_of(row->cells[i]) > widths[i])
                                widths[i] = width_of(row->cells[i]);
        fit(widths, table->n_columns, width);
        for (const struct table_row *row = table->first; row != NULL; row = row->next) {
                for (size_t i = 0; i < table->n_columns; i++) {
                        const char *colour = has_colours && i == 0 ? colours[row->colour] : NULL;

                        text_add(out, colour != NULL ? colour : "");
                        write_cell(row->cells[i], widths[i], i + 1 == table->n_columns, out);
                        text_add(out, colour != NULL ? "\033[0m" : "");
                }
                text_add(out, "\n");
        }
}
