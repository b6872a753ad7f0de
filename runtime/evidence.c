/* The statement, by the record, the policy that is kept with it, and the kernel. */
#include "runtime/evidence_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "oci-spec/canonical.h"
#include "policies/seccomp.h"
#include "policies/select.h"
#include "runtime/audit_record.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sha256.h"
#include "runtime/report.h"

#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define PREDICATE_TYPE "https://in-toto.io/attestation/runtime-trace/v0.1"
#define MONITOR_TYPE "urn:runb:monitor:v1"
#define PROCESS_TYPE "urn:runb:container:v1"

/* ---- the environment ---- */

/* Of the program alone, as create made it and `runb report` finds it in the processes. */
static void add_filter(const char *digest, const char *key, struct text_buffer *out)
{
        if (digest == NULL || !text_starts_with(digest, "sha256:"))
                return;
        text_add_object(out, key);
        evidence_add_digest(out, digest + strlen("sha256:"));
        text_add(out, "}");
}

void evidence_add_caps(uint64_t set, struct text_buffer *out)
{
        text_add_list(out, "capabilities");
        for (int i = 0; i < 64; i++)
                if (set >> i & 1 && spec_cap_name(i) != NULL) {
                        text_add_member(out, NULL, spec_cap_name(i));
                }
        text_add(out, "]");
}

/* What holds for every build of the profile. */
static void add_profile(const struct policy *policy, struct text_buffer *out)
{
        const struct policy_profile *profile = &policy->profile;

        text_add_member(out, "profile", profile->name);
        text_add_member(out, "policy", policy->revision);
        evidence_add_caps(policy_profile_caps(profile), out);
        text_add_flag(out, "mayMakeUserNamespaces", profile->seccomp_user_namespaces);
        text_add_flag(out, "mayMount", profile->seccomp_base == POLICY_SECCOMP_BASE_IMAGE_BUILD);
        text_add_member(out, "rootfs", policy_rootfs_name(profile->rootfs));
        text_add_member(out, "egress", profile->egress_mode == POLICY_EGRESS_AUDIT ? "audit" : "deny");
        text_add_number(out, "egressDestinations", profile->n_egress_allow + (profile->egress_proxy != NULL));
        text_add_object(out, "limits");
        for (enum policy_limit limit = 0; limit < POLICY_LIMITS; limit++)
                if (profile->limits[limit].is_set)
                        text_add_number(out, policy_limit_name(limit), profile->limits[limit].value);
        text_add(out, "}");
        text_add_list(out, "exceptions");
        for (size_t i = 0; i < policy->n_exceptions; i++) {
                text_add_member(out, NULL, policy->exceptions[i].id);
        }
        text_add(out, "]");
}

static void add_findings(const struct state *state, struct text_buffer *out, struct evidence_completeness *completeness)
{
        size_t n = 0;

        text_add_list(out, "findings");
        for (const struct finding *finding = state->findings; finding != NULL; finding = finding->next) {
                if (n++ >= EVIDENCE_ENTRIES_MOST) {
                        completeness->more_findings++;
                        continue;
                }
                text_add_object(out, NULL);
                text_add_member(out, "action", finding_action_name(finding->action));
                text_add_member(out, "property", finding->property);
                text_add_member(out, "rule", finding->rule);
                text_add_member(out, "got", finding->got);
                text_add(out, "}");
        }
        text_add(out, "]");
}

/* What was to hold, by the policy that is kept with it. */
static void add_policy(const struct state *state, const struct policy *policy, struct text_buffer *out,
                       struct evidence_completeness *completeness)
{
        text_add_object(out, "tracePolicy");
        add_profile(policy, out);
        text_add_key(out, "egressRules");
        policy_file_write_egress(&policy->profile, out);
        text_add_member(out, "chosenBy", state->chosen_by);
        text_add_object(out, "seccomp");
        add_filter(state->seccomp_digest, "profile", out);
        add_filter(state->seccomp_engine_digest, "engine", out);
        text_add(out, "}");
        text_add_list(out, "uidMap");
        for (size_t i = 0; i < state->n_uid_map; i++) {
                text_add_key(out, NULL);
                text_addf(out, "[%u,%u,%u]", state->uid_map[i].inside, state->uid_map[i].outside, state->uid_map[i].size);
        }
        text_add(out, "]");
        add_findings(state, out, completeness);
        text_add(out, "}");
}

