/* config-linux.md, "Namespaces". */
#include "oci-spec/rooms.h"

#include <errno.h>

#include "runtime/base/sys.h"

static const struct reader_name kinds[] = {
        { "user", SPEC_NS_USER }, { "mount", SPEC_NS_MOUNT }, { "pid", SPEC_NS_PID }, { "network", SPEC_NS_NET },
        { "ipc", SPEC_NS_IPC }, { "uts", SPEC_NS_UTS }, { "cgroup", SPEC_NS_CGROUP }, { "time", SPEC_NS_TIME },
};

const char *spec_ns_name(enum spec_ns kind)
{
        for (size_t i = 0; i < READER_COUNT(kinds); i++)
                if (kinds[i].value == (int64_t)kind)
                        return kinds[i].name;
        return NULL;
}

int spec_ns_clone_flag(enum spec_ns kind)
{
        switch (kind) {
        case SPEC_NS_USER:
                return CLONE_NEWUSER;
        case SPEC_NS_MOUNT:
                return CLONE_NEWNS;
        case SPEC_NS_PID:
                return CLONE_NEWPID;
        case SPEC_NS_NET:
                return CLONE_NEWNET;
        case SPEC_NS_IPC:
                return CLONE_NEWIPC;
        case SPEC_NS_UTS:
                return CLONE_NEWUTS;
        case SPEC_NS_CGROUP:
                return CLONE_NEWCGROUP;
        case SPEC_NS_TIME:
                return CLONE_NEWTIME;
        case SPEC_NS_KINDS:
                break;
        }
        return 0;
}

struct entry {
        int64_t kind;
        const char *path;
};

static int read_kind(struct reader *reader, const struct json_node *node, void *into)
{
        return reader_one_of(reader, node, kinds, READER_COUNT(kinds), "a type of namespace", into);
}

static int read_path(struct reader *reader, const struct json_node *node, void *into)
{
        /* Go's encoders may write "" for "a new one". */
        if (node->type == JSON_STRING && node->n == 0)
                return 0;
        return reader_absolute_path(reader, node, into);
}

static const struct reader_field fields[] = {
        RF_REQUIRED(struct entry, "type", kind, read_kind),
        RF_VALUE(struct entry, "path", path, read_path),
};

int spec_namespaces_read(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_linux *linux_ = into;
        struct reader_step step = { .up = reader->at };
        int r = reader_expect(reader, node, JSON_ARRAY);

        if (r < 0)
                return r;
        json_for_each(child, node) {
                struct entry entry = { 0 };

                reader->at = &step;
                r = reader_object(reader, child, fields, READER_COUNT(fields), &entry);
                /* "If a namespaces field contains duplicated namespaces with same type, the runtime MUST generate
                 * an error." */
                if (r == 0 && linux_->namespaces[entry.kind].is_given)
                        r = reader_fail(reader, EINVAL, "the type \"%s\" is given twice", kinds[entry.kind].name);
                reader->at = step.up;
                if (r < 0)
                        return r;
                linux_->namespaces[entry.kind] = (struct spec_namespace){ .is_given = true, .path = entry.path };
                step.index++;
        }
        return 0;
}
