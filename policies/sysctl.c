/* Which sysctls may be written: by exact name, or below net, where a network namespace has knobs of its own and the
 * kernel makes the others read-only (ensure_safe_net_sysctl(), Linux 5.12). A name becomes a path below /proc/sys, so
 * its components are looked at, too. */
#include "policies/sysctl.h"

#include <string.h>

#include "policies/judge.h"
#include "runtime/base/text.h"

/* sysctl(8): with a slash before the first dot, slashes separate and dots are letters (an interface "eth0.1"); else the
 * other way round. */
static bool is_path_safe(const char *name)
{
        const char *first = strpbrk(name, "./");
        char separator = first != NULL ? *first : '.';
        const char *part = name;

        for (;;) {
                const char *end = strchrnul(part, separator);
                size_t length = (size_t)(end - part);

                if (length == 0 || (length == 1 && (part[0] == '.' || part[0] == '/')) ||
                    (length == 2 && (memcmp(part, "..", 2) == 0 || memcmp(part, "//", 2) == 0)))
                        return false;
                if (*end == '\0')
                        return true;
                part = end + 1;
        }
}

/* Compares a name in either spelling with the one of dots. */
static bool is_named(const char *name, const char *dotted)
{
        for (; *dotted != '\0' && *name != '\0'; name++, dotted++) {
                if (*name != *dotted && !(*name == '/' && *dotted == '.'))
                        return false;
        }
        return *dotted == '\0' && *name == '\0';
}

static bool is_below(const char *name, const char *top)
{
        size_t length = strlen(top);

        for (size_t i = 0; i < length; i++) {
                if (name[i] != top[i] && !(name[i] == '/' && top[i] == '.'))
                        return false;
        }
        return name[length] == '.' || name[length] == '/';
}

static bool is_of_ipc(const char *name)
{
        static const char *const names[] = {
                "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall",
                "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
        };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                if (is_named(name, names[i]))
                        return true;
        }
        return is_below(name, "fs.mqueue");
}

/* Which namespace a name is of; SPEC_NS_KINDS: of none. */
static enum spec_ns namespace_of(const char *name)
{
        if (!is_path_safe(name))
                return SPEC_NS_KINDS;
        if (is_below(name, "net"))
                return SPEC_NS_NET;
        if (is_of_ipc(name))
                return SPEC_NS_IPC;
        return is_named(name, "kernel.domainname") ? SPEC_NS_UTS : SPEC_NS_KINDS;
}

/* New, or joined and not the host's: whatever let the host's pass, its sysctls stay as they are. */
static bool is_apart(const struct judge *judge, const struct sandbox *sandbox, enum spec_ns kind)
{
        const struct spec_namespace *ns = &sandbox->spec.linux_.namespaces[kind];

        return ns->is_given && (ns->path == NULL || !judge->host->namespaces[kind].is_host);
}

int policy_sysctl_judge(struct judge *judge, struct sandbox *sandbox)
{
        const struct spec_linux *linux_ = &sandbox->spec.linux_;

        for (size_t i = 0; i < linux_->n_sysctl; i++) {
                const char *name = linux_->sysctl[i].key;
                enum spec_ns kind = namespace_of(name);

                if (is_named(name, "kernel.hostname"))
                        judge_refuse(
                                judge, "sysctl", "linux.sysctl", name, NULL,
                                "sysctl \"%s\" is not allowed as it conflicts with the OCI \"hostname\" field; use "
                                "that",
                                name);
                else if (kind == SPEC_NS_KINDS)
                        judge_refuse(judge, "sysctl", "linux.sysctl", name, NULL,
                                     "sysctl \"%s\" is not in a separate kernel namespace; drop it", name);
                else if (!is_apart(judge, sandbox, kind))
                        judge_refuse(judge, "sysctl", "linux.sysctl", name, NULL,
                                     "sysctl \"%s\" is not allowed in the hosts %s namespace; drop it, or give the "
                                     "container one of its own",
                                     name, spec_ns_name(kind));
        }
        return 0;
}
