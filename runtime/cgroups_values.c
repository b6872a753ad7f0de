/* The pure part of the cgroups room: names and numbers.
 *
 * Paths come from config.json, so they are taken apart and put together again by component: "..", which has led other
 * runtimes out of their parent, never reaches the kernel. */
#include "runtime/cgroups_private.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

bool cgroups_is_systemd_triple(const char *path)
{
        const char *first = strchr(path, ':');
        const char *second = first == NULL ? NULL : strchr(first + 1, ':');

        if (strchr(path, '/') != NULL || second == NULL || strchr(second + 1, ':') != NULL)
                return false;
        return first == path || (first - path > 6 && strncmp(first - 6, ".slice", 6) == 0);
}

int cgroups_normalise(const char *path, struct arena *arena, const char **ret_path, struct error *err)
{
        size_t size = strlen(path) + 1, length = 0, n;
        char *text = arena_alloc(arena, size);

        if (text == NULL)
                return error_errno(err, ENOMEM, "linux.cgroupsPath");
        for (const char *p = path; *p != '\0'; p += n) {
                p += strspn(p, "/");
                n = strcspn(p, "/");
                if (n == 0 || (n == 1 && p[0] == '.'))
                        continue;
                if (n == 2 && p[0] == '.' && p[1] == '.')
                        return error_set(err, EINVAL, "linux.cgroupsPath: \"%s\" has \"..\" in it", path);
                /* cgroup_mkdir() of the kernel refuses a newline, which would forge lines of /proc/PID/cgroup. */
                if (n > NAME_MAX || memchr(p, '\n', n) != NULL)
                        return error_set(err, EINVAL, "linux.cgroupsPath: \"%.200s\" is not a folder's name", p);
                if (length > 0)
                        text[length++] = '/';
                memcpy(text + length, p, n);
                length += n;
        }
        text[length] = '\0';
        if (length == 0)
                return error_set(err, EINVAL, "linux.cgroupsPath: \"%s\" is the root of the hierarchy, "
                                 "which no container may have; name a folder", path);
        if (length >= PATH_MAX / 2)
                return error_set(err, ENAMETOOLONG, "linux.cgroupsPath is longer than %d bytes", PATH_MAX / 2);
        *ret_path = text;
        return 0;
}

const char *cgroups_below(const char *path, const char *root)
{
        size_t length = strlen(root);

        while (length > 0 && root[length - 1] == '/')
                length--;
        if (strncmp(path, root, length) != 0 || (path[length] != '/' && path[length] != '\0'))
                return NULL;
        path += length;
        return path + strspn(path, "/");
}

static bool has_word(const char *words, size_t length, const char *word)
{
        size_t n, wanted = strlen(word);

        for (const char *p = words; p <= words + length; p += n + 1) {
                n = 0;
                while (p + n < words + length && p[n] != ',')
                        n++;
                if (n == wanted && memcmp(p, word, n) == 0)
                        return true;
        }
        return false;
}

const char *cgroups_own_path(const char *self_cgroup, const char *controller, struct arena *arena)
{
        /* cgroups(7): hierarchy-ID:controller-list:cgroup-path */
        for (const char *line = self_cgroup, *end; *line != '\0'; line = end + (*end == '\n')) {
                const char *list, *path;

                end = line + strcspn(line, "\n");
                list = memchr(line, ':', (size_t)(end - line));
                if (list == NULL)
                        continue;
                list++;
                path = memchr(list, ':', (size_t)(end - list));
                if (path == NULL)
                        continue;
                if (has_word(list, (size_t)(path - list), controller))
                        return arena_string_n(arena, path + 1, (size_t)(end - path - 1));
        }
        return NULL;
}

/* libm's log2(3) and pow(3) to about 1e-13; the library is not linked for two calls. */
static double log2_of(uint64_t value)
{
        unsigned whole = 63 - (unsigned)__builtin_clzll(value);
        double rest = (double)value / (double)(1ull << whole), result = whole, bit = 0.5;

        for (unsigned i = 0; i < 52; i++, bit /= 2) {
                rest *= rest;
                if (rest >= 2) {
                        rest /= 2;
                        result += bit;
                }
        }
        return result;
}

static double ten_to_the(double exponent)
{
        double x = exponent * 2.302585092994045684 / 64, term = 1, sum = 1;

        for (unsigned i = 1; i < 18; i++) {
                term *= x / i;
                sum += term;
        }
        for (unsigned i = 0; i < 6; i++)
                sum *= sum;
        return sum;
}

uint64_t cgroups_weight_from_shares(uint64_t shares)
{
        double l, value;
        uint64_t weight;

        if (shares == 0)
                return 0;
        if (shares <= 2)
                return 1;
        if (shares >= 262144)
                return 10000;
        l = log2_of(shares);
        value = ten_to_the((l * l + 125 * l) / 612.0 - 7.0 / 34.0);
        /* Rounded up, but not for an error in the last digits: 1024 is 100. */
        weight = (uint64_t)value;
        return value - (double)weight > 1e-9 ? weight + 1 : weight;
}

uint64_t cgroups_io_weight(uint64_t blkio_weight)
{
        return blkio_weight < 10 ? 0 : 1 + (blkio_weight - 10) * 9999 / 990;
}

int cgroups_swap_only(int64_t memory, int64_t memory_and_swap, bool *ret_is_given, int64_t *ret_swap, struct error *err)
{
        /* "No limit on memory" lifts the one on memory+swap too on v1, since that may not be the lower one. */
        if (memory == -1 && memory_and_swap == 0)
                memory_and_swap = -1;
        *ret_is_given = memory_and_swap != 0;
        if (memory_and_swap <= 0 || memory == -1) {
                *ret_swap = memory_and_swap;
                return 0;
        }
        if (memory == 0)
                return error_set(err, EINVAL, "linux.resources.memory.swap: unable to set swap limit without memory limit");
        if (memory_and_swap < memory)
                return error_set(err, EINVAL, "linux.resources.memory.swap: memory+swap limit %lld should be >= memory "
                                 "limit %lld", (long long)memory_and_swap, (long long)memory);
        *ret_swap = memory_and_swap - memory;
        return 0;
}
