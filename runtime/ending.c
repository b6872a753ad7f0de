/* Numbers are the cgroup's, so those of a cgroup that others share are of all of them; the line says so. */
#include "runtime/ending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "runtime/audit.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/deadline.h"
#include "runtime/stats_private.h"

void ending_note(struct state *state, int status)
{
        state->ended_ms = deadline_now_ms();
        state->exit_status = (uint32_t)(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static void add_pressure(const struct stats_pressure *from, struct ending_pressure *to)
{
        *to = (struct ending_pressure){ from->is_given, from->some.total_us, from->full.total_us };
}

static uint64_t sum(const struct stats_io_list *list, const char *op)
{
        uint64_t total = 0;

        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->entries[i].op, op) == 0)
                        total += list->entries[i].value;
        return total;
}

static void read_missing(const struct cgroup_folder *at, const char *file, struct stats_pressure *pressure)
{
        if (!pressure->is_given)
                stats_read_pressure(at, file, pressure);
}

static void read_numbers(const struct state *state, const struct cgroup_set *set, struct ending *ending)
{
        const struct cgroup_folder *at;
        auto_arena struct arena arena = { 0 };
        struct stats stats = { 0 };

        if ((state->is_cgroup2 ? stats_read_end_v2(set, &arena, &stats, NULL) : stats_read_v1(set, &arena, &stats, NULL)) < 0)
                return;
        ending->has_cpu = cgroup_set_find(set, state->is_cgroup2 ? "cpu.stat" : "cpuacct.usage") != NULL;
        ending->cpu_us = stats.cpu.total_ns / 1000;
        ending->user_us = stats.cpu.user_ns / 1000;
        ending->system_us = stats.cpu.kernel_ns / 1000;
        ending->has_throttling = cgroup_set_find(set, state->is_cgroup2 ? "cpu.max" : "cpu.cfs_quota_us") != NULL;
        ending->periods = stats.cpu.periods;
        ending->throttled_periods = stats.cpu.throttled_periods;
        ending->throttled_us = stats.cpu.throttled_ns / 1000;
        ending->has_memory = cgroup_set_find(set, state->is_cgroup2 ? "memory.peak" : "memory.max_usage_in_bytes") != NULL;
        ending->memory_peak_bytes = stats.memory.usage.max;
        ending->has_io = stats.io.lists[STATS_IO_BYTES].n > 0 ||
                         cgroup_set_find(set, state->is_cgroup2 ? "io.stat" : "blkio.throttle.io_service_bytes") != NULL;
        ending->read_bytes = sum(&stats.io.lists[STATS_IO_BYTES], "Read");
        ending->written_bytes = sum(&stats.io.lists[STATS_IO_BYTES], "Write");
        ending->reads = sum(&stats.io.lists[STATS_IO_OPERATIONS], "Read");
        ending->writes = sum(&stats.io.lists[STATS_IO_OPERATIONS], "Write");
        /* cgroup v1 has no such files; a v2 tree, beside it or without controllers, has them all the same. */
        for (size_t i = 0; i < set->n; i++) {
                if (!set->folders[i].is_v2)
                        continue;
                read_missing(&set->folders[i], "cpu.pressure", &stats.cpu.pressure);
                read_missing(&set->folders[i], "memory.pressure", &stats.memory.pressure);
                read_missing(&set->folders[i], "io.pressure", &stats.io.pressure);
        }
        add_pressure(&stats.cpu.pressure, &ending->cpu);
        add_pressure(&stats.memory.pressure, &ending->memory);
        add_pressure(&stats.io.pressure, &ending->io);
        at = cgroup_set_find(set, "pids.peak");         /* Linux 6.1 */
        if (at != NULL) {
                ending->has_pids = true;
                ending->pids_peak = stats_number(at, "pids.peak");
                /* The keeper is no process of the container. */
                if (state->is_usage_kept && at->is_v2 && state->is_cgroup2 && ending->pids_peak > 1)
                        ending->pids_peak--;
        }
        at = cgroup_set_find(set, state->is_cgroup2 ? "memory.events" : "memory.oom_control");
        if (at != NULL) {
                ending->has_oom_kills = true;
                ending->oom_kills = stats_keyed(at, state->is_cgroup2 ? "memory.events" : "memory.oom_control", "oom_kill");
        }
}

#define KEPT_FILE "usage"

/* Returns true where the keeper has done its work. */
static bool read_kept(const struct state_dir *dir, struct ending *ending)
{
        auto_free char *text = NULL;
        const char *kills;
        size_t length;

        if (fd_read_file(dir->fd, KEPT_FILE, sizeof ending->kept - 1, &text, &length) < 0 || text[0] != '{')
                return false;
        memcpy(ending->kept, text + 1, length);
        /* Told in a record of its own, too. */
        kills = strstr(ending->kept, "\"oomKills\":");
        ending->has_oom_kills = kills != NULL;
        ending->oom_kills = kills == NULL ? 0 : strtoull(strchr(kills, ':') + 1, NULL, 10);
        return true;
}

