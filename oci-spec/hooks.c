/* config.md, "POSIX-platform Hooks". Which of them may run, and as whom, is the policy's affair. */
#include "oci-spec/rooms.h"

#include <errno.h>

static const char *const names[SPEC_HOOK_KINDS] = {
        [SPEC_HOOK_PRESTART] = "prestart",
        [SPEC_HOOK_CREATE_RUNTIME] = "createRuntime",
        [SPEC_HOOK_CREATE_CONTAINER] = "createContainer",
        [SPEC_HOOK_START_CONTAINER] = "startContainer",
        [SPEC_HOOK_POSTSTART] = "poststart",
        [SPEC_HOOK_POSTSTOP] = "poststop",
};

const char *spec_hook_name(enum spec_hook_kind kind)
{
        return names[kind];
}

static int read_strings(struct reader *reader, const struct json_node *node, void *into)
{
        char **strings;
        size_t n;
        int r = reader_strings(reader, node, &strings, &n);

        if (r == 0)
                *(char *const **)into = strings;
        return r;
}

static int read_timeout(struct reader *reader, const struct json_node *node, void *into)
{
        return reader_signed(reader, node, 1, INT64_MAX, into);
}

static const struct reader_field hook_fields[] = {
        RF_REQUIRED(struct spec_hook, "path", path, reader_absolute_path),
        RF_VALUE(struct spec_hook, "args", args, read_strings),
        RF_VALUE(struct spec_hook, "env", env, read_strings),
        RF_VALUE(struct spec_hook, "timeout", timeout_seconds, read_timeout),
};

static int read_hook(struct reader *reader, const struct json_node *node, void *into)
{
        static char *nothing[] = { NULL };
        struct spec_hook *hook = into;
        char **args;
        int r = reader_object(reader, node, hook_fields, READER_COUNT(hook_fields), hook);

        if (r < 0)
                return r;
        if (hook->env == NULL)
                hook->env = nothing;
        if (hook->args == NULL || hook->args[0] == NULL) {
                args = arena_array(reader->arena, 2, sizeof *args);
                if (args == NULL)
                        return reader_fail_no_memory(reader);
                args[0] = (char *)(uintptr_t)hook->path;
                hook->args = args;
        }
        return 0;
}

int spec_hooks_read(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_ARRAY(struct spec, "prestart", hooks[SPEC_HOOK_PRESTART].hooks, hooks[SPEC_HOOK_PRESTART].n,
                         read_hook),
                RF_ARRAY(struct spec, "createRuntime", hooks[SPEC_HOOK_CREATE_RUNTIME].hooks,
                         hooks[SPEC_HOOK_CREATE_RUNTIME].n, read_hook),
                RF_ARRAY(struct spec, "createContainer", hooks[SPEC_HOOK_CREATE_CONTAINER].hooks,
                         hooks[SPEC_HOOK_CREATE_CONTAINER].n, read_hook),
                RF_ARRAY(struct spec, "startContainer", hooks[SPEC_HOOK_START_CONTAINER].hooks,
                         hooks[SPEC_HOOK_START_CONTAINER].n, read_hook),
                RF_ARRAY(struct spec, "poststart", hooks[SPEC_HOOK_POSTSTART].hooks, hooks[SPEC_HOOK_POSTSTART].n,
                         read_hook),
                RF_ARRAY(struct spec, "poststop", hooks[SPEC_HOOK_POSTSTOP].hooks, hooks[SPEC_HOOK_POSTSTOP].n,
                         read_hook),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}
