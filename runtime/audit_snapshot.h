/* An audit log at one moment, for those who read it while others write: which files, up to where, and where the chain stands. */
#pragma once

#include "runtime/audit_chain.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"

struct audit_snapshot {
        struct audit_snapshot_file { const char *path; uint64_t limit_bytes; } *files;  /* the oldest first */
        size_t n;
        int last_fd;                    /* of the last one, which may get another name meanwhile; UNSET_FD: there are none */
        bool is_part;                   /* one rotated file, named as such */
        bool has_chain;                 /* the caller can read it */
        struct audit_chain chain;
};

/* @path: of a log, with its rotated files, or of one rotated file. */
int audit_snapshot_open(const char *path, struct arena *arena, struct audit_snapshot *ret_snapshot, struct error *err);
void audit_snapshot_close(struct audit_snapshot *snapshot);
#define auto_audit_snapshot __attribute__((cleanup(audit_snapshot_close)))

/* The fd of a file, to be read from its beginning. @ret_is_ours: it is the snapshot's, and stays open. */
int audit_snapshot_file(const struct audit_snapshot *snapshot, size_t i, int *ret_fd, bool *ret_is_ours, struct error *err);

/* The last record's number and hash. -ENODATA: there is none. */
int audit_snapshot_head(const struct audit_snapshot *snapshot, uint64_t *ret_sequence, uint8_t ret_hash[SHA256_LENGTH],
                        struct error *err);
