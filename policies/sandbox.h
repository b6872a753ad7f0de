/* The sandbox as policy lets it be: the request tightened, and what the request did not say.
 *
 * harden() is the only door: create, run, exec and update all go through it. It is pure: spec, policy and host
 * facts in, sandbox and findings out, no system call. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci-spec/spec.h"
#include "policies/findings.h"
#include "policies/host.h"
#include "policies/policy.h"

enum sandbox_ids {
        SANDBOX_IDS_LEASE,      /* a private range, chosen when the plan is carried out */
        SANDBOX_IDS_ENGINE,     /* the engine's mapping (uid_map of the spec, or of the user namespace that it names),
                                 * checked */
        SANDBOX_IDS_IDENTITY,   /* every id of the user namespace we are in, one to one (rootless) */
};

/* Whose ids a bind's files have. Where the ids are not leased, only the binds that the engine wants mapped (idmap) are:
 * in its own map the engine has seen to the rest, and where ids are one to one there is nothing to map. */
enum sandbox_bind_ids {
        SANDBOX_BIND_PLAIN,          /* as it is: what belongs to no id of the build shows as nobody */
        SANDBOX_BIND_ROOT,          /* on-disk id n is the build's id n */
        SANDBOX_BIND_OWNER,         /* the source's owner is the build's 0; no other id of the disk is in the map */
        SANDBOX_BIND_MAPPED,        /* the mount's own map: with a lease, outside = ids of the build; else ids of our
                                     * user namespace, each of them the build's */
};

/* What policy adds to one mount. */
struct sandbox_bind {
        enum sandbox_bind_ids ids;
        bool is_ids_recursive;          /* the id map counts for the mounts below the source, too; else those stay
                                         * plain */
        bool is_ids_wanted;             /* false: where the file system has no id maps, binding it plainly is right (it
                                         * is read-only, and nobody asked for a map); true: refuse then */
        const char *link;               /* copy-symlink, and the source is one: a link with this text is made instead of
                                         * a mount; NULL: mount */
        bool is_file_system_changed;    /* a remount that goes for the file system, which is the container's own:
                                         * sb_flags, sb_flags_clear and data */
        uint32_t owner_uid, owner_gid;  /* OWNER: on disk */
        /* The source that was judged: whoever mounts it refuses when another file has taken its place. */
        bool is_source_known;
        long kernel_magic;              /* the host's own /proc, /sys or /dev/mqueue, told by its file system; 0:
                                         * another bind */
        dev_t source_device;
        ino_t source_inode;
};

/* Abstract sockets belong to a network namespace, and no file's permissions guard them. See policies/landlock.c. */
enum sandbox_abstract {
        SANDBOX_ABSTRACT_OPEN,          /* nobody but the build and its pod is there */
        SANDBOX_ABSTRACT_SCOPED,        /* out of reach, other than those of the process's own descent */
        SANDBOX_ABSTRACT_IF_FOUND,      /* scoped where the namespace has some already when it is joined */
        SANDBOX_ABSTRACT_UNLESS_POD,    /* scoped unless the process that names the namespace has an id of the build's
                                         * range */
};

/* An address as a number: of IPv4 the lower 32 bits. */
__extension__ typedef unsigned __int128 egress_address;

/* What may go out: addresses, protocols and ports, each from @first to @last. */
struct egress_range {
        egress_address first, last;
        bool is_v6;
        uint8_t protocol_first, protocol_last;
        uint16_t port_first, port_last;
};

struct sandbox_egress {
        const char *profile;
        uint32_t digest;                /* of what the profile says of the network; 0: nothing */
        bool has_list;                  /* something may go out, or could if it had an address */
        bool is_counted;                /* what is refused is counted, for the audit file and `runb egress`; true with a
                                         * list */
        bool is_audit;                  /* all may go out but what is closed always, and is written down */
        bool is_ingress_open;           /* connections from outside may come in */
        bool can_resize;                /* the kernel lets a set be made small and then allowed to grow: Linux 6.5 */
        const struct egress_range *ranges; size_t n_ranges;     /* no two of them overlap */
        const char *hosts; size_t hosts_length;                 /* lines for /etc/hosts; NULL: none */
};

