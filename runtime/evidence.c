/* The statement, by the record, the policy that is kept with it, and the kernel. */
#include "runtime/evidence.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "policies/seccomp.h"
#include "policies/select.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sha256.h"
#include "runtime/egress_control.h"
#include "runtime/report.h"
#include "runtime/restack.h"

#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define PREDICATE_TYPE "https://in-toto.io/attestation/runtime-trace/v0.1"
#define MONITOR_TYPE "urn:runb:monitor:v1"
#define PROCESS_TYPE "urn:runb:container:v1"
#define FILTER_LIMIT_BYTES ((size_t)4 << 20)
#define HEX_LENGTH 64u

static void digest(struct text_buffer *out, const char *sha256)
{
        text_add_object(out, "digest");
        text_add_member(out, "sha256", sha256);
        text_add(out, "}");
}

/* ---- subjects ---- */

/* 64 hexadecimal digits, alone or behind "sha256:"; NULL. */
static const char *find_digest(struct arena *arena, const char *value)
{
        const char *at = strstr(value, "sha256:");
        size_t n = 0;

        at = at != NULL ? at + strlen("sha256:") : value;
        while (isdigit((unsigned char)at[n]) || (at[n] >= 'a' && at[n] <= 'f'))
                n++;
        return n == HEX_LENGTH && (at != value || at[n] == '\0') ? arena_string_n(arena, at, n) : NULL;
}

static int add_image(const struct state *state, struct arena *arena, struct text_buffer *out, struct error *err)
{
        static const char *const keys[] = { "io.kubernetes.cri-o.ImageRef", "io.kubernetes.cri-o.SomeNameOfTheImage",
                                            "io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName",
                                            "org.opencontainers.image.base.digest" };

        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
                for (size_t j = 0; j < state->n_annotations; j++) {
                        const char *sha256 = strcmp(state->annotations[j].key, keys[i]) != 0 ? NULL :
                                                     find_digest(arena, state->annotations[j].value);

                        if (sha256 == NULL)
                                continue;
                        text_add_object(out, NULL);
                        text_add_member(out, "name", state->annotations[j].value);
                        digest(out, sha256);
                        text_add(out, "}");
                        return 0;
                }
        }
        return error_set(err, ENODATA, "there is nothing to make a statement about: the engine named no image by its digest; name what the "
                         "build made, with --output");
}

static int add_subjects(const struct state *state, const struct policy *policy, const char *const *outputs, size_t n_outputs,
                        struct arena *arena, struct text_buffer *out, struct error *err)
{
        const bool may_mount = policy->profile.seccomp_base == POLICY_SECCOMP_BASE_IMAGE_BUILD;
        struct evidence_subject *subjects;
        size_t n;
        int r;

        if (n_outputs == 0)
                return add_image(state, arena, out, err);
        r = evidence_hash_outputs(state, may_mount, outputs, n_outputs, arena, &subjects, &n, err);
        if (r < 0)
                return r;
        if (n == 0)
                return error_set(err, ENOENT, "the outputs hold no regular file");
        for (size_t i = 0; i < n; i++) {
                text_add_object(out, NULL);
                text_add_member(out, "name", subjects[i].name);
                digest(out, subjects[i].sha256);
                text_add(out, "}");
        }
        return 0;
}

/* ---- the environment ---- */

static void add_filter(const struct state_dir *dir, const char *file, const char *key, struct text_buffer *out)
{
        auto_free char *bytes = NULL;
        uint8_t sum[SHA256_LENGTH];
        char hex[SHA256_TEXT_SIZE];
        struct sha256 sha256;
        size_t length;

        if (fd_read_file(dir->fd, file, FILTER_LIMIT_BYTES, &bytes, &length) < 0)
                return;
        sha256_begin(&sha256);
        sha256_add(&sha256, bytes, length);
        sha256_end(&sha256, sum);
        sha256_text(sum, hex);
        text_add_object(out, key);
        digest(out, hex);
        text_add(out, "}");
}

static void add_caps(struct text_buffer *out, uint64_t set)
{
        text_add_list(out, "capabilities");
        for (int i = 0; i < 64; i++)
                if (set >> i & 1 && spec_cap_name(i) != NULL) {
                        text_add_member(out, NULL, spec_cap_name(i));
                }
        text_add(out, "]");
}

