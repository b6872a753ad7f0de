/* Whatever bytes stand in config.json, process.json and the resources of update: they become values or one line of
 * error. */
#include "tests/fuzz/fuzz.h"

#include "oci-spec/spec.h"
#include "runtime/base/auto.h"

static void check_error(int r, const struct error *err)
{
        must(r < 0, "a failure is a negative errno");
        must(err->code == -r, "the error has the same code");
        must(strncmp(err->text, "f.json: ", 8) == 0, "the error names the file");
        for (const char *c = err->text; *c != '\0'; c++)
                must((unsigned char)*c >= 0x20 && *c != 0x7f, "the error is one line without control characters");
}

static size_t sum_strings(char *const *strings, size_t n)
{
        size_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += strlen(strings[i]);
        must(strings[n] == NULL, "the list has an end");
        return sum;
}

/* Touches what was read, for the address sanitizer to see. */
static void check_process(const struct spec_process *process)
{
        must(process->cwd[0] == '/', "cwd is absolute");
        must(sum_strings(process->args, process->n_args) + sum_strings(process->env, process->n_env) < SIZE_MAX,
             "strings end");
        must(process->user.uid != UINT32_MAX && process->user.gid != UINT32_MAX, "-1 is no id");
        for (size_t i = 0; i < process->n_env; i++)
                must(strchr(process->env[i], '=') > process->env[i], "a variable has a name");
        for (size_t i = 0; i < process->user.n_groups; i++)
                must(process->user.groups[i] != UINT32_MAX, "-1 is no id");
        for (size_t i = 0; i < process->caps.n_unknown; i++)
                must(spec_cap_number(process->caps.unknown[i]) < 0, "unknown is unknown");
}

static void check_spec(const struct spec *spec)
{
        must(strncmp(spec->oci_version, "1.", 2) == 0, "the version is 1.x");
        must(spec->root_path[0] != '\0', "there is a root");
        if (spec->has_process)
                check_process(&spec->process);
        for (size_t i = 0; i < spec->n_mounts; i++) {
                const struct spec_mount *mount = &spec->mounts[i];

                must(mount->target[0] == '/' && strstr(mount->target, "/../") == NULL &&
                     strstr(mount->target, "//") == NULL, "a target is absolute and clean");
                must(mount->data[strlen(mount->data)] == '\0', "data end");
                must((mount->attr_set & mount->attr_clear & ~UINT64_C(0x70)) == 0, "set or cleared");
                must(mount->kind != SPEC_MOUNT_BIND || mount->is_remount || mount->source != NULL, "binds have a source");
        }
        for (int kind = 0; kind < SPEC_HOOK_KINDS; kind++)
                for (size_t i = 0; i < spec->hooks[kind].n; i++)
                        must(spec->hooks[kind].hooks[i].path[0] == '/' && spec->hooks[kind].hooks[i].args[0] != NULL,
                             "a hook can be run");
        for (size_t i = 0; i < spec->n_annotations; i++)
                must(spec_annotation(spec, spec->annotations[i].key) == spec->annotations[i].value, "keys are unique");
        for (size_t i = 0; i < spec->linux_.seccomp.n_rules; i++)
                must(spec->linux_.seccomp.rules[i].n_names > 0, "a rule has names");
        for (size_t i = 0; i < spec->linux_.n_uid_map; i++)
                must(spec->linux_.uid_map[i].outside + spec->linux_.uid_map[i].size > spec->linux_.uid_map[i].outside,
                     "a map does not wrap");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        /* A copy of exactly this size: reading past it is seen. */
        auto_free char *text = malloc(length == 0 ? 1 : length);
        auto_arena struct arena arena = { NULL };
        struct spec spec;
        struct spec_process process;
        struct spec_resources resources;
        struct error err = { 0 };
        int r;

        must(text != NULL, "there is memory");
        if (length > 0)
                memcpy(text, bytes, length);
        r = spec_read(&arena, text, length, "f.json", &spec, &err);
        must(length == 0 || memcmp(text, bytes, length) == 0, "the text is left alone");
        if (r == 0)
                check_spec(&spec);
        else
                check_error(r, &err);
        r = spec_read_process(&arena, text, length, "f.json", &process, &err);
        if (r == 0)
                check_process(&process);
        else
                check_error(r, &err);
        r = spec_read_resources(&arena, text, length, "f.json", &resources, &err);
        if (r < 0)
                check_error(r, &err);
        return 0;
}
