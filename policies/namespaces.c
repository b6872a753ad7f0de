/* Which namespaces the build lives in.
 *
 * An engine says "the host's" by leaving a namespace out. Where a build can do without noticing (user, ipc, uts,
 * cgroup) it gets its own; where the request makes no sense any more with an own one (pid, mount, network) it is
 * refused, as the build would fail in some obscure way later. Naming the host's by path is the same request, spelled
 * out.
 *
 * Four of the host's can be had by a dated exception. What that means, and what stays:
 *
 *   network   no table of ours can stand there, since it would hold for the whole host: egress is not enforced, and the
 *             findings say so. The build has no power over the namespace; abstract sockets are scoped (landlock.c)
 *   pid       all processes of the host can be seen, with their arguments. Their memory, environment and files cannot:
 *             that takes power over the user namespace they are in (ptrace(2)). Signals go where ids are the same
 *   ipc       System V objects and queues are guarded by their modes alone, and no id of the build's is another's
 *   uts       the name can be seen and not set
 *
 * Their sysctls are the host's, and refused (sysctl.c). */
#include "policies/namespaces.h"

#include <string.h>

#include "policies/exceptions.h"
#include "policies/judge.h"

static const char *rule_of(enum spec_ns kind)
{
        switch (kind) {
        case SPEC_NS_USER:
                return "namespaces.user";
        case SPEC_NS_MOUNT:
                return "namespaces.mount";
        case SPEC_NS_PID:
                return "namespaces.pid";
        case SPEC_NS_NET:
                return "namespaces.network";
        case SPEC_NS_IPC:
                return "namespaces.ipc";
        case SPEC_NS_UTS:
                return "namespaces.uts";
        case SPEC_NS_CGROUP:
                return "namespaces.cgroup";
        case SPEC_NS_TIME:
                return "namespaces.time";
        case SPEC_NS_KINDS:
                break;
        }
        return "namespaces";
}

static const char *exception_of(enum spec_ns kind)
{
        switch (kind) {
        case SPEC_NS_NET:
                return "network.host";
        case SPEC_NS_PID:
                return "pid.host";
        case SPEC_NS_IPC:
                return "ipc.host";
        case SPEC_NS_UTS:
                return "uts.host";
        case SPEC_NS_USER: /* no exception turns it off */
        case SPEC_NS_MOUNT: /* pivot_root(2) there would be the host's own */
        case SPEC_NS_CGROUP:
        case SPEC_NS_TIME:
        case SPEC_NS_KINDS:
                break;
        }
        return NULL;
}

bool policy_namespaces_is_hosts(const struct judge *judge, const struct sandbox *sandbox, enum spec_ns kind)
{
        const char *token = exception_of(kind);

        return token != NULL && !sandbox->spec.linux_.namespaces[kind].is_given &&
               policy_exceptions_find(judge->policy, token) != NULL;
}

/* What an exception opens besides the name of it. */
static const char *what_is_open(const struct judge *judge, enum spec_ns kind)
{
        switch (kind) {
        case SPEC_NS_NET: /* egress.c */
                return NULL;
        case SPEC_NS_PID:
                return judge->host->privilege == HOST_REAL_ROOT ?
                               "all processes of the host and their arguments can be seen" :
                               "all processes of the host and their arguments can be seen, and those of the caller be "
                               "signalled";
        case SPEC_NS_IPC:
                return "what everybody may use of the host's System V objects and message queues is within reach";
        case SPEC_NS_UTS:
                return "the host's name";
        case SPEC_NS_USER:
        case SPEC_NS_MOUNT:
        case SPEC_NS_CGROUP:
        case SPEC_NS_TIME:
        case SPEC_NS_KINDS:
                break;
        }
        return NULL;
}

/* The host's own, where an exception lets it be; false: there is none. */
static bool gets_hosts(struct judge *judge, enum spec_ns kind, struct spec_namespace *ns)
{
        const char *property = arena_format(judge->arena, "linux.namespaces (%s)", spec_ns_name(kind)), *open;

        if (!judge_excepts(judge, rule_of(kind), property, exception_of(kind)))
                return false;
        *ns = (struct spec_namespace){ .is_given = false };
        open = what_is_open(judge, kind);
        if (open != NULL)
                judge_record(judge, rule_of(kind), property, "the host's", open);
        return true;
}

static void judge_missing(struct judge *judge, enum spec_ns kind, struct spec_namespace *ns)
{
        const char *property = "linux.namespaces";

        if (gets_hosts(judge, kind, ns))
                return;
        switch (kind) {
        case SPEC_NS_PID:
                judge_refuse(judge, rule_of(kind), property, "the host's pid namespace", exception_of(kind),
                             "config.json has no pid namespace, that is the host's processes; drop --pid=host");
                return;
        case SPEC_NS_NET:
                judge_refuse(judge, rule_of(kind), property, "the host's network", exception_of(kind),
                             "config.json has no network namespace, that is the host's network; drop --network=host");
                return;
        case SPEC_NS_MOUNT:
                judge_refuse(judge, rule_of(kind), property, "the host's mounts", exception_of(kind),
                             "config.json has no mount namespace, that is the host's mounts; add {\"type\": \"mount\"} "
                             "to linux.namespaces");
                return;
        case SPEC_NS_USER:
        case SPEC_NS_IPC:
        case SPEC_NS_UTS:
        case SPEC_NS_CGROUP:
                *ns = (struct spec_namespace){ .is_given = true };
                judge_tighten(judge, rule_of(kind), property,
                              arena_format(judge->arena, "the host's %s namespace", spec_ns_name(kind)), "a new one");
                return;
        case SPEC_NS_TIME: /* the same clocks as the host's show nothing that vDSO and time(2) do not */
        case SPEC_NS_KINDS:
                return;
        }
}

