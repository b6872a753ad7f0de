/* What a container uses: the numbers of `events`, in runc's JSON. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

struct stats_entry { uint64_t limit, usage, max, failures; };
struct stats_named { const char *name; uint64_t value; };
struct stats_huge { const char *page_size; struct stats_entry entry; };
struct stats_numbers { uint64_t *values; size_t n; };

/* One line of a blkio file: a device, what was done ("" in files that have no such word), and how much. */
struct stats_io { uint64_t major, minor, value; const char *op; };
enum stats_io_kind { STATS_IO_BYTES, STATS_IO_OPERATIONS, STATS_IO_QUEUED, STATS_IO_SERVICE_TIME, STATS_IO_WAIT_TIME,
                     STATS_IO_MERGED, STATS_IO_TIME, STATS_IO_SECTORS, STATS_IO_KINDS };
struct stats_io_list { struct stats_io *entries; size_t n; };

/* Pressure stall information, kernel docs accounting/psi: averages as the kernel writes them, "0.00". */
struct stats_pressure {
        bool is_given;
        struct { char avg10[16], avg60[16], avg300[16]; uint64_t total_us; } some, full;
};

/* The files of v1's cpuset that are flags or single numbers. */
enum stats_cpuset { STATS_CPU_EXCLUSIVE, STATS_MEM_HARDWALL, STATS_MEM_EXCLUSIVE, STATS_MEMORY_MIGRATE,
                    STATS_MEMORY_SPREAD_PAGE, STATS_MEMORY_SPREAD_SLAB, STATS_MEMORY_PRESSURE, STATS_SCHED_LOAD_BALANCE,
                    STATS_SCHED_RELAX_DOMAIN_LEVEL, STATS_CPUSET };

struct stats {
        struct {
                uint64_t total_ns, kernel_ns, user_ns;
                struct stats_numbers percpu_ns, percpu_kernel_ns, percpu_user_ns;
                uint64_t periods, throttled_periods, throttled_ns;
                struct stats_pressure pressure;
        } cpu;
        struct { struct stats_numbers cpus, mems; int64_t values[STATS_CPUSET]; } cpuset;
        struct {
                uint64_t cache;
                struct stats_entry usage, swap, kernel, kernel_tcp;     /* swap: memory and swap together */
                struct stats_named *raw; size_t n_raw;                  /* memory.stat, sorted by name */
                struct stats_pressure pressure;
        } memory;
        struct { uint64_t current, limit; } pids;                       /* limit 0: none */
        struct { struct stats_io_list lists[STATS_IO_KINDS]; struct stats_pressure pressure; } io;
        struct stats_huge *huge; size_t n_huge;
};

/* Reads what the cgroup's files tell; what has no controller here stays 0, as in runc. */
int stats_read(const char *const *paths, size_t n_paths, bool is_v2, struct arena *arena, struct stats *ret_stats,
               struct error *err);

/* {"type":"stats","id":...,"data":{...}} and a newline: types.Event of runc's types/events.go. */
void stats_to_json(const struct stats *stats, const char *id, struct text_buffer *buffer);
