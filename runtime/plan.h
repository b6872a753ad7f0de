/* The whole sandbox as one value: every question answered, no fd in it. Making it changes nothing.
 *
 *   bundle -> spec -> host facts -> harden() -> plan -> launch
 *
 * Only the range of ids is chosen later, under the lock of the leases: plan_set_ids() fills it in. */
#pragma once

#include <stdbool.h>

#include "oci-spec/spec.h"
#include "policies/sandbox.h"
#include "runtime/base/arena.h"
#include "runtime/cgroups.h"
#include "runtime/devices.h"
#include "runtime/intelrdt.h"
#include "runtime/landlock.h"
#include "runtime/mounts.h"
#include "runtime/namespaces.h"
#include "runtime/policy.h"
#include "runtime/process.h"
#include "runtime/restack.h"
#include "runtime/systemd.h"

struct plan_sysctl {
        const char *key;                /* as asked, "net.ipv4.ip_forward" */
        const char *path;               /* "sys/net/ipv4/ip_forward" */
        const char *value;
};

struct plan {
        const char *id;
        const char *bundle;             /* absolute */
        const char *rootfs;             /* absolute, links resolved */
        struct spec asked;              /* config.json as it was read */
        const char *config_text;        /* its bytes */
        size_t config_length;
        struct host host;
        struct sandbox sandbox;
        const struct spec *spec;        /* = &sandbox.spec */
        struct policy policy;           /* what the administrator lets it have */
        struct findings findings;

        struct namespaces_plan namespaces;
        struct cgroups_plan cgroups;    /* by systemd: has no paths until the scope has been started */
        struct systemd_plan systemd;
        struct restack_plan restack;
        struct intelrdt_plan intelrdt;

        /* After plan_set_ids(). */
        const struct spec_id_map *uid_map, *gid_map;
        size_t n_uid_map, n_gid_map;
        struct mounts_plan mounts;
        struct devices_plan devices;
        struct process_plan process;
        struct landlock_plan landlock;
        const struct plan_sysctl *sysctls;
        size_t n_sysctls;
};

struct plan_request {
        const char *id;
        const char *bundle;             /* as given */
        bool is_cgroup_disabled;
        struct policy_source policy;
        const char *root;               /* --root */
        const char *config;             /* read instead of the bundle's config.json; NULL: that one */
        bool is_run;                    /* its program is started at once, so there must be one */
        bool is_systemd_cgroup;
        bool no_pivot, no_new_keyring;
};

/* Reads, judges and plans. @arena keeps everything. */
int plan_make(const struct plan_request *request, struct arena *arena, struct plan *ret_plan, struct error *err);

/* @lease_base, @lease_size: for SANDBOX_IDS_LEASE, else ignored. */
int plan_set_ids(struct plan *plan, struct arena *arena, uint32_t lease_base, uint32_t lease_size, struct error *err);
