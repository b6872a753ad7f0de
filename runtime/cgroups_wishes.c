/* Whether a file of a cgroup still holds what was written to it. Pure: the texts decide. */
#include "runtime/cgroups_private.h"

#include <stdlib.h>
#include <string.h>

/* "max", "-1" and what is no number: no limit. */
static uint64_t amount(const char *text)
{
        uint64_t value;
        char digits[24];
        size_t n = strspn(text, "0123456789");

        if (n == 0 || n >= sizeof digits)
                return UINT64_MAX;
        memcpy(digits, text, n);
        digits[n] = '\0';
        return text_to_u64(digits, &value) < 0 ? UINT64_MAX : value;
}

/* The line of @text whose first word is @key; NULL. What stands behind that word. */
static const char *find_line(const char *text, const char *key, size_t length)
{
        for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, key, length) == 0 && line[length] == ' ')
                        return line + length + 1;
        }
        return NULL;
}

/* "rbps=max wbps=1048576": the value of "wbps=", on this line. */
static const char *find_value(const char *line, const char *key, size_t length)
{
        for (const char *p = line; *p != '\0' && *p != '\n'; p += strcspn(p, " \n"), p += *p == ' ')
                if (strncmp(p, key, length) == 0)
                        return p + length;
        return NULL;
}

static bool is_weaker_cpus(const char *wanted, const char *text)
{
        unsigned char most[SPEC_CPUS_BYTES] = { 0 }, now[SPEC_CPUS_BYTES] = { 0 };
        char line[4096];
        size_t n = strcspn(text, "\n");

        if (n >= sizeof line)
                return true;
        memcpy(line, text, n);
        line[n] = '\0';
        if (spec_cpus_parse(wanted, most, sizeof most) < 0 || spec_cpus_parse(line, now, sizeof now) < 0)
                return strcmp(wanted, line) != 0;
        for (size_t i = 0; i < sizeof now; i++)
                if (now[i] & ~most[i])
                        return true;
        return false;
}

/* "quota period": of a period. */
static bool is_weaker_bandwidth(const char *wanted, const char *text)
{
        uint64_t quota = amount(wanted), now = amount(text);
        uint64_t period = amount(wanted + strcspn(wanted, " ") + strspn(wanted + strcspn(wanted, " "), " "));
        uint64_t period_now = amount(text + strcspn(text, " ") + strspn(text + strcspn(text, " "), " "));

        if (quota == UINT64_MAX)
                return false;
        return now == UINT64_MAX || (unsigned __int128)now * period > (unsigned __int128)quota * period_now;
}

static bool is_one_of(const char *file, const char *const *names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(file, names[i]) == 0)
                        return true;
        return false;
}

bool cgroup_wish_is_weaker(const char *file, const char *wanted, const char *text)
{
        /* A switch, a name, or a protection that takes from others what it gives. */
        static const char *const exact[] = { "cpu.idle", "memory.swappiness", "net_cls.classid", "cgroup.pressure", "memory.oom.group" };
        /* v1's periods mean nothing without their quotas, which are judged together; the OOM killer switched off is no limit. */
        static const char *const ignored[] = { "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.rt_period_us", "memory.oom_control",
                                               "net_prio.ifpriomap" };
        const size_t key = strcspn(wanted, " ");
        const char *line;

        if (is_one_of(file, ignored, sizeof ignored / sizeof ignored[0]))
                return false;
        if (is_one_of(file, exact, sizeof exact / sizeof exact[0]))
                return strncmp(wanted, text, strlen(wanted)) != 0 || (unsigned char)text[strlen(wanted)] > ' ';
        if (strcmp(file, "cpuset.cpus") == 0 || strcmp(file, "cpuset.mems") == 0)
                return is_weaker_cpus(wanted, text);
        if (strcmp(file, "cpu.max") == 0)
                return is_weaker_bandwidth(wanted, text);
        if (wanted[key] == '\0')
                return amount(text) > amount(wanted);
        /* "8:0 rbps=1048576", "default 100": a line of its own for each. */
        line = find_line(text, wanted, key);
        if (line == NULL && strncmp(wanted, "default ", key + 1) == 0)
                line = text;            /* while no device has another one */
        for (const char *word = wanted + key + 1; *word != '\0'; word += strcspn(word, " "), word += *word == ' ') {
                size_t name = strcspn(word, "= ");
                bool has_name = word[name] == '=';
                uint64_t most = amount(has_name ? word + name + 1 : word);
                const char *now = line == NULL ? NULL : has_name ? find_value(line, word, name + 1) : line;

                /* v1 takes a rate of 0 for none. */
                if (most == UINT64_MAX || (most == 0 && text_starts_with(file, "blkio.throttle.")))
                        continue;
                if (now == NULL || amount(now) > most)
                        return true;
        }
        return false;
}
