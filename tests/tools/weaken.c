/* runb with one control of the sandbox taken away, named in RUNB_TEST_WEAKEN: `runb selftest` has to notice each.
 * Linked around harden(), seccomp_child_load() and prctl(2). */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "policies/sandbox.h"
#include "runtime/seccomp.h"

typedef int harden_function(const struct spec *spec, const struct policy *policy, const struct host *host,
                            struct arena *arena, struct sandbox *ret_sandbox, struct findings *findings,
                            struct error *err);
harden_function __real_harden, __wrap_harden;
int __real_seccomp_child_load(const struct seccomp_filter *filter);
int __wrap_seccomp_child_load(const struct seccomp_filter *filter);
int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);

static int is_weak(const char *word)
{
        const size_t length = strlen(word);

        for (const char *at = getenv("RUNB_TEST_WEAKEN"); at != NULL && *at != '\0'; at += *at == ',') {
                const size_t n = strcspn(at, ",");

                if (n == length && strncmp(at, word, n) == 0)
                        return 1;
                at += n;
        }
        return 0;
}

int __wrap_harden(const struct spec *spec, const struct policy *policy, const struct host *host, struct arena *arena,
                  struct sandbox *ret_sandbox, struct findings *findings, struct error *err)
{
        static const struct spec_id_map hosts = { 0, 0, 65536 };
        static char path[] = "PATH=/", home[] = "HOME=/", secret[] = "RUNB_SELFTEST_SECRET=leaked";
        static char *const leaked[] = { path, home, secret, NULL };
        int r = __real_harden(spec, policy, host, arena, ret_sandbox, findings, err);
        struct spec *weak = &ret_sandbox->spec;

        if (r < 0)
                return r;
        if (is_weak("egress"))
                ret_sandbox->egress_deny = false;
        if (is_weak("landlock"))
                ret_sandbox->abstract_sockets = SANDBOX_ABSTRACT_OPEN;
        if (is_weak("ports"))
                ret_sandbox->tcp_ports.is_limited = false;
        if (is_weak("userns"))
                ret_sandbox->max_user_namespaces = 64;
        if (is_weak("caps"))
                weak->process.caps.bounding = weak->process.caps.effective = weak->process.caps.permitted =
                        (1ull << 40) - 1;
        if (is_weak("nnp"))
                weak->process.no_new_privileges = false;
        if (is_weak("masks"))
                weak->linux_.n_masked_paths = weak->linux_.n_readonly_paths = 0;
        if (is_weak("pids"))
                weak->linux_.resources.pids_limit = (struct spec_number){ 0 };
        if (is_weak("rlimits"))
                weak->process.n_rlimits = 0;
        if (is_weak("env")) {
                weak->process.env = leaked;
                weak->process.n_env = 3;
        }
        if (is_weak("ids")) {
                ret_sandbox->ids = SANDBOX_IDS_ENGINE;
                ret_sandbox->uid_map = ret_sandbox->gid_map = &hosts;
                ret_sandbox->n_uid_map = ret_sandbox->n_gid_map = 1;
        }
        return 0;
}

int __wrap_seccomp_child_load(const struct seccomp_filter *filter)
{
        return is_weak("seccomp") ? 0 : __real_seccomp_child_load(filter);
}

int __wrap_prctl(int option, ...)
{
        unsigned long arguments[4];
        va_list list;

        va_start(list, option);
        for (int i = 0; i < 4; i++)
                arguments[i] = va_arg(list, unsigned long);
        va_end(list);
        if (option == PR_SET_DUMPABLE && is_weak("dumpable"))
                return 0;
        return __real_prctl(option, arguments[0], arguments[1], arguments[2], arguments[3]);
}
