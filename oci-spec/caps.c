/* Capabilities by name. The table is our own: cap_from_name(3) takes numbers and any case too, and knows only what
 * its library was built with. A name that is not here is carried on for a warning, never an error (config.md,
 * "capabilities"), so that an engine newer than this table keeps working with one capability less. */
#include "oci-spec/rooms.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

/* In the order of their numbers (capabilities(7), <linux/capability.h>). */
static const char *const names[] = {
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
        "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
        "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
};

/* A newer header brings a new name: add it above. */
static_assert(READER_COUNT(names) >= CAP_LAST_CAP + 1, "a capability of <linux/capability.h> has no name here");

int spec_cap_number(const char *name)
{
        for (size_t i = 0; i < READER_COUNT(names); i++)
                if (strcmp(name, names[i]) == 0)
                        return (int)i;
        return -EINVAL;
}

const char *spec_cap_name(int number)
{
        return number >= 0 && (size_t)number < READER_COUNT(names) ? names[number] : NULL;
}

/* More than there are names, each once: what an engine sends at the most. The rest would only be a longer warning. */
#define UNKNOWN_LIMIT 64

static int add_unknown(struct reader *reader, struct spec_caps *caps, const char *name)
{
        const char **unknown = (const char **)(uintptr_t)caps->unknown;

        for (size_t i = 0; i < caps->n_unknown; i++)
                if (strcmp(unknown[i], name) == 0)
                        return 0;
        if (caps->n_unknown == UNKNOWN_LIMIT)
                return 0;
        if (unknown == NULL) {
                unknown = arena_array(reader->arena, UNKNOWN_LIMIT, sizeof *unknown);
                if (unknown == NULL)
                        return reader_fail_no_memory(reader);
                caps->unknown = unknown;
        }
        unknown[caps->n_unknown++] = name;
        return 0;
}

static int read_set(struct reader *reader, const struct json_node *node, struct spec_caps *caps, uint64_t *set)
{
        struct reader_step step = { .up = reader->at };
        int number, r = reader_expect(reader, node, JSON_ARRAY);

        if (r < 0)
                return r;
        json_for_each(child, node) {
                reader->at = &step;
                r = reader_expect(reader, child, JSON_STRING);
                reader->at = step.up;
                if (r < 0)
                        return r;
                number = spec_cap_number(child->text);
                if (number >= 0)
                        *set |= UINT64_C(1) << number;
                else
                        r = add_unknown(reader, caps, child->text);
                if (r < 0)
                        return r;
                step.index++;
        }
        return 0;
}

#define READ_SET(name) \
        static int read_##name(struct reader *reader, const struct json_node *node, void *into) \
        { \
                struct spec_caps *caps = into; \
                \
                return read_set(reader, node, caps, &caps->name); \
        }
READ_SET(effective)
READ_SET(bounding)
READ_SET(inheritable)
READ_SET(permitted)
READ_SET(ambient)

static const struct reader_field fields[] = {
        RF_WHOLE("effective", read_effective),
        RF_WHOLE("bounding", read_bounding),
        RF_WHOLE("inheritable", read_inheritable),
        RF_WHOLE("permitted", read_permitted),
        RF_WHOLE("ambient", read_ambient),
};

int spec_caps_read(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_caps *caps = into;

        caps->is_given = true;
        return reader_object(reader, node, fields, READER_COUNT(fields), caps);
}
