/* Withstands a kill -9 and a full disk: 512 bytes within one block are written by one pwrite(2) that needs no new block (not on a
 * file system that copies on write), and a checksum tells what was torn by a crash of the machine. */
#include "runtime/audit_chain.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "runtime/audit_line.h"

#define MAGIC "runbaud1"
#define CHECKSUM_LENGTH 8
#define HAS_KEY 1u
#define HAS_POLICY 2u

struct cursor { uint8_t *at; };

static void put(struct cursor *to, const void *bytes, size_t length)
{
        memcpy(to->at, bytes, length);
        to->at += length;
}

static void put_u64(struct cursor *to, uint64_t value)
{
        for (unsigned i = 0; i < 8; i++)
                *to->at++ = (uint8_t)(value >> (8 * i));
}

static void get(struct cursor *from, void *bytes, size_t length)
{
        memcpy(bytes, from->at, length);
        from->at += length;
}

static uint64_t get_u64(struct cursor *from)
{
        uint64_t value = 0;

        for (unsigned i = 0; i < 8; i++)
                value |= (uint64_t)*from->at++ << (8 * i);
        return value;
}

/* FNV-1a: against a disk that wrote half of it. Nobody but root writes here, and root could make any sum. */
static void checksum(const uint8_t *bytes, uint8_t ret_sum[CHECKSUM_LENGTH])
{
        struct cursor to = { ret_sum };
        uint64_t sum = UINT64_C(0xcbf29ce484222325);

        for (size_t i = 0; i < AUDIT_CHAIN_BYTES - CHECKSUM_LENGTH; i++)
                sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
        put_u64(&to, sum);
}

void audit_chain_encode(const struct audit_chain *chain, uint8_t ret_bytes[AUDIT_CHAIN_BYTES])
{
        struct cursor to = { ret_bytes };
        uint8_t sum[CHECKSUM_LENGTH];

        memset(ret_bytes, 0, AUDIT_CHAIN_BYTES);
        put(&to, MAGIC, strlen(MAGIC));
        put_u64(&to, (chain->has_key ? HAS_KEY : 0) | (chain->has_policy ? HAS_POLICY : 0));
        put_u64(&to, chain->sequence);
        put(&to, chain->head, sizeof chain->head);
        put_u64(&to, chain->log_inode);
        put_u64(&to, chain->log_bytes);
        put_u64(&to, chain->first_sequence);
        put(&to, chain->key, sizeof chain->key);
        put_u64(&to, chain->key_sequence);
        put_u64(&to, chain->n_lost);
        put_u64(&to, chain->lost_since_s);
        put_u64(&to, chain->lost_errno);
        put(&to, chain->policy, sizeof chain->policy);
        for (size_t i = 0; i < sizeof chain->program / sizeof *chain->program; i++)
                put_u64(&to, chain->program[i]);
        put(&to, chain->program_digest, sizeof chain->program_digest);
        checksum(ret_bytes, sum);
        memcpy(ret_bytes + AUDIT_CHAIN_BYTES - CHECKSUM_LENGTH, sum, CHECKSUM_LENGTH);
}

int audit_chain_decode(const uint8_t *bytes, size_t length, struct audit_chain *ret_chain)
{
        struct audit_chain chain = { 0 };
        struct cursor from = { (uint8_t *)bytes + strlen(MAGIC) };
        uint8_t sum[CHECKSUM_LENGTH];
        uint64_t flags;

        /* New, also where a crash of the machine came before its first bytes were on the disk. What a log beside it has is told as
         * after the loss of this file, which is the same. */
        if (length == 0 || (length == AUDIT_CHAIN_BYTES && bytes[0] == 0 && memcmp(bytes, bytes + 1, AUDIT_CHAIN_BYTES - 1) == 0)) {
                *ret_chain = chain;
                return 0;
        }
        if (length != AUDIT_CHAIN_BYTES || memcmp(bytes, MAGIC, strlen(MAGIC)) != 0)
                return -EBADMSG;
        checksum(bytes, sum);
        if (memcmp(sum, bytes + AUDIT_CHAIN_BYTES - CHECKSUM_LENGTH, CHECKSUM_LENGTH) != 0)
                return -EBADMSG;
        flags = get_u64(&from);
        if (flags & ~(uint64_t)(HAS_KEY | HAS_POLICY))
                return -EBADMSG;
        chain.has_key = flags & HAS_KEY;
        chain.has_policy = flags & HAS_POLICY;
        chain.sequence = get_u64(&from);
        get(&from, chain.head, sizeof chain.head);
        chain.log_inode = get_u64(&from);
        chain.log_bytes = get_u64(&from);
        chain.first_sequence = get_u64(&from);
        get(&from, chain.key, sizeof chain.key);
        chain.key_sequence = get_u64(&from);
        chain.n_lost = get_u64(&from);
        chain.lost_since_s = get_u64(&from);
        chain.lost_errno = (uint32_t)get_u64(&from);
        get(&from, chain.policy, sizeof chain.policy);
        for (size_t i = 0; i < sizeof chain.program / sizeof *chain.program; i++)
                chain.program[i] = get_u64(&from);
        get(&from, chain.program_digest, sizeof chain.program_digest);
        *ret_chain = chain;
        return 0;
}

int audit_chain_load(int fd, const char *path, struct audit_chain *ret_chain, struct error *err)
{
        uint8_t bytes[AUDIT_CHAIN_BYTES + 1];
        ssize_t n = pread(fd, bytes, sizeof bytes, 0);
        int r = 0;

        if (n < 0)
                r = error_errno(err, errno, "audit file %s: read its " AUDIT_CHAIN_SUFFIX, path);
        else if (audit_chain_decode(bytes, (size_t)n, ret_chain) < 0)
                r = error_set(err, EBADMSG, "audit file %s: %s" AUDIT_CHAIN_SUFFIX " is damaged, so that nobody knows where the chain "
                              "stands; keep both files for whoever looks into it, move them away and run `runb audit init`", path, path);
        explicit_bzero(bytes, sizeof bytes);
        return r;
}

int audit_chain_save(int fd, const char *path, const struct audit_chain *chain, bool is_synced, struct error *err)
{
        uint8_t bytes[AUDIT_CHAIN_BYTES];
        ssize_t n;

        audit_chain_encode(chain, bytes);
        n = pwrite(fd, bytes, sizeof bytes, 0);
        explicit_bzero(bytes, sizeof bytes);
        if (n >= 0 && n != AUDIT_CHAIN_BYTES)
                return error_errno(err, ENOSPC, "audit file %s: write its " AUDIT_CHAIN_SUFFIX, path);
        if (n < 0 || (is_synced && fdatasync(fd) < 0))
                return error_errno(err, errno, "audit file %s: write its " AUDIT_CHAIN_SUFFIX, path);
        return 0;
}

bool audit_chain_take(struct audit_chain *chain, const char *line, size_t length)
{
        struct audit_line read;

        if (audit_line_read(line, length, &read) < 0 || read.sequence != chain->sequence + 1 ||
            memcmp(read.prev, chain->head, sizeof read.prev) != 0 || read.has_mac != chain->has_key)
                return false;
        if (chain->has_key && !audit_line_is_of_key(line, &read, chain->key))
                return false;
        chain->sequence = read.sequence;
        audit_line_hash(line, length, chain->head);
        if (chain->has_key)
                audit_mac_move_key(chain->key);
        return true;
}

void audit_chain_wipe(struct audit_chain *chain)
{
        explicit_bzero(chain, sizeof *chain);
}