void ending_read(const struct state_dir *dir, const struct state *state, struct ending *ret_ending)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        uint64_t end_ms;

        *ret_ending = (struct ending){ .is_wanted = state->audit_path != NULL && state->is_created };
        if (!ret_ending->is_wanted)
                return;
        end_ms = state->ended_ms;
        if (end_ms == 0 && state->deadline_ms != 0)
                end_ms = deadline_ended_ms(dir);
        ret_ending->is_seen = end_ms != 0;
        if (end_ms == 0)
                end_ms = deadline_now_ms();
        ret_ending->wall_ms = end_ms > state->created_ms ? end_ms - state->created_ms : 0;
        if (state->is_usage_kept && read_kept(dir, ret_ending))
                return;
        if (state->n_cgroups > 0 && cgroup_set_open(state->cgroups, state->n_cgroups, &set, NULL) == 0 && set.n > 0)
                read_numbers(state, &set, ret_ending);
        /* The cgroup may have gone while it was read: then they are there by now. */
        if (state->is_usage_kept)
                read_kept(dir, ret_ending);
}

static void pressure_member(struct text_buffer *line, const char *name, const struct ending_pressure *pressure)
{
        if (!pressure->is_given)
                return;
        text_add_object(line, name);
        text_add_number(line, "someUs", pressure->some_us);
        text_add_number(line, "fullUs", pressure->full_us);
        text_add(line, "}");
}

static void add_numbers(const struct ending *ending, struct text_buffer *line)
{
        if (ending->kept[0] != '\0') {
                text_add(line, ",");
                text_add(line, ending->kept);
                return;
        }
        if (ending->has_cpu) {
                text_add_object(line, "cpu");
                text_add_number(line, "totalUs", ending->cpu_us);
                text_add_number(line, "userUs", ending->user_us);
                text_add_number(line, "systemUs", ending->system_us);
                if (ending->has_throttling) {
                        text_add_number(line, "periods", ending->periods);
                        text_add_number(line, "throttledPeriods", ending->throttled_periods);
                        text_add_number(line, "throttledUs", ending->throttled_us);
                }
                text_add(line, "}");
        }
        if (ending->has_memory || ending->has_oom_kills) {
                text_add_object(line, "memory");
                if (ending->has_memory)
                        text_add_number(line, "peakBytes", ending->memory_peak_bytes);
                if (ending->has_oom_kills)
                        text_add_number(line, "oomKills", ending->oom_kills);
                text_add(line, "}");
        }
        if (ending->has_pids) {
                text_add_object(line, "pids");
                text_add_number(line, "peak", ending->pids_peak);
                text_add(line, "}");
        }
        if (ending->has_io) {
                text_add_object(line, "io");
                text_add_number(line, "readBytes", ending->read_bytes);
                text_add_number(line, "writtenBytes", ending->written_bytes);
                text_add_number(line, "reads", ending->reads);
                text_add_number(line, "writes", ending->writes);
                text_add(line, "}");
        }
        if (ending->cpu.is_given || ending->memory.is_given || ending->io.is_given) {
                text_add_object(line, "pressure");
                pressure_member(line, "cpu", &ending->cpu);
                pressure_member(line, "memory", &ending->memory);
                pressure_member(line, "io", &ending->io);
                text_add(line, "}");
        }
}

void ending_keep(const struct state_dir *dir, const struct state *state, bool is_written)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        auto_buffer struct text_buffer line = { 0 };
        struct ending ending = { 0 };

        if (cgroup_set_open(state->cgroups, state->n_cgroups, &set, NULL) < 0 || set.n == 0)
                return;
        read_numbers(state, &set, &ending);
        text_add(&line, "{");
        add_numbers(&ending, &line);
        if (is_written && !line.is_broken && line.length > 1 && line.length < sizeof ending.kept)
                fd_replace_file(dir->fd, KEPT_FILE, line.text, line.length, 0600);
}

/* The members of the record of its end. */
static void write_exit(const struct state *state, const struct ending *ending, struct text_buffer *line)
{
        text_add_member(line, "reason", state->is_deadline_over ? "deadline" : state->is_started ? "end" : "never started");
        text_add_number(line, "wallMs", ending->wall_ms);
        text_add_key(line, "endSeen");
        text_add(line, ending->is_seen ? "true" : "false");
        if (state->ended_ms != 0)
                text_add_number(line, "exitStatus", state->exit_status);
        if (state->is_cgroup_shared) {
                text_add_flag(line, "isCgroupShared", true);
        }
        add_numbers(ending, line);
}

int ending_audit(const struct state *state, const struct ending *ending, struct audit_record *first, struct error *err)
{
        auto_buffer struct text_buffer exit_members = { 0 }, oom_members = { 0 };
        struct audit_record records[4];
        struct policy policy;
        size_t n = 0;

        if (state->audit_path == NULL)
                return 0;
        if (first != NULL && first->event != NULL) {
                records[n++] = *first;
                first->event = NULL;
        }
        if (ending->has_oom_kills && ending->oom_kills > 0) {
                text_add_number(&oom_members, "oomKills", ending->oom_kills);
                records[n++] = (struct audit_record){ .event = "oom", .more = oom_members.text };
        }
        if (ending->is_wanted) {
                write_exit(state, ending, &exit_members);
                records[n++] = (struct audit_record){ .event = "exit", .more = exit_members.text };
        }
        records[n++] = (struct audit_record){ .event = "delete" };
        if (exit_members.is_broken || oom_members.is_broken)
                return error_errno(err, ENOMEM, "audit file %s", state->audit_path);
        for (size_t i = 0; i < n; i++) {
                records[i].id = state->id;
                records[i].state = state;
                records[i].is_closing = true;
        }
        audit_policy_of_state(state, &policy);
        return audit_write_all(&policy, records, n, err);
}
