/* What the files of the stats room share. */
#pragma once

#include "runtime/cgroups_private.h"
#include "runtime/stats.h"

int stats_read_v1(const struct cgroup_set *set, struct arena *arena, struct stats *stats, struct error *err);
int stats_read_v2(const struct cgroup_set *set, struct arena *arena, struct stats *stats, struct error *err);
/* Only what is told of a container that has ended: processor, the peak of memory, io, pressure. */
int stats_read_end_v2(const struct cgroup_set *set, struct arena *arena, struct stats *stats, struct error *err);

/* A file of one number, "max" being the highest there is. A missing one is 0. */
uint64_t stats_number(const struct cgroup_folder *at, const char *file);
/* The number behind @key in a file of "key number" lines, "max" too; 0 where there is no such line. */
uint64_t stats_keyed(const struct cgroup_folder *at, const char *file, const char *key);
/* All lines of such a file, sorted. */
int stats_read_named(const struct cgroup_folder *at, const char *file, struct arena *arena, struct stats_named **ret_named,
                     size_t *ret_n, struct error *err);
/* cpu.pressure and its like, cgroup v2 only. */
void stats_read_pressure(const struct cgroup_folder *at, const char *file, struct stats_pressure *pressure);
int stats_add_io(struct stats_io_list *list, struct arena *arena, struct stats_io entry);
/* hugetlb, in v1's names or in v2's: the folder says which. */
int stats_read_huge(const struct cgroup_folder *at, struct arena *arena, struct stats *stats, struct error *err);
