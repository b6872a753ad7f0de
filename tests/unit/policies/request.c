#include "tests/unit/policies/request.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define BIT(number) (UINT64_C(1) << (number))

static char *arguments[] = { (char *)"sh", NULL };
static char *environment[] = { (char *)"PATH=/bin", (char *)"SECRET_TOKEN=x", NULL };

void request_init(struct request *request)
{
        uint64_t caps = BIT(CAP_CHOWN) | BIT(CAP_SETUID) | BIT(CAP_NET_RAW) | BIT(CAP_MKNOD);
        static const struct {
                enum spec_mount_kind kind;
                const char *target, *fstype;
                uint64_t attrs;
        } usual[] = {
                { SPEC_MOUNT_PROC, "/proc", "proc", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC },
                { SPEC_MOUNT_TMPFS, "/dev", "tmpfs", MOUNT_ATTR_NOSUID },
                { SPEC_MOUNT_SYSFS, "/sys", "sysfs",
                  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC },
                { SPEC_MOUNT_DEVPTS, "/dev/pts", "devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
                { SPEC_MOUNT_MQUEUE, "/dev/mqueue", "mqueue",
                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC },
                { SPEC_MOUNT_CGROUP, "/sys/fs/cgroup", "cgroup",
                  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC },
        };
        static const enum spec_ns given[] = { SPEC_NS_PID, SPEC_NS_MOUNT, SPEC_NS_NET, SPEC_NS_IPC, SPEC_NS_UTS };
        static const struct spec_id_map whole[] = { { 0, 0, UINT32_MAX } };
        struct spec *spec = &request->spec;
        struct host *host = &request->host;

        memset(request, 0, sizeof *request);
        request->policy = *policy_builtin();
        spec->oci_version = "1.0.2";
        spec->root_path = "/srv/engine/rootfs";
        spec->has_process = true;
        spec->process.cwd = "/";
        spec->process.args = arguments;
        spec->process.n_args = 1;
        spec->process.env = environment;
        spec->process.n_env = 2;
        spec->process.caps =
                (struct spec_caps){ .is_given = true, .effective = caps, .bounding = caps, .permitted = caps };
        for (size_t i = 0; i < sizeof given / sizeof *given; i++)
                spec->linux_.namespaces[given[i]].is_given = true;
        for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
                struct spec_mount *mount = request_mount(request, usual[i].kind, usual[i].target);

                mount->fstype = mount->source = usual[i].fstype;
                mount->attr_set = usual[i].attrs;
        }
        host->privilege = HOST_REAL_ROOT;
        host->kernel_major = 6;
        host->kernel_minor = 18;
        host->can_map_tmpfs = true;
        host->own_uid_map = host->own_gid_map = whole;
        host->n_own_uid_map = host->n_own_gid_map = 1;
        host->has_nf_tables = true;
        host->has_seccomp = true;
        host->core_limit_most = UINT64_MAX;
        host->rootfs_real_path = "/srv/engine/rootfs";
        for (size_t kind = 0; kind < SPEC_NS_KINDS; kind++)
                host->namespaces[kind] = (struct host_namespace){ .is_known = true, .is_right_type = true, .inode = 7 };
}

void request_free(struct request *request)
{
        arena_free(&request->arena);
}

struct spec_mount *request_mount(struct request *request, enum spec_mount_kind kind, const char *target)
{
        struct spec_mount *mount = &request->mounts[request->spec.n_mounts++];

        cr_assert_leq(request->spec.n_mounts, REQUEST_MOUNTS);
        *mount = (struct spec_mount){ .kind = kind, .target = target, .source = "none", .fstype = "none", .data = "" };
        return mount;
}

struct spec_mount *request_last(struct request *request)
{
        return &request->mounts[request->spec.n_mounts - 1];
}

struct host_source *request_bind(struct request *request, const char *source, const char *target)
{
        struct spec_mount *mount = request_mount(request, SPEC_MOUNT_BIND, target);
        struct host_source *fact = &request->sources[request->spec.n_mounts - 1];

        mount->source = source;
        mount->fstype = "bind";
        mount->is_recursive = true;
        *fact = (struct host_source){
                .is_known = true, .real_path = source, .mode = S_IFDIR | 0755, .fs_magic = EXT4_SUPER_MAGIC,
                .is_private_folder = true, .device = 5, .inode = 9,
        };
        return fact;
}

int request_judge(struct request *request)
{
        arena_free(&request->arena);
        request->findings = (struct findings){ .arena = &request->arena };
        request->err = (struct error){ 0 };
        request->spec.mounts = request->mounts;
        request->host.sources = request->sources;
        return harden(&request->spec, &request->policy, &request->host, &request->arena, &request->sandbox,
                      &request->findings, &request->err);
}

static size_t index_of(const struct request *request, const char *target)
{
        for (size_t i = request->sandbox.spec.n_mounts; i > 0; i--) {
                if (strcmp(request->sandbox.spec.mounts[i - 1].target, target) == 0)
                        return i - 1;
        }
        cr_assert_fail("no mount at %s", target);
        return 0;
}

const struct spec_mount *request_mount_at(const struct request *request, const char *target)
{
        return &request->sandbox.spec.mounts[index_of(request, target)];
}

const struct sandbox_bind *request_bind_at(const struct request *request, const char *target)
{
        return &request->sandbox.binds[index_of(request, target)];
}

const struct finding *request_finding(const struct request *request, enum finding_action action, const char *rule)
{
        for (const struct finding *finding = request->findings.first; finding != NULL; finding = finding->next) {
                if (finding->action == action && strcmp(finding->rule, rule) == 0)
                        return finding;
        }
        return NULL;
}

void request_passes(struct request *request)
{
        int r = request_judge(request);

        cr_assert_eq(r, 0, "%s", request->err.text);
        for (const struct finding *finding = request->findings.first; finding != NULL; finding = finding->next)
                cr_assert_neq(finding->action, FINDING_REFUSED, "%s: %s", finding->rule, finding->property);
}

/* Engines take the exit code from words of the sentence. */
static void sentence_is_neutral(const char *text)
{
        static const char *const words[] = {
                "no such file",   "permission denied", "operation not permitted", "executable file not found",
                "does not exist",
        };

        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                cr_assert_null(strcasestr(text, words[i]), "\"%s\" has \"%s\"", text, words[i]);
}

void request_is_refused(struct request *request, const char *rule)
{
        int r = request_judge(request);

        cr_assert_eq(r, -EPERM, "%d %s", r, request->err.text);
        cr_assert_not_null(request->err.rule);
        cr_assert_str_eq(request->err.rule, rule, "%s", request->err.text);
        cr_assert_not_null(request_finding(request, FINDING_REFUSED, rule));
        cr_assert(strncmp(request->err.text, "refused by profile \"untrusted\" (", 32) == 0, "%s", request->err.text);
        cr_assert_not_null(strstr(request->err.text, "(policy built-in)"), "%s", request->err.text);
        sentence_is_neutral(request->err.text);
}
