/* A request as engines make it, on a host as they run on, to change one thing of and have judged. */
#pragma once

#include <stdbool.h>

#include "policies/sandbox.h"

#define REQUEST_MOUNTS 24

struct request {
        struct spec spec;
        struct spec_mount mounts[REQUEST_MOUNTS];
        struct host host;
        struct host_source sources[REQUEST_MOUNTS];
        struct policy policy;
        struct spec_pair pairs[4];              /* room for sysctls, annotations, unified */

        /* What came of it. */
        struct arena arena;
        struct sandbox sandbox;
        struct findings findings;
        struct error err;
};

/* podman's shape: no user and no cgroup namespace, /dev /proc /sys and their like, docker's capabilities; nothing
 * refused. */
void request_init(struct request *request);
void request_free(struct request *request);

/* Adds a bind of a root-owned, world-readable folder of ext4 in a private folder. The facts can be changed through the
 * returned pointer, the mount through request_last(). */
struct host_source *request_bind(struct request *request, const char *source, const char *target);
struct spec_mount *request_mount(struct request *request, enum spec_mount_kind kind, const char *target);
struct spec_mount *request_last(struct request *request);

int request_judge(struct request *request);

/* The judged mount of that target, the last one; fails the test when there is none. */
const struct spec_mount *request_mount_at(const struct request *request, const char *target);
const struct sandbox_bind *request_bind_at(const struct request *request, const char *target);

/* The first finding of this rule with this action; NULL when there is none. */
const struct finding *request_finding(const struct request *request, enum finding_action action, const char *rule);

/* Judges and asserts the two ways it can go. */
void request_passes(struct request *request);
void request_is_refused(struct request *request, const char *rule);
