/* Members sorted by the UTF-16 units of their names, no blanks, one way to write a string, and numbers as ECMAScript
 * writes them:
 * so whole numbers beyond 2^53 come out rounded, as they do with everybody else who follows the RFC. */
#include "oci-spec/canonical.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/arena.h"
#include "runtime/base/text.h"

/* ---- numbers ---- */

/* ECMA-262, Number::toString: the fewest digits that give the number back. */
static int write_number(const char *text, struct text_buffer *out)
{
        size_t length = strlen(text), n_digits = 0;
        char scientific[40], digits[32];
        double value;
        int point;

        if (length <= 15 && strspn(text, "-0123456789") == length) {
                text_add(out, strcmp(text, "-0") == 0 ? "0" : text);
                return 0;
        }
        value = strtod(text, NULL);
        if (!isfinite(value))
                return -ERANGE;
        if (value == 0) {
                text_add(out, "0");
                return 0;
        }
        for (int precision = 0; precision <= 16; precision++) {
                snprintf(scientific, sizeof scientific, "%.*e", precision, value);
                if (strtod(scientific, NULL) == value)
                        break;
        }
        if (value < 0)
                text_add(out, "-");
        for (const char *at = scientific; *at != 'e'; at++) {
                if (*at >= '0' && *at <= '9')
                        digits[n_digits++] = *at;
        }
        while (n_digits > 1 && digits[n_digits - 1] == '0')
                n_digits--;
        /* The number is 0.DIGITS times ten to the power of point. */
        point = atoi(strchr(scientific, 'e') + 1) + 1;
        if (point > 21 || point <= -6) {
                text_add_n(out, digits, 1);
                if (n_digits > 1) {
                        text_add(out, ".");
                        text_add_n(out, digits + 1, n_digits - 1);
                }
                text_addf(out, "e%c%d", point > 0 ? '+' : '-', abs(point - 1));
                return 0;
        }
        if (point <= 0) {
                text_add(out, "0.");
                text_add_n(out, "000000", (size_t)-point);
                text_add_n(out, digits, n_digits);
        } else if (n_digits <= (size_t)point) {
                text_add_n(out, digits, n_digits);
                text_add_n(out, "000000000000000000000", (size_t)point - n_digits);
        } else {
                text_add_n(out, digits, (size_t)point);
                text_add(out, ".");
                text_add_n(out, digits + point, n_digits - (size_t)point);
        }
        return 0;
}

/* ---- strings ---- */

static void write_string(const char *text, struct text_buffer *out)
{
        text_add(out, "\"");
        for (const char *at = text; *at != '\0';) {
                size_t plain = 0;

                while ((unsigned char)at[plain] >= 0x20 && at[plain] != '"' && at[plain] != '\\')
                        plain++;
                text_add_n(out, at, plain);
                at += plain;
                if (*at == '\0')
                        break;
                switch (*at) {
                case '\b': text_add(out, "\\b"); break;
                case '\t': text_add(out, "\\t"); break;
                case '\n': text_add(out, "\\n"); break;
                case '\f': text_add(out, "\\f"); break;
                case '\r': text_add(out, "\\r"); break;
                case '"': text_add(out, "\\\""); break;
                case '\\': text_add(out, "\\\\"); break;
                default: text_addf(out, "\\u%04x", (unsigned char)*at); break;
                }
                at++;
        }
        text_add(out, "\"");
}

/* As UTF-16 sorts: what needs two units (four bytes here) begins with 0xd800 and so stands before 0xe000 and up. */
static int compare_names(const char *a, const char *b)
{
        const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;

        while (*x != '\0' && *x == *y) {
                x++;
                y++;
        }
        if (*x >= 0xee && *y >= 0xee && (*x >= 0xf0) != (*y >= 0xf0))
                return *x >= 0xf0 ? -1 : 1;
        return (int)*x - (int)*y;
}

/* ---- the whole ---- */

static int by_name(const void *a, const void *b)
{
        return compare_names((*(const struct json_node *const *)a)->key, (*(const struct json_node *const *)b)->key);
}

static int write_object(const struct json_node *node, struct text_buffer *out)
{
        const struct json_node **members = malloc((node->n + 1u) * sizeof *members);
        size_t n = 0;
        int r = 0;

        if (members == NULL)
                return -ENOMEM;
        json_for_each(member, node)
                members[n++] = member;
        qsort(members, n, sizeof *members, by_name);
        text_add(out, "{");
        for (size_t i = 0; i < n && r == 0; i++) {
                text_add(out, i > 0 ? "," : "");
                write_string(members[i]->key, out);
                text_add(out, ":");
                r = json_write_canonical(members[i], out);
        }
        text_add(out, "}");
        free(members);
        return r;
}

int json_write_canonical(const struct json_node *node, struct text_buffer *out)
{
        bool is_first = true;
        int r;

        switch (node->type) {
        case JSON_NULL:
                text_add(out, "null");
                return 0;
        case JSON_FALSE:
                text_add(out, "false");
                return 0;
        case JSON_TRUE:
                text_add(out, "true");
                return 0;
        case JSON_NUMBER:
                return write_number(node->text, out);
        case JSON_STRING:
                write_string(node->text, out);
                return 0;
        case JSON_ARRAY:
                text_add(out, "[");
                json_for_each(item, node) {
                        text_add(out, is_first ? "" : ",");
                        is_first = false;
                        r = json_write_canonical(item, out);
                        if (r < 0)
                                return r;
                }
                text_add(out, "]");
                return 0;
        case JSON_OBJECT:
                return write_object(node, out);
        }
        return -EINVAL;
}
