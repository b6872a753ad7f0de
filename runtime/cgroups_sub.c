/* The sub-cgroups that exec --cgroup names. The build may have made them, so each is opened below the container's own
 * folder and never by a path that leaves it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/cgroups_private.h"

/* A hierarchy's folder is named after its controllers: /sys/fs/cgroup/cpu,cpuacct/... */
static bool is_of_controller(const char *path, const char *controller, size_t length)
{
        static const char place[] = "/sys/fs/cgroup/";
        size_t word;

        if (strncmp(path, place, sizeof place - 1) != 0)
                return false;
        for (path += sizeof place - 1;; path += word + 1) {
                word = strcspn(path, ",/");
                if (word == length && memcmp(path, controller, length) == 0)
                        return true;
                if (path[word] != ',')
                        return false;
        }
}

static int enter_sub(struct cgroup_folder *folder, const char *path, const char *given, struct error *err)
{
        auto_arena struct arena arena = { 0 };
        const char *below;
        int fd;

        if (text_is_empty(path) || strcmp(path, "/") == 0)
                return 0;
        if (cgroups_normalise(path, &arena, &below, NULL) < 0)
                return error_set(err, EINVAL, "bad sub cgroup path: %s", given);
        fd = cgroup_open_folder(folder->fd, below);
        if (fd < 0)
                return error_errno(err, errno, "sub cgroup %s of %s", path, folder->path);
        close(folder->fd);
        folder->fd = fd;
        return 0;
}

int cgroup_set_enter_subs(struct cgroup_set *set, bool is_v2, const char *const *subs, size_t n_subs, struct error *err)
{
        size_t taken_by[CGROUPS_MAX] = { 0 };   /* 1 + the argument's index */
        size_t length;
        int r = 0;

        if (n_subs == 1 && strchr(subs[0], ':') == NULL) {
                for (size_t i = 0; i < set->n && r == 0; i++)
                        r = enter_sub(&set->folders[i], subs[0], subs[0], err);
                return r;
        }
        for (size_t n = 0; n < n_subs; n++) {
                const char *word = subs[n], *path = strchr(subs[n], ':');

                if (path == NULL)
                        return error_set(err, EINVAL, "invalid --cgroup argument: %s (missing <controller>: prefix)", subs[n]);
                if (is_v2)
                        return error_set(err, EINVAL, "invalid --cgroup argument: %s (cgroup v2 has one hierarchy; leave the "
                                         "controllers out)", subs[n]);
                for (; word <= path; word += length + 1) {
                        bool is_found = false;

                        length = strcspn(word, ",:");
                        if (length == 0)
                                return error_set(err, EINVAL, "invalid --cgroup argument: %s (empty <controller> prefix)", subs[n]);
                        for (size_t i = 0; i < set->n && r == 0; i++) {
                                if (!is_of_controller(set->folders[i].path, word, length))
                                        continue;
                                is_found = true;
                                if (taken_by[i] == n + 1)       /* cpu,cpuacct: one hierarchy */
                                        continue;
                                if (taken_by[i] != 0)
                                        return error_set(err, EINVAL, "invalid --cgroup argument(s): the hierarchy of controller "
                                                         "%.*s specified multiple times", (int)length, word);
                                taken_by[i] = n + 1;
                                r = enter_sub(&set->folders[i], path + 1, subs[n], err);
                        }
                        if (r < 0)
                                return r;
                        if (!is_found)
                                return error_set(err, EINVAL, "unknown controller %.*s in --cgroup %s", (int)length, word, subs[n]);
                }
        }
        return 0;
}
