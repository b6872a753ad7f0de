/* How a process between clone and exec speaks to its parent: it does not format sentences, it reports a step, an index
 * and an errno, and the parent, which has the plan, writes the sentence. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

enum child_step {
        STEP_SETSID,
        STEP_CGROUP_JOIN,       /* index: hierarchy */
        STEP_NS_JOIN,           /* index: enum spec_ns */
        STEP_NS_UNSHARE,
        STEP_PROC_OPEN,         /* the private procfs */
        STEP_OOM_SCORE,
        STEP_HOSTNAME,
        STEP_DOMAINNAME,
        STEP_LOOPBACK,
        STEP_EGRESS,
        STEP_NET_DEVICES,       /* hand the network namespace over */
        STEP_SYNC,              /* the parent went away */
        STEP_FS_IDS,
        STEP_PROPAGATION,
        STEP_ROOT_ATTACH,
        STEP_MOUNT_TARGET,      /* index: mount */
        STEP_MOUNT_TARGET_LINK, /* index: mount; a link where procfs or sysfs belongs */
        STEP_MOUNT_MAKE,        /* index: mount */
        STEP_MOUNT_PARAMETER,   /* value: which option of the plan */
        STEP_MOUNT_LINK,
        STEP_MOUNT_OPTION,      /* index: mount */
        STEP_MOUNT_ATTACH,      /* index: mount */
        STEP_MOUNT_COPYUP,      /* index: mount */
        STEP_DEVICE,            /* index: device */
        STEP_DEVICE_LINK,       /* index: see devices_link_name() */
        STEP_DEVICE_OTHER,      /* index: device; a file of another kind is there */
        STEP_CONSOLE,
        STEP_CONSOLE_SEND,
        STEP_TERMINAL,
        STEP_SYSCTL,            /* index: sysctl */
        STEP_NET_DEFAULTS,
        STEP_READONLY_PATH,     /* index: path */
        STEP_MASKED_PATH,       /* index: path */
        STEP_MASK_NULL,         /* /dev/null is not the null device */
        STEP_CWD_MAKE,
        STEP_PIVOT,
        STEP_OLD_ROOT,
        STEP_ROOT_FLAGS,
        STEP_RLIMIT,            /* index: rlimit */
        STEP_SCHEDULER,
        STEP_IO_PRIORITY,
        STEP_AFFINITY,
        STEP_PERSONALITY,
        STEP_MEMORY_POLICY,
        STEP_STDIO_OWNER,
        STEP_LSM,
        STEP_USERNS_ENTER,
        STEP_USERNS_LIMITS,
        STEP_MOUNTS_OWN,
        STEP_LANDLOCK,
        STEP_GROUPS,
        STEP_GID,
        STEP_UID,
        STEP_KEYRING,
        STEP_CAPS,
        STEP_NO_NEW_PRIVS,
        STEP_CWD,
        STEP_CWD_OUTSIDE,       /* the working folder lies outside the rootfs */
        STEP_LOOKUP_STAT,       /* args[0] has a slash */
        STEP_LOOKUP_PATH,       /* args[0] is not in $PATH */
        STEP_LOOKUP_SELF,       /* args[0] is the runtime itself */
        STEP_FIFO,
        STEP_CREATE_HOOK,       /* index: createContainer hook; error as for STEP_HOOK */
        STEP_HOOK,              /* index: startContainer hook; see extra */
        STEP_SECCOMP,           /* index: 0 policy's, 1 engine's */
        STEP_LISTENER,          /* hand the filter's listener over */
        STEP_EXEC,
        STEP_N,
};

enum child_message_kind {
        CHILD_FAILED,
        CHILD_NAMESPACES_READY, /* init: its namespaces exist, hooks may look at them */
        CHILD_EGRESS,           /* its network namespace (value: the inode) has egress rules: a netlink socket is attached; init waits */
        CHILD_COUNTERS,         /* the egress rules are installed and count: the netlink socket for it is attached */
        CHILD_NETNS,            /* its network namespace is attached, for linux.netDevices */
        CHILD_ROUTE,            /* a NETLINK_ROUTE socket made in there is attached; init waits */
        CHILD_MASTER,           /* the pty master is attached (SCM_RIGHTS) */
        CHILD_SCOPED,           /* init: abstract sockets were found where it was to be scoped then */
        CHILD_READY,            /* everything is done but the wait for start, hooks, seccomp and exec */
        CHILD_LISTENER_NEXT,    /* the filter is about to be loaded: connect to the agent */
        CHILD_LISTENER,         /* the listener is attached (SCM_RIGHTS) */
        CHILD_GO,               /* parent -> child */
};

struct child_message {
        uint32_t kind;
        uint32_t step;
        uint32_t index;
        uint64_t value;         /* CHILD_READY: the inode of init's network namespace; STEP_MOUNT_PARAMETER: which option */
        int32_t error;          /* errno; for STEP_HOOK enum hooks_end << 16 | its value */
};

/* Child: reports and ends the process with status 1. */
void child_fail(int report_fd, enum child_step step, uint32_t index, int error) __attribute__((noreturn));
void child_fail_at(int report_fd, enum child_step step, uint32_t index, uint64_t value, int error) __attribute__((noreturn));

/* Child: sends a message without more. A parent that has gone is the end (STEP_SYNC needs no reader). */
void child_say(int report_fd, enum child_message_kind kind, uint64_t value);

/* Child: waits for CHILD_GO; ends the process when the parent has gone. */
void child_wait_go(int report_fd);

/* Parent: receives one message and, with it, perhaps an fd. Returns 1 for a message, 0 at the end (the child
 * has executed its program or died), a negative errno otherwise. */
int child_receive(int report_fd, struct child_message *ret_message, int *ret_fd);

/* A step in words, without the subject: "join the cgroup". */
const char *child_step_text(enum child_step step);