static const char *rootfs_name(enum policy_rootfs rootfs)
{
        switch (rootfs) {
        case POLICY_ROOTFS_ENGINE:
                return "engine";
        case POLICY_ROOTFS_EPHEMERAL:
                return "ephemeral";
        case POLICY_ROOTFS_READONLY:
                return "read-only";
        }
        return "";
}

/* What holds for every build of the profile. */
static void add_profile(const struct policy *policy, struct text_buffer *out)
{
        const struct policy_profile *profile = &policy->profile;

        text_add_member(out, "profile", profile->name);
        text_add_member(out, "policy", policy->revision);
        add_caps(out, policy_profile_caps(profile));
        text_add_flag(out, "mayMakeUserNamespaces", profile->seccomp_user_namespaces);
        text_add_flag(out, "mayMount", profile->seccomp_base == POLICY_SECCOMP_BASE_IMAGE_BUILD);
        text_add_member(out, "rootfs", rootfs_name(profile->rootfs));
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

static void add_environment(const struct state_dir *dir, const struct state *state, const struct policy *policy,
                            struct text_buffer *out)
{
        text_add_object(out, "tracePolicy");
        add_profile(policy, out);
        text_add_member(out, "chosenBy", state->chosen_by);
        text_add_object(out, "seccomp");
        add_filter(dir, "seccomp-policy.bpf", "profile", out);
        add_filter(dir, "seccomp-engine.bpf", "engine", out);
        text_add(out, "}");
        text_add_list(out, "uidMap");
        for (size_t i = 0; i < state->n_uid_map; i++) {
                text_add_key(out, NULL);
                text_addf(out, "[%u,%u,%u]", state->uid_map[i].inside, state->uid_map[i].outside, state->uid_map[i].size);
        }
        text_add(out, "]");
        text_add_list(out, "findings");
        for (const struct finding *finding = state->findings; finding != NULL; finding = finding->next) {
                text_add_object(out, NULL);
                text_add_member(out, "action", finding_action_name(finding->action));
                text_add_member(out, "property", finding->property);
                text_add_member(out, "rule", finding->rule);
                text_add_member(out, "got", finding->got);
                text_add(out, "}");
        }
        text_add(out, "]}");
}

/* ---- what happened ---- */

static void add_attempts(const struct egress_attempt *attempts, size_t n, struct text_buffer *out)
{
        for (size_t i = 0; i < n; i++) {
                const struct egress_attempt *attempt = &attempts[i];
                char words[EGRESS_ATTEMPT_TEXT];

                egress_attempt_text(attempt, words, sizeof words);
                words[strcspn(words, " ")] = '\0';
                text_add_object(out, NULL);
                text_add_member(out, "ip", words);
                if (egress_protocol_name(attempt->protocol) != NULL)
                        text_add_member(out, "protocol", egress_protocol_name(attempt->protocol));
                else
                        text_add_number(out, "protocolNumber", attempt->protocol);
                if (attempt->port != 0)
                        text_add_number(out, "port", attempt->port);
                text_add_member(out, "verdict", attempt->is_refused ? "refused" : "passed");
                text_add_number(out, "packets", attempt->packets);
                text_add_number(out, "bytes", attempt->bytes);
                text_add(out, "}");
        }
}

static bool add_network(const struct state_dir *dir, const struct state *state, struct arena *arena, struct text_buffer *out)
{
        auto_close int fd = UNSET_FD;
        struct egress_attempt *attempts;
        struct error why = { 0 };
        bool is_read;
        size_t n;

        is_read = state->is_egress_counted && egress_open(dir, state, &fd, &why) == 0 && egress_read(fd, arena, &attempts, &n, &why) == 0;
        text_add_list(out, "network");
        if (is_read)
                add_attempts(attempts, n, out);
        text_add(out, "]");
        return is_read;
}

/* As the kernel has them now. */
static void add_processes(const struct report *report, struct text_buffer *out)
{
        text_add_list(out, "process");
        for (size_t i = 0; i < report->n_processes; i++) {
                const struct report_process *process = &report->processes[i];

                if (process->pid != process->thread)
                        continue;
                text_add_object(out, NULL);
                text_add_member(out, "name", process->name);
                text_add_number(out, "pid", (uint64_t)process->pid);
                text_add_number(out, "seccompFilters", process->filters < 0 ? 0 : (uint64_t)process->filters);
                text_add_flag(out, "noNewPrivs", process->no_new_privs == 1);
                text_add(out, "}");
        }
        text_add(out, "]");
}

static void add_verdict(const struct report *report, struct text_buffer *out)
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
        for (size_t i = 0; i < report->n_mounts && i < EVIDENCE_FILES_MOST; i++) {
                text_add_object(out, NULL);
                text_add_member(out, "target", report->mounts[i].target);
                text_add_member(out, "type", report->mounts[i].fstype);
                text_add_member(out, "options", report->mounts[i].options);
                text_add(out, "}");
        }
        text_add(out, "]}");
}

