/* The members of a record, in the order of the manual page. What a build says of itself comes in as names (variables), numbers
 * and digests (arguments, config.json); texts of the engine's (mounts, ids) as they are. Lists end after so many entries, and
 * say how many there were: a config.json of 100,000 mounts makes no record of ten megabytes. */
#include "runtime/audit_record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "oci-spec/canonical.h"
#include "policies/file.h"
#include "runtime/base/auto.h"
#include "runtime/base/sha256.h"
#include "runtime/plan.h"
#include "runtime/state.h"

#define ENTRIES_MOST 1000
/* And where a record would come to more than a line may have (audit_line.h); what is not listed is counted all the same. */
#define LIST_BYTES ((size_t)768 << 10)
#define TEXT_BYTES 8192
#define LOGIN_UID_UNSET UINT32_MAX      /* audit(7): nobody has logged in above this process */

static void digest_member(struct text_buffer *members, const char *key, const uint8_t digest[SHA256_LENGTH])
{
        char hex[SHA256_TEXT_SIZE];

        sha256_text(digest, hex);
        text_add_key(members, key);
        text_addf(members, "\"sha256:%s\"", hex);
}

/* Of a text that may be as long as a config.json the beginning. */
static void bounded_member(struct text_buffer *members, const char *key, const char *text)
{
        char *beginning;

        if (text == NULL || strlen(text) <= TEXT_BYTES) {
                text_add_member(members, key, text);
                return;
        }
        if (asprintf(&beginning, "%.*s...", TEXT_BYTES, text) < 0) {
                members->is_broken = true;
                return;
        }
        text_add_member(members, key, beginning);
        free(beginning);
}

static bool has_room(const struct text_buffer *members, size_t begin, size_t n)
{
        return n < ENTRIES_MOST && members->length - begin < LIST_BYTES;
}

/* A file of one short line, as procfs has them. */
static bool read_line(const char *path, char *text, size_t size)
{
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;

        if (n < 0)
                return false;
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return true;
}

void audit_record_begin(struct text_buffer *members, const char *event)
{
        /* The same for all records of this process. */
        static char boot_id[40];
        static struct utsname host;
        struct timespec now;
        char time_text[40];

        text_time_now(time_text, sizeof time_text);
        clock_gettime(CLOCK_BOOTTIME, &now);
        if (boot_id[0] == '\0' && !read_line("/proc/sys/kernel/random/boot_id", boot_id, sizeof boot_id))
                boot_id[0] = '\0';
        text_add_member(members, "time", time_text);
        text_add_number(members, "bootMs", (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
        text_add_member(members, "bootId", boot_id);
        if (host.nodename[0] == '\0')
                uname(&host);
        text_add_member(members, "host", host.nodename);
        text_add_member(members, "event", event);
}

/* ---- who ---- */

static void read_caller(struct text_buffer *members)
{
        char path[32], executable[4096], text[16];
        uint32_t login_uid;
        ssize_t n;

        text_add_key(members, "caller");
        /* As it was when this program was executed: by now it may have entered a user namespace. */
        text_addf(members, "{\"uid\":%lu", getauxval(AT_UID));
        if (read_line("/proc/self/loginuid", text, sizeof text) && text_to_u32(text, &login_uid) == 0 && login_uid != LOGIN_UID_UNSET)
                text_add_number(members, "loginUid", login_uid);
        snprintf(path, sizeof path, "/proc/%d/exe", (int)getppid());
        n = readlink(path, executable, sizeof executable - 1);
        if (n > 0) {
                executable[n] = '\0';
                text_add_member(members, "executable", executable);
        }
        text_add(members, "}");
}

/* Asked for once: whoever called may have ended when the next record is written. */
static void add_caller(struct text_buffer *members)
{
        static struct text_buffer caller;

        if (caller.text == NULL)
                read_caller(&caller);
        text_add(members, ",");
        text_add(members, caller.is_broken ? "\"caller\":{}" : caller.text);
}

/* ---- what was asked ---- */

static void add_config_digest(const struct plan *plan, struct text_buffer *members)
{
        auto_arena struct arena arena = { 0 };
        auto_buffer struct text_buffer canonical = { 0 };
        const struct json_node *root;
        uint8_t digest[SHA256_LENGTH];

        if (plan->config_text == NULL || json_parse(&arena, plan->config_text, plan->config_length, "config.json", &root, NULL) < 0 ||
            json_write_canonical(root, &canonical) < 0 || canonical.is_broken)
                return;
        sha256_of(canonical.text, canonical.length, digest);
        digest_member(members, "configDigest", digest);
}

static const char *annotation(const struct spec_pair *annotations, size_t n, const char *key)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(annotations[i].key, key) == 0)
                        return annotations[i].value;
        }
        return NULL;
}

