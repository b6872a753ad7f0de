/* subuid(5) says "name or uid : first : count". getpwuid(3) would load whatever NSS module the host has configured
 * into a privileged process, and cannot be linked statically; /etc/passwd is read by hand. */
#include "runtime/subid.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

#define FILE_LIMIT_BYTES ((size_t)4 << 20)

/* Cuts the next field off at @separator; NULL at the end. */
static char *cut(char **rest, char separator)
{
        char *field = *rest, *end;

        if (field == NULL)
                return NULL;
        end = strchr(field, separator);
        *rest = end == NULL ? NULL : end + 1;
        if (end != NULL)
                *end = '\0';
        return field;
}

/* Fills in one range; -EINVAL for numbers that are none or that leave the 32 bits. 2^32-1 is (uid_t)-1, no id. */
static int parse(const char *first, const char *count, struct subid_range *ret_range)
{
        if (first == NULL || count == NULL || text_to_u32(first, &ret_range->first) < 0 ||
            text_to_u32(count, &ret_range->count) < 0 || ret_range->count == 0 ||
            (uint64_t)ret_range->first + ret_range->count > UINT32_MAX)
                return -EINVAL;
        return 0;
}

int subid_read(const char *path, const char *owner, struct arena *arena, struct subid_range **ret_ranges, size_t *ret_n,
               struct error *err)
{
        struct subid_range *ranges, range;
        auto_free char *text = NULL;
        size_t n = 0, lines = 1, number = 0;
        char *rest, *line, *fields;
        int r;

        r = fd_read_file(AT_FDCWD, path, FILE_LIMIT_BYTES, &text, NULL);
        if (r == -ENOENT) {
                *ret_ranges = NULL;
                *ret_n = 0;
                return 0;
        }
        if (r < 0)
                return error_errno(err, r, "read %s", path);
        for (rest = text; *rest != '\0'; rest++)
                lines += *rest == '\n';
        ranges = arena_array(arena, lines, sizeof *ranges);
        if (ranges == NULL)
                return error_errno(err, ENOMEM, "read %s", path);
        rest = text;
        while ((line = cut(&rest, '\n')) != NULL) {
                const char *name, *first, *count;

                number++;
                fields = line;
                name = cut(&fields, ':');
                first = cut(&fields, ':');
                count = cut(&fields, ':');
                if (name[0] == '\0' || name[0] == '#')
                        continue;
                if (parse(first, count, &range) < 0) {
                        if (owner != NULL && strcmp(name, owner) == 0)
                                return error_set(err, EINVAL, "%s, line %zu: not \"%s:FIRST:COUNT\" of decimal numbers",
                                                 path, number, owner);
                        continue;
                }
                range.owner = arena_string(arena, name);
                if (range.owner == NULL)
                        return error_errno(err, ENOMEM, "read %s", path);
                ranges[n++] = range;
        }
        *ret_ranges = ranges;
        *ret_n = n;
        return 0;
}

const char *subid_user_name(struct arena *arena, uint32_t uid)
{
        auto_free char *text = NULL;
        char *rest, *line, *fields;
        uint32_t value;

        if (fd_read_file(AT_FDCWD, "/etc/passwd", FILE_LIMIT_BYTES, &text, NULL) < 0)
                return NULL;
        rest = text;
        while ((line = cut(&rest, '\n')) != NULL) {
                const char *name, *number;

                fields = line;
                name = cut(&fields, ':');
                cut(&fields, ':');
                number = cut(&fields, ':');
                if (name[0] != '\0' && number != NULL && text_to_u32(number, &value) == 0 && value == uid)
                        return arena_string(arena, name);
        }
        return NULL;
}
