/* The namespaces of init, who owns them, and the ids that it has. What owns a namespace has every capability over it: all but the
 * build's own user namespace must be owned outside of it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/exceptions.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/host.h"
#include "runtime/report_private.h"
#include "runtime/userns.h"

#define MAP_LIMIT_BYTES ((size_t)1 << 16)

const char *report_ns_file(enum spec_ns kind)
{
        static const char *const files[SPEC_NS_KINDS] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time" };

        return files[kind];
}

int report_is_within(const struct report *report, int fd)
{
        auto_close int at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        struct stat st;
        int parent;

        /* user_namespaces(7): 32 levels. */
        for (;;) {
                if (at < 0 || fstat(at, &st) < 0)
                        return -errno;
                if (st.st_ino == report->userns_inode)
                        return 1;
                parent = ioctl(at, NS_GET_PARENT);
                if (parent < 0)
                        return errno == EPERM ? 0 : -errno;     /* as far up as our own */
                close(at);
                at = parent;
                fcntl(at, F_SETFD, FD_CLOEXEC);
        }
}

static bool is_hosts(const char *file, uint64_t inode)
{
        static const char *const whose[] = { "self", "1" };
        char path[64];
        struct stat st;

        for (size_t i = 0; i < 2; i++) {
                snprintf(path, sizeof path, "/proc/%s/ns/%s", whose[i], file);
                if (stat(path, &st) == 0 && st.st_ino == inode)
                        return true;
        }
        return false;
}

/* A build that may mount has a mount namespace of its own, in which all of ours is locked. */
static bool may_own(const struct report *report, enum spec_ns kind)
{
        return kind == SPEC_NS_MOUNT && report->policy.profile.seccomp_base == POLICY_SECCOMP_BASE_IMAGE_BUILD;
}

static void look_one(struct report *report, enum spec_ns kind)
{
        struct report_namespace *ns = &report->namespaces[report->n_namespaces];
        const char *name = spec_ns_name(kind);
        auto_close int fd = UNSET_FD, owner = UNSET_FD;
        char file[32];
        struct stat st;
        uid_t uid;
        int r;

        snprintf(file, sizeof file, "ns/%s", report_ns_file(kind));
        fd = kind == SPEC_NS_USER ? fcntl(report->userns_fd, F_DUPFD_CLOEXEC, 0) : openat(report->proc_fd, file, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return;         /* a kernel without it */
        if (fd < 0 || fstat(fd, &st) < 0) {
                report_add(report, "namespaces", REPORT_UNKNOWN, "the %s namespace: %s", name, error_text(errno));
                return;
        }
        *ns = (struct report_namespace){ .kind = kind, .inode = st.st_ino, .is_hosts = is_hosts(report_ns_file(kind), st.st_ino) };
        report->n_namespaces++;
        owner = ioctl(fd, NS_GET_USERNS);       /* EPERM: it lies above our own, so outside of the build's in any case */
        if (owner >= 0 && fstat(owner, &st) == 0) {
                fcntl(owner, F_SETFD, FD_CLOEXEC);
                ns->owner_inode = st.st_ino;
        }
        if (ioctl(kind == SPEC_NS_USER ? fd : owner, NS_GET_OWNER_UID, &uid) == 0) {
                ns->has_owner_uid = true;
                ns->owner_uid = uid;
        }
        if (ns->is_hosts && (report->has_sandbox ? report->sandbox.spec.linux_.namespaces[kind].is_given : kind != SPEC_NS_TIME))
                report_add(report, "namespaces", REPORT_WEAKENED, "the %s namespace is the host's", name);
        if (kind == SPEC_NS_NET && report->state->netns_inode != 0 && ns->inode != report->state->netns_inode)
                report_add(report, "namespaces", REPORT_WEAKENED, "init is in another network namespace than the one it was made in");
        if (kind == SPEC_NS_USER || owner < 0)
                return;
        r = report_is_within(report, owner);
        if (r < 0)
                report_add(report, "namespaces", REPORT_UNKNOWN, "who owns the %s namespace: %s", name, error_text(r));
        else if (r > 0 && !may_own(report, kind))
                report_add(report, "namespaces", REPORT_WEAKENED, "the %s namespace belongs to the build's own user namespace", name);
}

/* "0 1879048192 65536" a line. */
static const char *read_map(struct report *report, const char *file, const struct spec_id_map *wanted, size_t n_wanted)
{
        auto_free char *text = NULL;
        size_t length, n = 0;
        char *rest = NULL;
        const char *shown;
        int r = fd_read_file(report->proc_fd, file, MAP_LIMIT_BYTES, &text, &length);

        if (r < 0) {
                report_add(report, "ids", REPORT_UNKNOWN, "%s: %s", file, error_text(r));
                return "";
        }
        shown = "";
        for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
                bool is_wanted = n_wanted == 0;
                unsigned inside, outside, size;

                if (sscanf(line, "%u %u %u", &inside, &outside, &size) != 3)
                        continue;
                n++;
                shown = report_text(report, "%s%s%u %u %u", shown, n > 1 ? ", " : "", inside, outside, size);
                for (size_t i = 0; i < n_wanted; i++)
                        is_wanted |= wanted[i].inside == inside && wanted[i].size == size &&
                                     (report->state->is_userns_nested || wanted[i].outside == outside);
                if (!is_wanted)
                        report_add(report, "ids", REPORT_WEAKENED, "%s has %u %u %u, which create did not give it", file, inside,
                                   outside, size);
                if (outside == 0 && host_privilege() == HOST_REAL_ROOT)
                        report_add(report, "ids", REPORT_WEAKENED, "%s maps the host's id 0", file);
        }
        if (n_wanted > 0 && n != n_wanted)
                report_add(report, "ids", REPORT_WEAKENED, "%s has %zu lines, not %zu", file, n, n_wanted);
        return shown;
}

static void look_ids(struct report *report)
{
        const struct state *state = report->state;
        const struct report_namespace *user = &report->namespaces[0];
        struct stat st;

        /* The files are those of the user namespace that init is in, which may be one that the build made. */
        if (fstatat(report->proc_fd, "ns/user", &st, 0) < 0 || st.st_ino != report->userns_inode) {
                report->uid_map = report->gid_map = "";
                return;
        }
        report->uid_map = read_map(report, "uid_map", state->uid_map, state->n_uid_map);
        report->gid_map = read_map(report, "gid_map", state->gid_map, state->n_gid_map);
        /* What the build uses up is charged to who made it, and root's share is everybody's. */
        if (state->lease_size > 0 && report->n_namespaces > 0 && user->kind == SPEC_NS_USER && user->has_owner_uid &&
            (int64_t)user->owner_uid != userns_map_id(state->uid_map, state->n_uid_map, 0))
                report_add(report, "ids", REPORT_WEAKENED, "the user namespace was made by uid %u, which is not of the range",
                           user->owner_uid);
}

void report_look_namespaces(struct report *report)
{
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++)
                look_one(report, kind);
        look_ids(report);
}