/* A namespace of containers is shared by those of one profile: what one may not have it would have through the
 * other's. */
static void judge_zone(struct judge *judge, enum spec_ns kind, const char *property, const char *path)
{
        const struct host_namespace *fact = &judge->host->namespaces[kind];
        const char *profile = judge->policy->profile.name;

        if (fact->profile == NULL || strcmp(fact->profile, profile) == 0)
                return;
        judge_refuse(judge, rule_of(kind), property, path, NULL,
                     "%s namespace %s is that of container %s, which has the profile \"%s\"; create both with the same "
                     "profile, or leave its path out",
                     spec_ns_name(kind), path, fact->container, fact->profile);
}

static void judge_joined(struct judge *judge, enum spec_ns kind, struct spec_namespace *ns)
{
        const struct host_namespace *fact = &judge->host->namespaces[kind];
        const char *property = arena_format(judge->arena, "linux.namespaces (%s)", spec_ns_name(kind));

        if (kind == SPEC_NS_MOUNT && (fact->error != 0 || !fact->is_right_type || fact->is_host ||
                                      !judge_excepts(judge, rule_of(kind), property, "mount.namespace"))) {
                judge_refuse(judge, rule_of(kind), property, ns->path,
                             fact->error == 0 && fact->is_right_type && !fact->is_host ? "mount.namespace" : NULL,
                             "mount namespace %s is one that no rule has judged the mounts of; leave its path out",
                             ns->path);
                return;
        }
        if (fact->error != 0) /* carrying it out says why, with the errno's own words */
                return;
        if (!fact->is_right_type) {
                judge_invalid(judge, "linux.namespaces: %s is not a %s namespace", ns->path, spec_ns_name(kind));
                return;
        }
        if (!fact->is_host) {
                judge_zone(judge, kind, property, ns->path);
                return;
        }
        if (gets_hosts(judge, kind, ns))
                return;

        switch (kind) {
        case SPEC_NS_TIME:
                judge_record(judge, rule_of(kind), property, ns->path, "the host's clocks, as without it");
                *ns = (struct spec_namespace){ .is_given = false };
                return;
        case SPEC_NS_CGROUP:
                judge_tighten(judge, rule_of(kind), property, ns->path, "a new one");
                *ns = (struct spec_namespace){ .is_given = true };
                return;
        case SPEC_NS_USER:
                /* A rootless engine names its own for containers without a mapping: the build gets a child of it
                 * anyway. */
                if (judge->host->privilege == HOST_ENGINE_ROOT) {
                        judge_tighten(judge, rule_of(kind), property, ns->path, "a child of it");
                        *ns = (struct spec_namespace){ .is_given = true };
                        return;
                }
                judge_refuse(judge, rule_of(kind), property, ns->path, NULL,
                             "user namespace %s is the host's; leave its path out", ns->path);
                return;
        case SPEC_NS_PID:
        case SPEC_NS_NET:
        case SPEC_NS_IPC:
        case SPEC_NS_UTS:
        case SPEC_NS_MOUNT:
        case SPEC_NS_KINDS:
                judge_refuse(judge, rule_of(kind), property, ns->path, exception_of(kind),
                             "%s namespace %s is the host's; leave its path out", spec_ns_name(kind), ns->path);
                return;
        }
}

/* time_namespaces(7): offsets are set while a namespace has no process, that is by whoever makes it. */
static void judge_time_offsets(struct judge *judge)
{
        const struct spec_linux *asked = &judge->asked->linux_;
        const struct spec_namespace *ns = &asked->namespaces[SPEC_NS_TIME];

        if (!asked->has_time_offsets)
                return;
        if (!ns->is_given)
                judge_invalid(judge,
                              "linux.timeOffsets: there is no time namespace that they could count in; add {\"type\": "
                              "\"time\"} to linux.namespaces");
        else if (ns->path != NULL)
                judge_invalid(judge,
                              "linux.timeOffsets: the clocks of time namespace %s, which is joined, cannot be set any "
                              "more; leave out its path or the offsets",
                              ns->path);
}

/* sethostname(2) would name the host. */
static void judge_names(struct judge *judge, const struct sandbox *sandbox)
{
        const char *names[] = { judge->asked->hostname, judge->asked->domainname };
        static const char *const members[] = { "hostname", "domainname" };

        if (!policy_namespaces_is_hosts(judge, sandbox, SPEC_NS_UTS))
                return;
        for (size_t i = 0; i < 2; i++) {
                if (names[i] != NULL && names[i][0] != '\0')
                        judge_invalid(judge,
                                      "%s: unable to set hostname without a private UTS namespace, that would be the "
                                      "host's own; drop it, or add {\"type\": \"uts\"} to linux.namespaces",
                                      members[i]);
        }
}

int policy_namespaces_judge(struct judge *judge, struct sandbox *sandbox)
{
        judge_time_offsets(judge);
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++) {
                struct spec_namespace *ns = &sandbox->spec.linux_.namespaces[kind];

                if (!ns->is_given)
                        judge_missing(judge, kind, ns);
                else if (ns->path != NULL)
                        judge_joined(judge, kind, ns);
        }
        judge_names(judge, sandbox);
        return 0;
}
