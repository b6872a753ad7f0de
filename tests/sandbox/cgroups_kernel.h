/* The cgroups room on the real kernel: what its tests have in common. Each is a function that returns 0, or by want() and the
 * like a failure, of which main() tells. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

#include "runtime/cgroups.h"
#include "runtime/cgroups_private.h"

extern struct arena arena;
extern const struct spec_resources no_limits;

int no(const char *format, ...) __attribute__((format(printf, 1, 2)));
int skip(const char *reason);
#define want(claim) do { if (!(claim)) return no("line %d: not so: %s", __LINE__, #claim); } while (0)
#define want_ok(call) do { int r_ = (call); if (r_ < 0) \
        return no("line %d: %s: %d %s", __LINE__, #call, r_, err.text); } while (0)
#define want_error(call, text_) do { int r_ = (call); if (r_ >= 0 || strstr(err.text, text_) == NULL) \
        return no("line %d: %s: %d, wanted an error with \"%s\", got: %s", __LINE__, #call, r_, text_, err.text); } while (0)
#define SKIP 77
#define NUMBER(n) ((struct spec_number){ .is_given = true, .value = (n) })

bool is_v2(void);
void nap_ms(long ms);
/* A child in the cgroup, running @function; it has joined. */
pid_t spawn(const struct cgroups_ready *ready, void (*function)(void *), void *context);
void wait_for_ever(void *context);
/* Ends with 0 where that opens, 1 where it is EPERM, else 2. @context: struct opening. */
struct opening { const char *path; int flags; };
void try_open(void *context);
/* The file of the container's folder, wherever it is. */
const char *value_of(const struct cgroups_plan *plan, const char *file);
bool has_file(const struct cgroups_plan *plan, const char *file);
bool is_gone(const struct cgroups_plan *plan);
size_t count(const struct cgroups_plan *plan);

/* A prepared cgroup "/t/<name>", removed at the end of the test whatever happens. */
struct box {
        struct cgroups_plan plan;
        struct cgroups_ready ready;
};
void box_end(struct box *box);
#define auto_box __attribute__((cleanup(box_end)))
int box_make(struct box *box, const char *path, const struct spec_resources *resources, struct error *err);
/* Of "box". */
#define FREEZE(on) cgroups_freeze(box.plan.paths, box.plan.n_paths, box.plan.is_v2, (on), &err)
#define IS_FROZEN() cgroups_is_frozen(box.plan.paths, box.plan.n_paths, box.plan.is_v2)

/* The tests. */
int joins_every_hierarchy(void);
int limits_are_read_back(void);
int update_goes_up_and_down(void);
int a_refused_update_changes_nothing(void);
int a_refused_update_changes_no_device(void);
int quota_and_period_change_together(void);
int failed_limit_leaves_no_folder(void);
int missing_controller(void);
int fork_bomb_ends(void);
int freezing_stops_and_resuming_goes_on(void);
int freezing_while_processes_come(void);
int signals_reach_all(void);
int nested_cgroups_go_too(void);
int shared_cgroup_goes_with_the_last(void);
int foreign_cgroup_is_left_alone(void);
int residue_of_a_crash_is_ours(void);
int frozen_residue_is_thawed(void);
int our_own_cgroup_is_not_frozen(void);
int a_hierarchys_root_is_refused(void);
int device_rules_hold(void);
int many_device_rules_load(void);
int a_restricted_parent_is_not_widened(void);
int unified_keeps_off_our_own_files(void);
int a_megabyte_is_enough(void);
int without_a_path_the_name_is_ours(void);
int without_rights_there_is_no_cgroup(void);
