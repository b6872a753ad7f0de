/* Hooks are the engine's programs, and run as root on the host. What decides is who can change the file: docker's is
 * /proc/PID/exe, so the path says nothing. A hook that is not there is left to whoever opens it, unless a folder on
 * its way could get it later from someone else than root. */
#include "policies/hooks.h"

#include <string.h>

#include "policies/judge.h"
#include "policies/paths.h"

static bool is_in_list(const struct policy_texts *list, const char *path)
{
        for (size_t i = 0; i < list->n; i++) {
                const char *item = list->items[i];
                size_t length = strlen(item);

                if (item[length - 1] == '/' ? strncmp(path, item, length) == 0 && path[length] != '\0' :
                                              strcmp(path, item) == 0)
                        return true;
        }
        return false;
}

/* By where the file is. One that is not there is judged by where it will be looked for. */
static bool is_allowed(struct judge *judge, const struct spec_hook *hook, const struct host_hook *fact)
{
        const char *path = fact->real_path != NULL ? fact->real_path : policy_paths_clean(judge->arena, hook->path);

        for (const struct policy_hooks *hooks = &judge->policy->profile.hooks; hooks != NULL; hooks = hooks->also) {
                if (hooks->is_limited && (path == NULL || !is_in_list(&hooks->allow_paths, path)))
                        return false;
        }
        return true;
}

static void judge_host_hook(struct judge *judge, enum spec_hook_kind kind, size_t i)
{
        const struct spec_hook *hook = &judge->asked->hooks[kind].hooks[i];
        const struct host_hook *fact = judge->host->hooks[kind] != NULL ? &judge->host->hooks[kind][i] : NULL;
        const char *property = arena_format(judge->arena, "hooks.%s[%zu]", spec_hook_name(kind), i);
        const char *exception;

        if (fact == NULL) {
                judge_refuse(judge, "hooks", property, hook->path, NULL,
                             "hook %s was not looked at; drop the hook", hook->path);
        } else if (fact->is_in_rootfs) {
                judge_refuse(judge, "hooks", property, hook->path, NULL,
                             "hook %s lies where the build can write it; install it outside of the image and its "
                             "mounts", hook->path);
        } else if (!fact->is_root_only) {
                judge_refuse(judge, "hooks", property, hook->path, NULL,
                             "hook %s, or a folder above it, can be written by others than root; make it root's alone",
                             hook->path);
        } else if (!is_allowed(judge, hook, fact)) {
                exception =
                        arena_format(judge->arena, "hook:%s", fact->real_path != NULL ? fact->real_path : hook->path);
                if (!judge_excepts(judge, "hooks.allowPaths", property, exception))
                        judge_refuse(judge, "hooks.allowPaths", property, hook->path, exception,
                                     "hook %s is not in the profile's list of hooks; drop the hook", hook->path);
        }
}

int policy_hooks_judge(struct judge *judge, struct sandbox *sandbox)
{
        (void)sandbox;
        for (enum spec_hook_kind kind = 0; kind < SPEC_HOOK_KINDS; kind++) {
                const struct spec_hook_list *list = &judge->asked->hooks[kind];

                for (size_t i = 0; i < list->n; i++) {
                        switch (kind) {
                        case SPEC_HOOK_CREATE_CONTAINER:
                                if (!judge->policy->profile.allow_create_container_hooks &&
                                    !judge_excepts(judge, "hooks.createContainer", "hooks.createContainer",
                                                   "hooks.createContainer"))
                                        judge_refuse(judge, "hooks.createContainer", "hooks.createContainer",
                                                     list->hooks[i].path,
                                                     "hooks.createContainer",
                                                     "hook %s would run with the host's power in a tree that the image "
                                                     "shaped; make it a createRuntime hook", list->hooks[i].path);
                                else
                                        judge_host_hook(judge, kind, i);
                                break;
                        case SPEC_HOOK_PRESTART:
                        case SPEC_HOOK_CREATE_RUNTIME:
                        case SPEC_HOOK_POSTSTART:
                        case SPEC_HOOK_POSTSTOP:
                                judge_host_hook(judge, kind, i);
                                break;
                        case SPEC_HOOK_START_CONTAINER: /* a program of the image, run as the build */
                        case SPEC_HOOK_KINDS:
                                break;
                        }
                }
        }
        return 0;
}
