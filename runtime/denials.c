/* What was counted, summed up over the processes that counted, and in words. */
#include "runtime/denials.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oci-spec/json.h"
#include "policies/seccomp_build.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

#define FILE_LIMIT_BYTES ((size_t)1 << 20)
#define SUM_MOST 1024

static bool read_one(const struct json_node *node, struct denial *ret_denial)
{
        const struct json_node *program = json_member(node, "program"), *name = json_member(node, "name");
        struct denial denial = { 0 };
        int64_t number;
        uint64_t answer;

        if (json_to_i64(json_member(node, "number"), &number) < 0 ||
            json_to_u64(json_member(node, "answer"), &answer) < 0 ||
            json_to_u64(json_member(node, "count"), &denial.count) < 0 ||
            json_to_u64(json_member(node, "argument"), &denial.argument) < 0 || program == NULL ||
            program->type != JSON_STRING || name == NULL || name->type != JSON_STRING)
                return false;
        denial.number = (int32_t)number;
        denial.answer = (uint32_t)answer;
        snprintf(denial.program, sizeof denial.program, "%s", program->text);
        snprintf(denial.name, sizeof denial.name, "%s", name->text);
        *ret_denial = denial;
        return true;
}

static void add(struct denials *sum, const struct denial *denial)
{
        for (size_t i = 0; i < sum->n; i++) {
                struct denial *known = &sum->all[i];

                if (known->number == denial->number && known->answer == denial->answer &&
                    strcmp(known->program, denial->program) == 0) {
                        known->count += denial->count;
                        return;
                }
        }
        if (sum->n < SUM_MOST)
                sum->all[sum->n++] = *denial;
}

static int most_first(const void *a, const void *b)
{
        uint64_t left = ((const struct denial *)a)->count, right = ((const struct denial *)b)->count;

        return left < right ? 1 : left > right ? -1 : 0;
}

int denials_read(int dir_fd, struct arena *arena, struct denials *ret_denials, struct error *err)
{
        int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct denials sum = { 0 };
        struct dirent *entry;
        int r = 0;

        if (dir == NULL) {
                r = error_errno(err, errno, "open the container's folder");
                auto_close_cleanup(&fd);
                return r;
        }
        while (r == 0 && (entry = readdir(dir)) != NULL) {
                const struct json_node *root;
                auto_free char *text = NULL;
                struct denial denial;
                size_t length;

                /* "denials-123", and not what is about to take its place. */
                if (!text_starts_with(entry->d_name, "denials-") ||
                    entry->d_name[8 + strspn(entry->d_name + 8, "0123456789")] != '\0')
                        continue;
                if (sum.all == NULL && (sum.all = arena_array(arena, SUM_MOST, sizeof *sum.all)) == NULL)
                        r = error_errno(err, ENOMEM, "%s", entry->d_name);
                if (r == 0)
                        r = fd_read_file(dir_fd, entry->d_name, FILE_LIMIT_BYTES, &text, &length);
                if (r == 0)
                        r = json_parse(arena, text, length, entry->d_name, &root, err);
                if (r < 0 || root->type != JSON_ARRAY)
                        continue;
                json_for_each(one, root) if (read_one(one, &denial)) add(&sum, &denial);
        }
        closedir(dir);
        if (r < 0)
                return r;
        if (sum.n > 1)
                qsort(sum.all, sum.n, sizeof *sum.all, most_first);
        *ret_denials = sum;
        return 0;
}

int denials_argument(const char *call)
{
        static const struct {
                const char *call;
                int argument;
        } deciding[] = {
                { "clone", 0 },      { "unshare", 0 }, { "setns", 1 },  { "socket", 0 },
                { "socketpair", 0 }, { "ioctl", 1 },   { "ptrace", 0 }, { "personality", 0 },
                { "prlimit64", 1 },  { "chmod", 1 },   { "fchmod", 1 }, { "fchmodat", 2 },
        };

        for (size_t i = 0; i < sizeof deciding / sizeof deciding[0]; i++)
                if (strcmp(deciding[i].call, call) == 0)
                        return deciding[i].argument;
        return -1;
}

const char *denials_call(struct arena *arena, const struct denial *denial)
{
        char *name = denial->number < 0 ? NULL : seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, denial->number);
        const char *text;

        if (denial->number < 0)
                text = "other calls";
        else if (name == NULL)
                text = arena_format(arena, "system call %d", denial->number);
        else if (denials_argument(name) >= 0)
                text = arena_format(arena, "%s(%#" PRIx64 ")", name, denial->argument);
        else
                text = arena_string(arena, name);
        free(name);
        return text;
}

static bool is_one_of(const char *text, const char *const *list)
{
        for (; *list != NULL; list++)
                if (strcmp(*list, text) == 0)
                        return true;
        return false;
}

/* Beyond what every filter lets pass. */
static bool gives(enum policy_seccomp_base base, const char *call)
{
        const struct policy_seccomp *filter = policy_seccomp_of(base);

        for (size_t i = 0; i < filter->n_allowed; i++)
                if (strcmp(filter->allowed[i], call) == 0)
                        return true;
        return false;
}

/* What would let the policy's filter pass it. */
static const char *way_out(const char *call, const struct denial *denial)
{
        static const char *const modes[] = { "chmod",   "fchmod", "fchmodat", "fchmodat2", "creat", "mknod",
                                             "mknodat", "open",   "openat",   "openat2",   NULL };
        static const char *const sockets[] = { "socket", "socketpair", NULL };

        if (gives(POLICY_SECCOMP_BASE_IMAGE_BUILD, call))
                return "the profile image-build has it";
        if (gives(POLICY_SECCOMP_BASE_ENGINE, call))
                return "seccomp.base \"engine\" in the profile lets it pass";
        if (strcmp(call, "unshare") == 0 || strcmp(call, "clone") == 0)
                return denial->argument & CLONE_NEWUSER
                               ? "seccomp.userNamespaces in the profile lets it pass"
                               : "the profile image-build has it, in a user namespace of the build's own";
        if (is_one_of(call, modes))
                return "seccomp.setuidFiles in the profile lets it pass";
        if (is_one_of(call, sockets))
                return "families are unix, inet, inet6 and netlink route";
        if (strcmp(call, "clone3") == 0)
                return "programs go on with clone";
        return "no profile has it";
}

const char *denials_remedy(struct arena *arena, const struct denial *denial, const char *profile)
{
        char *name = denial->number < 0 ? NULL : seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, denial->number);
        const char *code = strerrorname_np((int)(denial->answer & DENIALS_ERRNO)), *text;

        if (denial->number < 0)
                text = "more kinds than are told apart";
        else if (denial->answer & DENIALS_BY_ENGINE)
                text = arena_format(
                        arena, "%s by the engine's filter; --security-opt seccomp=FILE (seccompProfile) gives another",
                        code != NULL ? code : "refused");
        else
                text = arena_format(arena, "%s by the filter of profile %s; %s", code != NULL ? code : "refused",
                                    profile, way_out(name != NULL ? name : "", denial));
        free(name);
        return text;
}

void denials_to_findings(const struct denials *denials, const char *profile, struct findings *findings)
{
        for (size_t i = 0; i < denials->n; i++) {
                const struct denial *denial = &denials->all[i];

                findings_add(findings, FINDING_RECORDED, denials_call(findings->arena, denial), "seccomp.explain",
                             arena_format(findings->arena, "%" PRIu64 " times, %s (%s)", denial->count, denial->program,
                                          denial->name),
                             denials_remedy(findings->arena, denial, profile));
        }
}