static void add_annotations(const struct policy *policy, const struct spec_pair *annotations, size_t n, struct text_buffer *members)
{
        static const char *const pods[] = { "io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID" };
        const struct policy_texts *names = &policy->audit.annotations;
        const char *value;

        for (size_t i = 0; i < sizeof pods / sizeof *pods; i++) {
                struct error ignored = { 0 };

                value = annotation(annotations, n, pods[i]);
                if (value != NULL && state_check_id(value, &ignored) == 0) {
                        text_add_member(members, "podId", value);
                        break;
                }
        }
        if (names->n == 0)
                return;
        text_add_object(members, "annotations");
        for (size_t i = 0; i < names->n; i++) {
                value = annotation(annotations, n, names->items[i]);
                if (value != NULL && strlen(value) <= ENTRIES_MOST)
                        text_add_member(members, names->items[i], value);
        }
        text_add(members, "}");
}

/* Between two arguments stands a NUL, as in /proc/PID/cmdline. */
void audit_process_members(const struct spec_process *process, struct text_buffer *members)
{
        uint8_t digest[SHA256_LENGTH];
        struct sha256 sha256;

        sha256_begin(&sha256);
        for (size_t i = 0; i < process->n_args; i++)
                sha256_add(&sha256, process->args[i], strlen(process->args[i]) + 1);
        sha256_end(&sha256, digest);
        text_add_number(members, "uid", process->user.uid);
        text_add_number(members, "gid", process->user.gid);
        text_add_number(members, "argCount", process->n_args);
        digest_member(members, "argDigest", digest);
}

static void add_process(const struct spec_process *process, struct text_buffer *members)
{
        const size_t begin = members->length;

        text_add_object(members, "process");
        audit_process_members(process, members);
        text_add_number(members, "envCount", process->n_env);
        text_add_list(members, "env");
        for (size_t i = 0; i < process->n_env && has_room(members, begin, i); i++) {
                const char *end = strchr(process->env[i], '=');
                char name[256];

                if (end == NULL || (size_t)(end - process->env[i]) >= sizeof name)
                        continue;
                snprintf(name, sizeof name, "%.*s", (int)(end - process->env[i]), process->env[i]);
                text_add_member(members, NULL, name);
        }
        text_add(members, "]}");
}

/* ---- what is made ---- */

static void add_map(const char *key, const struct spec_id_map *map, size_t n, struct text_buffer *members)
{
        text_add_list(members, key);
        for (size_t i = 0; i < n && i < ENTRIES_MOST; i++) {
                text_add_key(members, NULL);
                text_addf(members, "[%u,%u,%u]", map[i].inside, map[i].outside, map[i].size);
        }
        text_add(members, "]");
}

const char *audit_rootfs_kind(const struct plan *plan)
{
        if (plan->restack.is_private)
                return "ephemeral overlay";
        if (plan->restack.is_overlay)
                return plan->mounts.is_root_readonly ? "read-only second overlay" : "second overlay";
        if (plan->restack.is_mapped)
                return plan->mounts.is_root_readonly ? "read-only id-mapped mount" : "id-mapped mount";
        return plan->mounts.is_root_readonly ? "read-only mount" : "mount";
}

static void add_mounts(const struct mounts_plan *mounts, struct text_buffer *members)
{
        const size_t begin = members->length;

        text_add_number(members, "mountCount", mounts->n);
        text_add_list(members, "mounts");
        for (size_t i = 0; i < mounts->n && has_room(members, begin, i); i++) {
                const struct spec_mount *mount = mounts->mounts[i].mount;
                bool is_bind = mount->kind == SPEC_MOUNT_BIND;

                text_add_object(members, NULL);
                bounded_member(members, "target", mount->target);
                bounded_member(members, "type", is_bind ? "bind" : mount->fstype);
                /* What else is mounted may have credentials in its source. */
                if (is_bind)
                        bounded_member(members, "source", mounts->mounts[i].source != NULL ? mounts->mounts[i].source : mount->source);
                if ((mount->attr_set | mount->attr_set_recursive) & MOUNT_ATTR_RDONLY)
                        text_add(members, ",\"readonly\":true");
                text_add(members, "}");
        }
        text_add(members, "]");
}

static void given_member(struct text_buffer *members, const char *key, const struct spec_number *number)
{
        if (!number->is_given)
                return;
        text_add_key(members, key);
        text_addf(members, "%" PRId64, number->value);
}

void audit_resources_members(const struct spec_resources *resources, struct text_buffer *members)
{
        const size_t begin = members->length;

        given_member(members, "memory", &resources->memory.limit);
        given_member(members, "swap", &resources->memory.swap);
        given_member(members, "pids", &resources->pids_limit);
        given_member(members, "cpuQuotaUs", &resources->cpu.quota_us);
        given_member(members, "cpuPeriodUs", &resources->cpu.period_us);
        given_member(members, "cpuShares", &resources->cpu.shares);
        if (resources->cpu.cpus != NULL)
                bounded_member(members, "cpus", resources->cpu.cpus);
        given_member(members, "ioWeight", &resources->block.weight);
        for (size_t i = 0; i < resources->n_unified && has_room(members, begin, i); i++)
                bounded_member(members, resources->unified[i].key, resources->unified[i].value);
}