/* What it was made as. Returns whether all mounts are told. */
static bool add_environment(const struct state_dir *dir, struct arena *arena, struct text_buffer *out, uint64_t *ret_more)
{
        const struct json_node *environment = NULL, *count, *mounts;
        uint64_t n = 0;

        if (evidence_read_environment(dir, arena, &environment, NULL) < 0 || environment == NULL)
                return false;
        text_add_key(out, "environment");
        if (json_write_canonical(environment, out) < 0)
                out->is_broken = true;          /* its numbers are ours */
        count = json_member(environment, "mountCount");
        mounts = json_member(environment, "mounts");
        if (count == NULL || mounts == NULL || json_to_u64(count, &n) < 0 || n < mounts->n)
                return false;
        *ret_more = n - mounts->n;
        return n == mounts->n;
}

/* The limits of the last `update`, which those of create give way to. */
static void add_update(const struct state_dir *dir, struct arena *arena, struct text_buffer *out)
{
        struct spec_resources resources;
        auto_free char *text = NULL;
        size_t length;

        if (fd_read_file(dir->fd, "resources.json", SPEC_CONFIG_LIMIT_BYTES, &text, &length) < 0 ||
            spec_read_resources(arena, text, length, "resources.json", &resources, NULL) < 0)
                return;
        text_add_object(out, "updatedLimits");
        audit_resources_members(&resources, out);
        text_add(out, "}");
}

/* ---- what the kernel shows ---- */

static void add_verdict(const struct report *report, struct text_buffer *out, struct evidence_completeness *completeness)
{
        text_add_object(out, "report");
        text_add_member(out, "verdict", report->holds ? "holds" : "does not hold");
        text_add_list(out, "checks");
        for (const struct report_check *check = report->first; check != NULL; check = check->next) {
                text_add_object(out, NULL);
                text_add_member(out, "control", check->control);
                text_add_member(out, "verdict", report_verdict_name(check->verdict));
                text_add_member(out, "text", check->text);
                text_add(out, "}");
        }
        text_add(out, "]");
        text_add_list(out, "mounts");
        for (size_t i = 0; i < report->n_mounts && i < EVIDENCE_ENTRIES_MOST; i++) {
                text_add_object(out, NULL);
                text_add_member(out, "target", report->mounts[i].target);
                text_add_member(out, "type", report->mounts[i].fstype);
                text_add_member(out, "options", report->mounts[i].options);
                text_add(out, "}");
        }
        text_add(out, "]}");
        completeness->has_mounts = report->n_mounts <= EVIDENCE_ENTRIES_MOST;
        completeness->more_mounts = completeness->has_mounts ? 0 : report->n_mounts - EVIDENCE_ENTRIES_MOST;
}

static void more(struct text_buffer *out, const char *key, uint64_t n)
{
        if (n > 0)
                text_add_number(out, key, n);
}

/* What a verifier may conclude from each list, above all from one that is empty. */
static void add_completeness(const struct evidence_wanted *wanted, const struct evidence_about *about,
                             const struct evidence_completeness *completeness, struct text_buffer *out)
{
        const struct state *state = wanted->state;

        text_add_object(out, "completeness");
        text_add_member(out, "subject", about->kind);
        if (wanted->n_outputs > 0)
                text_add_flag(out, "outputs", about->why == NULL && about->n_missing == 0);
        if (about->why != NULL)
                text_add_member(out, "outputsFailed", about->why);
        if (about->n_missing > 0) {
                text_add_list(out, "outputsMissing");
                for (size_t i = 0; i < about->n_missing; i++)
                        text_add_member(out, NULL, about->missing[i]);
                text_add(out, "]");
        }
        text_add_flag(out, "execs", completeness->has_execs);
        text_add_flag(out, "process", false);           /* what those start is not traced */
        text_add_flag(out, "network", completeness->has_network);
        text_add_flag(out, "fileAccess", false);
        text_add_flag(out, "verdict", completeness->has_verdict);
        text_add_flag(out, "mounts", completeness->has_mounts);
        text_add_flag(out, "findings", completeness->more_findings == 0);
        text_add_flag(out, "ended", state_status(state) == STATE_STOPPED);
        if (state->audit_path != NULL)
                text_add_flag(out, "auditLog", true);
        text_add_object(out, "more");
        more(out, "execs", completeness->more_execs);
        more(out, "running", completeness->more_processes);
        more(out, "network", completeness->more_network);
        more(out, "mounts", completeness->more_mounts);
        more(out, "findings", completeness->more_findings);
        text_add(out, "}}");
}

