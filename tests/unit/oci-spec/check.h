/* Readers for tests: a document as text, its values or its error. */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oci-spec/spec.h"

/* Each test runs in a process of its own: the memory goes with it. */
static struct arena check_arena;
static struct error check_error;

/* A config.json of the required members and @members ("\"hostname\": \"a\""). */
static inline int check_config(const char *members, struct spec *ret_spec)
{
        static char text[1 << 16];
        int length = snprintf(text, sizeof text, "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"rootfs\"}%s%s}",
                              members[0] == '\0' ? "" : ", ", members);

        cr_assert_lt(length, (int)sizeof text);
        memset(&check_error, 0, sizeof check_error);
        return spec_read(&check_arena, text, (size_t)length, "config.json", ret_spec, &check_error);
}

static inline void check_good(const char *members, struct spec *ret_spec)
{
        cr_assert_eq(check_config(members, ret_spec), 0, "%s: %s", members, check_error.text);
}

/* The error, without "config.json: ". */
static inline const char *check_bad(const char *members)
{
        struct spec spec;
        int r = check_config(members, &spec);

        cr_assert_lt(r, 0, "taken: %s", members);
        cr_assert_eq(r, -check_error.code);
        cr_assert_eq(strncmp(check_error.text, "config.json: ", 13), 0, "%s", check_error.text);
        cr_assert_null(strchr(check_error.text, '\n'));
        return check_error.text + 13;
}

#define assert_bad(members, sentence) cr_assert_str_eq(check_bad(members), sentence)
