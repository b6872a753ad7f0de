/* The DNS is closed: listed host names are known to the build by /etc/hosts, read-only, before whatever else is in it. What
 * else there is comes from the engine or the image, so the state says where that begins: nothing in it is a name of ours. */
#include "runtime/egress_names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"

#define HOSTS "/etc/hosts"
#define HOSTS_FILE "hosts"
#define HOSTS_LIMIT_BYTES ((size_t)4 << 20)

/* What the build would have: a bind of the engine's, or a file of the image. -ENOENT: nothing that is a file; -ESTALE: another
 * file than the one that policy judged, by a link or a rename since then. */
static int read_hosts(const struct plan *plan, char **ret_text, size_t *ret_length)
{
        auto_close int root = UNSET_FD, fd = UNSET_FD;
        const struct sandbox_bind *bind = NULL;
        const char *source = NULL;
        struct stat st;

        for (size_t i = 0; i < plan->spec->n_mounts; i++) {
                const struct spec_mount *mount = &plan->spec->mounts[i];

                if (strcmp(mount->target, HOSTS) == 0 && mount->kind == SPEC_MOUNT_BIND && !mount->is_remount) {
                        source = mount->source;
                        bind = &plan->sandbox.binds[i];
                }
        }
        if (source != NULL && source[0] == '/') {
                fd = open(source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        } else {
                root = open(plan->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (root >= 0)  /* the image could have a link there */
                        fd = sys_openat2(root, HOSTS, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
        }
        if (fd < 0 || fstat(fd, &st) < 0)
                return -ENOENT;
        if (source != NULL && source[0] == '/' && bind->is_source_known &&
            (st.st_dev != bind->source_device || st.st_ino != bind->source_inode))
                return -ESTALE;
        if (!S_ISREG(st.st_mode))
                return -ENOENT;
        return fd_read_all(fd, HOSTS_LIMIT_BYTES, ret_text, ret_length);
}

int egress_names_prepare(struct arena *arena, const struct state_dir *dir, struct plan *plan, struct state *state,
                         struct error *err)
{
        auto_buffer struct text_buffer text = { 0 };
        auto_free char *rest = NULL;
        const char *path;
        size_t length = 0;
        int r;

        if (plan->sandbox.egress.hosts_length == 0)
                return 0;
        state->egress_names_length = plan->sandbox.egress.hosts_length;
        text_add_n(&text, plan->sandbox.egress.hosts, plan->sandbox.egress.hosts_length);
        r = read_hosts(plan, &rest, &length);
        if (r == 0)
                text_add_n(&text, rest, length);
        else if (r != -ENOENT)
                return error_errno(err, r, "egress.allow: read the container's " HOSTS ", which the listed host names go into");
        path = arena_format(arena, "%s/%s/" HOSTS_FILE, dir->root, dir->id);
        if (text.is_broken || path == NULL)
                return error_errno(err, ENOMEM, "egress.allow");
        r = fd_replace_file(dir->fd, HOSTS_FILE, text.text, text.length, 0644);
        if (r < 0)
                return error_errno(err, r, "write %s", path);
        return mounts_plan_add_bind(arena, &plan->mounts, path, HOSTS, err);
}

int egress_names_read(const struct state_dir *dir, const struct state *state, struct arena *arena,
                      struct egress_name **ret_names, size_t *ret_n, struct error *err)
{
        auto_free char *text = NULL;
        struct egress_name *names;
        char *rest, *line;
        size_t length, n = 0;
        int r;

        *ret_names = NULL;
        *ret_n = 0;
        if (state->egress_names_length == 0)
                return 0;
        r = fd_read_file(dir->fd, HOSTS_FILE, 2 * HOSTS_LIMIT_BYTES, &text, &length);
        if (r < 0)
                return error_errno(err, r, "read %s/%s/" HOSTS_FILE, dir->root, dir->id);
        if (length > state->egress_names_length)
                text[state->egress_names_length] = '\0';
        for (const char *at = text; *at != '\0'; at++)
                n += *at == '\n';
        names = arena_array(arena, n + 1, sizeof *names);
        if (names == NULL)
                return error_errno(err, ENOMEM, "egress names");
        n = 0;
        rest = text;
        while ((line = strsep(&rest, "\n")) != NULL) {
                char *tab = strchr(line, '\t');

                if (tab == NULL)
                        continue;
                *tab = '\0';
                names[n].is_v6 = strchr(line, ':') != NULL;
                if (inet_pton(names[n].is_v6 ? AF_INET6 : AF_INET, line, names[n].address) != 1)
                        continue;
                names[n].name = arena_string(arena, tab + 1);
                if (names[n++].name == NULL)
                        return error_errno(err, ENOMEM, "egress names");
        }
        *ret_names = names;
        *ret_n = n;
        return 0;
}