/* What a verifier may conclude from a list that is empty. */
static void add_completeness(const struct state *state, bool has_network, bool has_report, struct text_buffer *out)
{
        text_add_object(out, "completeness");
        text_add_flag(out, "network", has_network);
        text_add_flag(out, "process", false);
        text_add_flag(out, "fileAccess", false);
        text_add_flag(out, "verdict", has_report);
        text_add_flag(out, "ended", state_status(state) == STATE_STOPPED);
        if (state->audit_path != NULL)
                text_add_flag(out, "auditLog", true);
        text_add(out, "}");
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

static void add_predicate(const struct state_dir *dir, const struct state *state, const struct policy *policy, struct arena *arena,
                          struct text_buffer *out)
{
        auto_report struct report report = { .proc_fd = UNSET_FD, .userns_fd = UNSET_FD };
        struct error why = { 0 };
        struct utsname host;
        bool has_network, has_report;

        has_report = state_status(state) != STATE_STOPPED && report_make(dir, state, arena, &report, &why) == 0;
        text_add_object(out, "predicate");
        text_add_object(out, "monitor");
        text_add_member(out, "type", MONITOR_TYPE);
        text_add_member(out, "version", PACKAGE_VERSION);
        text_add_member(out, "commit", RUNB_COMMIT);
        if (state->policy_digest != NULL) {
                text_add_object(out, "configSource");
                text_add_member(out, "name", "policy.json, as kept with the container");
                digest(out, text_starts_with(state->policy_digest, "sha256:") ? state->policy_digest + strlen("sha256:") :
                                                                               state->policy_digest);
                text_add(out, "}");
        }
        add_environment(dir, state, policy, out);
        text_add(out, "}");
        text_add_object(out, "monitoredProcess");
        text_add_member(out, "hostID", arena_format(arena, "urn:runb:host:%s", uname(&host) == 0 ? host.nodename : "unknown"));
        text_add_member(out, "type", PROCESS_TYPE);
        text_add_member(out, "event", arena_format(arena, "%s@%s", state->id, state->created));
        text_add(out, "}");
        text_add_object(out, "monitorLog");
        has_network = add_network(dir, state, arena, out);
        if (has_report)
                add_processes(&report, out);
        text_add(out, "}");
        if (has_report)
                add_verdict(&report, out);
        add_completeness(state, has_network, has_report, out);
        add_metadata(state, out);
        text_add(out, "}");
}

int evidence_make(const struct state_dir *dir, const struct state *state, const char *const *outputs, size_t n_outputs,
                  struct arena *arena, struct text_buffer *out, struct error *err)
{
        struct error later = { 0 };
        struct policy policy;
        int r = policy_kept(dir, state, arena, &policy, err);

        if (r < 0)
                return r;
        /* Read by the engine's mount, once nobody is left inside. */
        if (state->is_restacked && restack_refresh(state->rootfs, state->rootfs_device, &later) < 0)
                log_debug("%s", later.text);
        text_add(out, "{");
        text_add_member(out, "_type", STATEMENT_TYPE);
        text_add_list(out, "subject");
        r = add_subjects(state, &policy, outputs, n_outputs, arena, out, err);
        if (r < 0)
                return r;
        text_add(out, "]");
        text_add_member(out, "predicateType", PREDICATE_TYPE);
        add_predicate(dir, state, &policy, arena, out);
        text_add(out, "}");
        return out->is_broken ? error_errno(err, ENOMEM, "evidence") : 0;
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
