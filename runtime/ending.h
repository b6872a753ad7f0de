/* What a container had used when it ended: one line of the policy's audit file, written when it is deleted. Nothing is read
 * where there is no audit file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/state.h"

/* Whatever has no controller here, or is not counted by this kernel, is left out of the line. */
struct ending {
        bool is_wanted;
        uint64_t wall_ms;               /* since create; to the moment that `run` or a guard saw its end, else to now */
        bool is_seen;                   /* somebody did */
        bool has_cpu, has_throttling, has_memory, has_pids, has_io, has_oom_kills;
        uint64_t cpu_us, user_us, system_us;
        uint64_t periods, throttled_periods, throttled_us;
        uint64_t memory_peak_bytes, oom_kills;
        uint64_t pids_peak;
        uint64_t read_bytes, written_bytes, reads, writes;
        struct ending_pressure { bool is_given; uint64_t some_us, full_us; } cpu, memory, io;
        char kept[2048];                /* the members as the keeper wrote them; empty: there is none */
};

/* Before the cgroups go. Where a keeper has noted the numbers (keeper.h), they are those. */
void ending_read(const struct state_dir *dir, const struct state *state, struct ending *ret_ending);
/* The keeper's: into ROOT/<id>/usage. @is_written: not for practice only. */
void ending_keep(const struct state_dir *dir, const struct state *state, bool is_written);
/* Returns 0, or a negative errno where the policy has "onError": "refuse" and the line could not be written.
 * @first: as of delete_undo(). */
struct audit_record;
int ending_audit(const struct state *state, const struct ending *ending, struct audit_record *first, struct error *err);

/* A foreground `run` keeps what only it knows in the record, for a delete that comes later. @status: as of wait(2). */
void ending_note(struct state *state, int status);