/* The ports that Landlock lets TCP connect to, wherever they are. */
struct sandbox_tcp_ports {
        bool is_limited;                /* else to any */
        const struct policy_ports *items; size_t n;     /* in order; no two of them overlap */
};

struct sandbox {
        /* The request with everything tightened in place: caps cut and ambient/inheritable emptied, mounts with
         * nosuid,nodev added and shared made private, /dev added where missing, masked and read-only paths added,
         * namespaces user, ipc, uts, cgroup added, rlimits lowered, env filtered, resources filled in,
         * no_new_privileges true. linux_.devices holds the default nodes too (null zero full random urandom tty). */
        struct spec spec;
        const char *profile;
        const char *policy_revision;
        enum sandbox_ids ids;
        uint32_t ids_size;              /* for a lease */
        const char *ids_user;           /* whose entry of /etc/subuid the lease comes from; NULL: see policy.h */
        /* For ENGINE and IDENTITY: outside = ids of our user namespace; a lease fills in its own. None for IDENTITY:
         * the plain user's namespace has not been entered yet, repeat its /proc/self/uid_map then. */
        const struct spec_id_map *uid_map, *gid_map;
        size_t n_uid_map, n_gid_map;
        const struct sandbox_bind *binds;               /* one per spec.mounts, same index */
        enum policy_seccomp_base seccomp_base;
        uint64_t rootfs_upper_bytes;    /* what the build writes goes to a layer of its own, of that size; 0: to the
                                         * engine's */
        bool seccomp_setuid_files;
        bool seccomp_user_namespaces;
        bool seccomp_explain;           /* what is refused is counted: runtime/denials.h */
        uint32_t max_user_namespaces;
        uint32_t max_inotify_instances;
        /* The build gets a mount namespace of its own user namespace's, a copy in which all of ours is locked, and may
         * make more of each kind, as many as this; 0: none of that, every namespace is owned outside. */
        uint32_t max_namespaces;
        const char *group_key;          /* io.kubernetes.cri.sandbox-id and its like; NULL: none */
        struct spec_resources demanded; /* of the limits those that someone asked for; the rest our own defaults */
        const char *cgroup_parent;      /* the cgroup above the container's; NULL: the engine says */
        uint64_t wall_s, grace_s;       /* from create to SIGTERM, and from there to SIGKILL; wall_s 0: no deadline */
        bool egress_deny;               /* install the table; false in the host's network alone; what it lets pass
                                         * besides loopback: */
        struct sandbox_egress egress;
        /* Name and value of annotations. */
        const struct spec_pair *systemd_properties; size_t n_systemd_properties;
        enum sandbox_abstract abstract_sockets;
        struct sandbox_tcp_ports tcp_ports;
};

/* Judges a whole config.json. @ret_sandbox points into @arena and into what @spec points to.
 * Returns 0, or -EPERM with err->rule set for a refusal ("refused by profile "untrusted" (mounts.sockets):
 * ..." names rule and remedy in one line), or another negative errno for an invalid request. */
int harden(const struct spec *spec, const struct policy *policy, const struct host *host, struct arena *arena,
           struct sandbox *ret_sandbox, struct findings *findings, struct error *err);

/* Judges the process object of exec with the same rules: caps, no_new_privileges, rlimits, oom score, env.
 * Missing capabilities count as none: the caller fills in the container's first, as runc does. */
int harden_process(const struct spec_process *asked, const struct policy *policy, const struct host *host,
                   struct arena *arena, struct spec_process *ret_process, struct findings *findings,
                   struct error *err);

/* Judges the resources of update: lower, or raise up to the profile's. What is missing or zero stays so ("leave as
 * is"). */
int harden_resources(const struct spec_resources *asked, const struct policy *policy, const struct host *host,
                     struct arena *arena, struct spec_resources *ret_resources, struct findings *findings,
                     struct error *err);