static void add_plan(const struct plan *plan, struct text_buffer *members)
{
        const struct spec_process *process = &plan->spec->process;

        add_config_digest(plan, members);
        text_add_object(members, "idMap");
        add_map("uid", plan->uid_map, plan->n_uid_map, members);
        add_map("gid", plan->gid_map, plan->n_gid_map, members);
        text_add(members, "}");
        text_add_object(members, "rootfs");
        text_add_member(members, "kind", audit_rootfs_kind(plan));
        text_add_member(members, "path", plan->rootfs);
        text_add(members, "}");
        add_mounts(&plan->mounts, members);
        add_process(process, members);
        text_add_object(members, "limits");
        if (plan->sandbox.wall_s > 0)
                text_add_number(members, "wallSeconds", plan->sandbox.wall_s);
        audit_resources_members(&plan->spec->linux_.resources, members);
        text_add_object(members, "rlimits");
        for (size_t i = 0; i < process->n_rlimits && i < ENTRIES_MOST; i++) {
                text_add_key(members, process->rlimits[i].name);
                text_addf(members, "[%" PRIu64 ",%" PRIu64 "]", process->rlimits[i].soft, process->rlimits[i].hard);
        }
        text_add(members, "}}");
}

static void add_namespaces(pid_t pid, struct text_buffer *members)
{
        static const char *const names[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
        auto_close int fd = UNSET_FD;
        char path[32], link[64];
        ssize_t length;

        /* Looking a process up by its number is what costs in procfs; and stat(2), which makes the namespace an inode and a dentry
         * to look at. The link says the same: namespaces(7), "net:[4026531840]". */
        snprintf(path, sizeof path, "/proc/%d/ns", (int)pid);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        text_add_object(members, "namespaces");
        for (size_t i = 0; i < sizeof names / sizeof *names && fd >= 0; i++) {
                length = readlinkat(fd, names[i], link, sizeof link - 1);
                link[length > 0 ? length : 0] = '\0';
                if (strchr(link, '[') != NULL)
                        text_add_number(members, names[i], strtoull(strchr(link, '[') + 1, NULL, 10));
        }
        text_add(members, "}");
}

/* ---- what was judged ---- */

static void add_findings(const struct findings *findings, struct text_buffer *members)
{
        const size_t begin = members->length;
        const struct finding *finding;
        size_t n = 0;

        text_add_list(members, "findings");
        for (finding = findings->first; finding != NULL && has_room(members, begin, n); finding = finding->next, n++) {
                text_add_key(members, NULL);
                text_addf(members, "{\"action\":\"%s\"", finding_action_name(finding->action));
                text_add_member(members, "rule", finding->rule);
                bounded_member(members, "property", finding->property);
                bounded_member(members, "asked", finding->asked);
                bounded_member(members, "got", finding->got);
                text_add(members, "}");
        }
        text_add(members, "]");
        if (n < findings->n)
                text_add_number(members, "findingCount", findings->n);
}

void audit_record_write(const struct policy *policy, const struct audit_record *record, struct text_buffer *members)
{
        const struct state *state = record->state;

        audit_record_begin(members, record->event);
        text_add_member(members, "id", record->id);
        /* Ids come again; with this a record is of one container. */
        if (state != NULL && state->created != NULL)
                text_add_member(members, "created", state->created);
        text_add_member(members, "profile", policy->profile.name);
        text_add_member(members, "chosenBy", policy->chosen_by);
        text_add_member(members, "policy", policy->revision);
        if (policy->file != NULL && policy->file->digest != NULL)
                digest_member(members, "policyDigest", policy->file->digest);
        else if (state != NULL && state->policy_file_digest != NULL)
                text_add_member(members, "policyDigest", state->policy_file_digest);
        if (record->findings != NULL || record->refusal != NULL)
                text_add_member(members, "outcome", record->refusal == NULL ? "allowed" : "refused");
        if (record->refusal != NULL)
                text_add_member(members, "error", record->refusal->text);
        add_caller(members);
        if (record->plan != NULL)
                add_annotations(policy, record->plan->asked.annotations, record->plan->asked.n_annotations, members);
        else if (state != NULL)
                add_annotations(policy, state->annotations, state->n_annotations, members);
        /* A refusal may come before the ids are known, and then nothing of it is made. */
        if (record->plan != NULL && record->refusal == NULL)
                add_plan(record->plan, members);
        if (record->process != NULL)
                add_process(record->process, members);
        if (record->resources != NULL) {
                text_add_object(members, "limits");
                audit_resources_members(record->resources, members);
                text_add(members, "}");
        }
        if (record->namespaces_of > 0)
                add_namespaces(record->namespaces_of, members);
        if (record->findings != NULL)
                add_findings(record->findings, members);
        if (record->more != NULL)
                text_addf(members, ",%s", record->more);
}