static void add_metadata(const struct state *state, struct text_buffer *out)
{
        char now[40];

        text_time_now(now, sizeof now);
        text_add_object(out, "metadata");
        text_add_member(out, "buildStartedOn", state->created);
        text_add_member(out, state_status(state) == STATE_STOPPED ? "buildFinishedOn" : "observedOn", now);
        text_add(out, "}");
}

static void add_monitor(const struct state *state, const struct policy *policy, struct text_buffer *out,
                        struct evidence_completeness *completeness)
{
        text_add_object(out, "monitor");
        text_add_member(out, "type", MONITOR_TYPE);
        text_add_member(out, "version", PACKAGE_VERSION);
        text_add_member(out, "commit", RUNB_COMMIT);
        if (state->policy_digest != NULL) {
                text_add_object(out, "configSource");
                text_add_member(out, "name", "policy.json, as kept with the container");
                evidence_add_digest(out, text_starts_with(state->policy_digest, "sha256:") ? state->policy_digest + strlen("sha256:") :
                                                                                             state->policy_digest);
                text_add(out, "}");
        }
        add_policy(state, policy, out, completeness);
        text_add(out, "}");
}

static void add_predicate(const struct evidence_wanted *wanted, const struct policy *policy, const struct evidence_about *about,
                          struct arena *arena, struct text_buffer *out)
{
        const struct state *state = wanted->state;
        auto_report struct report report = { .proc_fd = UNSET_FD, .userns_fd = UNSET_FD };
        struct evidence_completeness completeness = { 0 };
        struct error why = { 0 };
        struct utsname host;

        completeness.has_verdict = state_status(state) != STATE_STOPPED &&
                                   report_make(wanted->dir, state, true, arena, &report, &why) == 0;
        text_add_object(out, "predicate");
        add_monitor(state, policy, out, &completeness);
        text_add_object(out, "monitoredProcess");
        text_add_member(out, "hostID", arena_format(arena, "urn:runb:host:%s", uname(&host) == 0 ? host.nodename : "unknown"));
        text_add_member(out, "type", PROCESS_TYPE);
        text_add_member(out, "event", arena_format(arena, "%s@%s", state->id, state->created));
        text_add(out, "}");
        evidence_add_log(wanted->dir, state, completeness.has_verdict ? &report : NULL, arena, out, &completeness);
        completeness.has_mounts = add_environment(wanted->dir, arena, out, &completeness.more_mounts);
        add_update(wanted->dir, arena, out);
        if (completeness.has_verdict)
                add_verdict(&report, out, &completeness);
        add_completeness(wanted, about, &completeness, out);
        add_metadata(state, out);
        text_add(out, "}");
}

int evidence_make(const struct evidence_wanted *wanted, struct arena *arena, struct text_buffer *out, const char **ret_why,
                  struct error *err)
{
        struct evidence_about about;
        struct policy policy;
        int r;

        if (state_status(wanted->state) == STATE_CREATING)
                return error_set(err, EBUSY, "container %s is being created; ask again", wanted->state->id);
        r = policy_kept(wanted->dir, wanted->state, arena, &policy, err);
        if (r < 0)
                return r;
        text_add(out, "{");
        text_add_member(out, "_type", STATEMENT_TYPE);
        text_add_list(out, "subject");
        r = evidence_add_subjects(wanted, &policy, arena, out, &about, err);
        if (r < 0)
                return r;
        text_add(out, "]");
        text_add_member(out, "predicateType", PREDICATE_TYPE);
        add_predicate(wanted, &policy, &about, arena, out);
        text_add(out, "}");
        if (out->is_broken)
                return error_errno(err, ENOMEM, "evidence");
        if (ret_why != NULL)
                *ret_why = about.why;
        return 0;
}

int evidence_make_builder(const struct policy_source *source, struct arena *arena, struct text_buffer *out, struct error *err)
{
        const struct spec nothing = { 0 };
        struct utsname host;
        struct policy policy;
        int r = policy_for_create(source, &nothing, arena, &policy, err);

        if (r < 0)
                return r;
        text_add(out, "{");
        text_add_object(out, "runb");
        text_add_member(out, "version", PACKAGE_VERSION);
        text_add_member(out, "commit", RUNB_COMMIT);
        text_add_member(out, "kernel", uname(&host) == 0 ? host.release : "");
        text_add_member(out, "userNamespace", "private");
        text_add_member(out, "chosenBy", policy.chosen_by);
        add_profile(&policy, out);
        text_add(out, "}}");
        return out->is_broken ? error_errno(err, ENOMEM, "evidence") : 0;
}
