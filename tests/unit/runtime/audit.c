/* The chain of the audit log: that nothing of it can be changed unseen, whoever writes, and however writers end. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/audit_chain.h"
#include "runtime/audit_line.h"
#include "runtime/audit_log.h"
#include "runtime/audit_verify.h"
#include "runtime/base/arena.h"
#include "runtime/base/auto.h"
#include "runtime/base/text.h"

static const uint8_t first_key[AUDIT_KEY_LENGTH] = "0123456789abcdef0123456789abcde";

/* The same numbers in every run, unless SEED says others. */
static uint64_t random_state;
static void seed(const char *what)
{
        const char *given = getenv("SEED");

        random_state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
        fprintf(stderr, "%s: SEED=%llu\n", what, (unsigned long long)random_state);
}
static uint64_t random_below(uint64_t limit)
{
        random_state ^= random_state << 13;     /* xorshift64 */
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state % limit;
}

/* ---- a log in memory ---- */

static void write_log(struct text_buffer *out, unsigned n)
{
        uint8_t key[AUDIT_KEY_LENGTH], head[SHA256_LENGTH] = { 0 };
        char members[200];
        const char *parts[] = { members };

        memcpy(key, first_key, sizeof key);
        for (unsigned i = 1; i <= n; i++) {
                snprintf(members, sizeof members, "\"time\":\"2026-11-21T00:00:%02uZ\",\"event\":\"%s\",\"id\":\"c%u\"", i % 60,
                         i % 2 ? "create" : "delete", i);
                audit_line_write(out, i, head, parts, 1, key, head);
                audit_mac_move_key(key);
        }
        cr_assert(!out->is_broken);
}

/* @problems: of text, as many as there are; NULL: only counted, up to the first one. */
struct heard { struct text_buffer text; };
static void hear(const struct audit_problem *problem, void *context)
{
        struct heard *heard = context;

        text_addf(&heard->text, "%llu/%llu %s\n", (unsigned long long)problem->line, (unsigned long long)problem->sequence, problem->text);
}

static uint64_t verify(const char *text, size_t length, bool has_key, struct heard *heard)
{
        struct audit_verifier verifier = { .has_key = has_key, .key_sequence = 1, .tell = heard != NULL ? hear : NULL, .context = heard };
        const char *end;
        uint64_t number = 1;
        size_t at = 0;

        memcpy(verifier.key, first_key, sizeof first_key);
        audit_verify_begin(&verifier);
        while (at < length && (end = memchr(text + at, '\n', length - at)) != NULL && (heard != NULL || verifier.n_problems == 0)) {
                audit_verify_line(&verifier, "log", number++, text + at, (size_t)(end - text) - at);
                at = (size_t)(end - text) + 1;
        }
        if (heard != NULL || verifier.n_problems == 0) {
                audit_verify_half(&verifier, "log", number, length - at);
                audit_verify_end(&verifier);
        }
        return verifier.n_problems;
}

static void flip(unsigned n_records, unsigned n_flips, const char *what)
{
        auto_buffer struct text_buffer log = { 0 };

        write_log(&log, n_records);
        cr_assert_eq(verify(log.text, log.length, true, NULL), 0);
        seed(what);
        for (unsigned i = 0; i < n_flips; i++) {
                size_t at = random_below(log.length);
                char was = log.text[at];

                log.text[at] = (char)(was ^ (char)(1 + random_below(255)));
                if (verify(log.text, log.length, true, NULL) == 0)
                        cr_assert_fail("byte %zu of %zu, %02x for %02x, is not seen", at, log.length, (unsigned char)log.text[at],
                                       (unsigned char)was);
                log.text[at] = was;
        }
}

Test(audit, sees_each_of_1000_flipped_bytes_of_1000_records)
{
        flip(1000, 1000, "1,000 of 1,000");
}
Test(audit, sees_each_of_10_flipped_bytes_of_100000_records)
{
        flip(100000, 10, "10 of 100,000");
}

/* A writer that began a new file, and was killed in the middle of its write: the chain tells of the old, longer file. */
Test(audit, half_a_record_of_a_new_file_is_no_problem)
{
        auto_buffer struct text_buffer log = { 0 };
        struct audit_chain chain = { .log_bytes = 1000000, .has_key = true };
        struct audit_verifier verifier = { .has_key = true, .key_sequence = 1, .chain = &chain };
        struct audit_line first;
        const char *end;

        write_log(&log, 2);
        memcpy(verifier.key, first_key, sizeof first_key);
        memcpy(chain.key, first_key, sizeof first_key);
        end = strchr(log.text, '\n');
        audit_verify_begin(&verifier);
        cr_assert_eq(audit_line_read(log.text, (size_t)(end - log.text), &first), 0);
        audit_verify_line(&verifier, "log", 1, log.text, (size_t)(end - log.text));
        audit_verify_half(&verifier, "log", 2, 40);
        audit_verify_end(&verifier);
        cr_assert_eq(verifier.n_problems, 0);
        cr_assert_eq(verifier.n_unnoted, 1);
        cr_assert(verifier.has_half_line);
}

/* ---- what is named ---- */

static size_t line_at(const struct text_buffer *log, unsigned number)
{
        const char *at = log->text;

        for (unsigned i = 1; i < number; i++)
                at = strchr(at, '\n') + 1;
        return (size_t)(at - log->text);
}

static void want_heard(const struct text_buffer *log, bool has_key, const char *wanted)
{
        struct heard heard = { 0 };

        text_add(&heard.text, "");
        verify(log->text, log->length, has_key, &heard);
        cr_assert_str_eq(heard.text.text, wanted);
        text_buffer_free(&heard.text);
}

static void take_out(struct text_buffer *log, unsigned first, unsigned behind)
{
        size_t from = line_at(log, first), to = line_at(log, behind);

        memmove(log->text + from, log->text + to, log->length - to + 1);
        log->length -= to - from;
}

Test(audit, names_the_record_that_was_removed)
{
        for (int has_key = 0; has_key < 2; has_key++) {
                auto_buffer struct text_buffer log = { 0 };

                write_log(&log, 10);
                take_out(&log, 4, 5);
                want_heard(&log, has_key, "4/5 record 4 before it is missing\n");
                take_out(&log, 6, 8);
                want_heard(&log, has_key, "4/5 record 4 before it is missing\n6/9 records 7 to 8 before it are missing\n");
        }
}

Test(audit, names_the_one_that_is_edited_and_goes_on)
{
        auto_buffer struct text_buffer log = { 0 };

        write_log(&log, 10);
        log.text[line_at(&log, 5) + 100] ^= 1;
        want_heard(&log, true, "5/5 was edited: its MAC is not the one of what it says\n");
        want_heard(&log, false, "6/6 does not continue record 5 (line 5 of log), which was edited or replaced\n");
}

Test(audit, names_the_one_whose_number_was_edited)
{
        auto_buffer struct text_buffer log = { 0 };

        write_log(&log, 10);
        log.text[line_at(&log, 5) + strlen("{\"seq\":")] = '9';
        want_heard(&log, true, "5/9 was edited: 5 was its number, or its MAC is not the one of what it says\n");
        log.text[line_at(&log, 5) + strlen("{\"seq\":")] = '2';
        want_heard(&log, true, "5/2 is out of order, or was edited: it stands behind 4\n");
}

Test(audit, names_the_one_that_was_moved)
{
        auto_buffer struct text_buffer log = { 0 }, copy = { 0 };
        size_t from, to;

        write_log(&log, 10);
        from = line_at(&log, 4);
        to = line_at(&log, 5);
        text_add_n(&copy, log.text + from, to - from);
        take_out(&log, 4, 5);
        /* behind what is the sixth by now */
        to = line_at(&log, 7);
        text_add_n(&copy, log.text + to, log.length - to);
        log.length = to;
        text_add_n(&log, copy.text, copy.length);
        want_heard(&log, true, "4/5 record 4 before it is missing\n7/4 is out of order, or was edited: it stands behind 7\n");
}

Test(audit, a_number_that_would_move_the_key_forever_costs_nothing)
{
        auto_buffer struct text_buffer log = { 0 };
        uint8_t key[AUDIT_KEY_LENGTH] = { 1 }, head[SHA256_LENGTH] = { 0 };
        const char *parts[] = { "\"event\":\"create\"" };
        time_t begun = time(NULL);

        write_log(&log, 3);
        for (int i = 0; i < 1000; i++)
                audit_line_write(&log, UINT64_C(9000000000000000000) + (unsigned)i, head, parts, 1, key, head);
        cr_assert_geq(verify(log.text, log.length, true, &(struct heard){ 0 }), 1000);
        cr_assert_lt(time(NULL) - begun, 60);
}

/* ---- texts and bytes ---- */

Test(audit, a_line_is_read_in_one_way_only)
{
        static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        static const char *const good[] = { "{\"seq\":1,\"prev\":\"%s\",\"a\":1}", "{\"seq\":1234567890123456789,\"prev\":\"%s\",\"a\":1}" };
        static const char *const bad[] = {
                "", "{", "{}", "{\"seq\":0,\"prev\":\"%s\",\"a\":1}", "{\"seq\":01,\"prev\":\"%s\",\"a\":1}", "{\"seq\":-1,\"prev\":\"%s\",\"a\":1}",
                "{\"seq\": 1,\"prev\":\"%s\",\"a\":1}", " {\"seq\":1,\"prev\":\"%s\",\"a\":1}", "{\"seq\":1,\"prev\":\"%s\",\"a\":1} ",
                "{\"seq\":12345678901234567890,\"prev\":\"%s\",\"a\":1}", "{\"seq\":1,\"prev\":\"%sA\",\"a\":1}", "{\"seq\":1,\"prev\":\"%s\"}",
                "{\"seq\":1,\"prev\":\"%.63s\",\"a\":1}", "{\"seq\":1,\"prev\":\"%.63sG\",\"a\":1}", "{\"seq\":1,\"prev\":\"%s",
                "{\"prev\":\"%s\",\"seq\":1,\"a\":1}",
        };
        struct audit_line line;
        char text[300];

        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
                snprintf(text, sizeof text, good[i], hex);
                cr_assert_eq(audit_line_read(text, strlen(text), &line), 0, "%s", text);
                cr_assert(!line.has_mac);
        }
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                snprintf(text, sizeof text, bad[i], hex);
                cr_assert_lt(audit_line_read(text, strlen(text), &line), 0, "%s", text);
        }
}

/* hashlib.blake2b(b"abc", digest_size=32, key=bytes(range(32)), person=b"runb audit mac"); then key and nothing */
Test(audit, the_MAC_is_the_one_that_others_compute)
{
        static const char mac_wanted[] = "8e56864cecb980a81e088af70959aa8a0151b1bd198bb79fea059a0fe9de8559", key_wanted[] = "3f9c0119f7be0fc37647b8ddf934d4969bba281ad653e925e205ca76d5afd6e4";
        uint8_t key[AUDIT_KEY_LENGTH], mac[AUDIT_MAC_LENGTH];
        char hex[SHA256_TEXT_SIZE];

        for (unsigned i = 0; i < sizeof key; i++)
                key[i] = (uint8_t)i;
        audit_mac_make(key, "abc", 3, mac);
        sha256_text(mac, hex);
        cr_assert_str_eq(hex, mac_wanted);
        audit_mac_move_key(key);
        sha256_text(key, hex);
        cr_assert_str_eq(hex, key_wanted);
}

Test(audit, the_chain_file_is_whole_or_refused)
{
        struct audit_chain chain = { .sequence = 7, .log_inode = 8, .log_bytes = 9, .first_sequence = 3, .has_key = true, .key_sequence = 2,
                                     .n_lost = 4, .lost_since_s = 5, .lost_errno = 28, .has_policy = true, .program = { 1, 2, 3, 4, 5 } };
        uint8_t bytes[AUDIT_CHAIN_BYTES];
        struct audit_chain read;

        memset(chain.head, 1, sizeof chain.head);
        memset(chain.key, 2, sizeof chain.key);
        memset(chain.policy, 3, sizeof chain.policy);
        memset(chain.program_digest, 4, sizeof chain.program_digest);
        audit_chain_encode(&chain, bytes);
        memset(&read, 0, sizeof read);
        cr_assert_eq(audit_chain_decode(bytes, sizeof bytes, &read), 0);
        cr_assert_eq(read.sequence, 7);
        cr_assert_eq(read.lost_errno, 28);
        cr_assert(read.has_key && read.has_policy);
        cr_assert_arr_eq(read.key, chain.key, sizeof read.key);
        cr_assert_arr_eq(read.program, chain.program, sizeof read.program);
        cr_assert_arr_eq(read.program_digest, chain.program_digest, sizeof read.program_digest);
        for (size_t i = 0; i < sizeof bytes; i++) {
                bytes[i] ^= 0x40;
                cr_assert_lt(audit_chain_decode(bytes, sizeof bytes, &read), 0, "byte %zu", i);
                bytes[i] ^= 0x40;
                cr_assert(i == 0 || audit_chain_decode(bytes, i, &read) < 0, "%zu bytes", i);
        }
        cr_assert_eq(audit_chain_decode(bytes, 0, &read), 0);
        cr_assert_eq(read.sequence, 0);
}

Test(audit, keys_and_heads_are_read_as_they_are_printed)
{
        static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        uint8_t bytes[32];
        uint64_t sequence;
        char text[200];

        snprintf(text, sizeof text, "runb-audit-key:12:%s\n", hex);
        cr_assert_eq(audit_key_read(text, &sequence, bytes), 0);
        cr_assert_eq(sequence, 12);
        cr_assert_eq(bytes[31], 0xff);
        snprintf(text, sizeof text, "9:%s\n", hex);
        cr_assert_eq(audit_head_read(text, &sequence, bytes), 0);
        cr_assert_eq(sequence, 9);
        cr_assert_eq(audit_head_read(hex, &sequence, bytes), 0);
        cr_assert_eq(sequence, 0);
        for (const char *const *bad = (const char *const[]){ "", "runb-audit-key:", "runb-audit-key:0:%s", "runb-audit-key:1:%sx", "runb-audit-key:x:%s",
                                                             "runb-audit-key:1:%.60s", "runb-audit-key:99999999999999999999:%s", NULL };
             *bad != NULL; bad++) {
                snprintf(text, sizeof text, *bad, hex);
                cr_assert_lt(audit_key_read(text, &sequence, bytes), 0, "%s", text);
        }
        cr_assert_lt(audit_head_read("", &sequence, bytes), 0);
        cr_assert_lt(audit_head_read("x:00", &sequence, bytes), 0);
}

/* ---- files ---- */

struct place { char folder[40], path[60]; struct policy_audit settings; uint8_t key[AUDIT_KEY_LENGTH]; uint64_t key_sequence; };

static void begin(struct place *place, uint64_t max_bytes)
{
        struct error err = { 0 };

        strcpy(place->folder, "/tmp/runb-audit-XXXXXX");
        cr_assert_not_null(mkdtemp(place->folder));
        snprintf(place->path, sizeof place->path, "%s/log", place->folder);
        place->settings = (struct policy_audit){ .path = place->path, .is_required = true, .is_chained = true, .max_bytes = max_bytes };
        cr_assert_eq(audit_log_begin_chain(&place->settings, &place->key_sequence, place->key, &err), 0, "%s", err.text);
}

static int append(const struct place *place, const char *members, unsigned n)
{
        auto_audit_log struct audit_log log;
        struct error err = { 0 };
        int r = audit_log_open(&place->settings, 100, &log, &err);

        for (unsigned i = 0; i < n && r == 0; i++)
                audit_log_add(&log, members);
        if (r == 0)
                r = audit_log_commit(&log, false, &err);
        if (r < 0)
                fprintf(stderr, "%s\n", err.text);
        return r;
}

/* Returns how many records there are. */
static uint64_t want_whole(const struct place *place, bool may_be_unnoted)
{
        struct heard heard = { 0 };
        struct audit_verifier verifier = { .has_key = true, .key_sequence = place->key_sequence, .tell = hear, .context = &heard };
        auto_arena struct arena arena = { 0 };
        struct audit_file *files;
        struct error err = { 0 };
        struct audit_chain chain;
        char name[80];
        size_t n;
        int fd;

        text_add(&heard.text, "");
        memcpy(verifier.key, place->key, sizeof verifier.key);
        snprintf(name, sizeof name, "%s.chain", place->path);
        fd = open(name, O_RDONLY);
        cr_assert_eq(audit_chain_load(fd, place->path, &chain, &err), 0);
        close(fd);
        verifier.chain = &chain;
        cr_assert_eq(audit_log_files(place->path, &arena, &files, &n, &err), 0);
        audit_verify_begin(&verifier);
        for (size_t i = 0; i < n; i++) {
                fd = open(files[i].path, O_RDONLY);
                cr_assert_eq(audit_verify_file(&verifier, fd, files[i].path, UINT64_MAX, i + 1 == n), 0);
                close(fd);
        }
        audit_verify_end(&verifier);
        cr_assert_eq(verifier.n_problems, 0, "%s", heard.text.text);
        cr_assert(may_be_unnoted || (verifier.n_unnoted == 0 && !verifier.has_half_line));
        text_buffer_free(&heard.text);
        return verifier.n_records;
}

static void end(const struct place *place)
{
        char command[80];

        snprintf(command, sizeof command, "rm -r %s", place->folder);
        cr_assert_eq(system(command), 0);
}

Test(audit, writers_beside_each_other_write_one_chain)
{
        struct place place;

        begin(&place, 20000);
        for (int i = 0; i < 8; i++) {
                if (fork() != 0)
                        continue;
                for (int j = 0; j < 50; j++) {
                        if (append(&place, "\"event\":\"create\"", 1 + j % 3) < 0)
                                _exit(1);
                }
                _exit(0);
        }
        for (int i = 0, status; i < 8; i++) {
                cr_assert_gt(wait(&status), 0);
                cr_assert_eq(status, 0);
        }
        /* 8 times 50, of one to three records; one of init, and one for each file that was begun */
        cr_assert_geq(want_whole(&place, false), 8 * 99 + 1);
        end(&place);
}

/* Long records, so that some are half in the file when it ends. */
Test(audit, writers_that_are_killed_leave_a_chain)
{
        auto_buffer struct text_buffer members = { 0 };
        struct place place;
        uint64_t n, before = 1;

        text_add(&members, "\"event\":\"create\",\"text\":\"");
        for (int i = 0; i < 100000; i++)
                text_add(&members, "x");
        text_add(&members, "\"");
        begin(&place, 4000000);
        seed("killed writers");
        for (int i = 0; i < 60; i++) {
                struct timespec pause = { 0, (long)random_below(15000000) };
                pid_t pids[3];

                for (int j = 0; j < 3; j++) {
                        pids[j] = fork();
                        if (pids[j] == 0) {
                                while (append(&place, members.text, 1) == 0)
                                        ;
                                _exit(1);
                        }
                }
                nanosleep(&pause, NULL);
                for (int j = 0; j < 3; j++)
                        kill(pids[j], SIGKILL);
                for (int j = 0, status; j < 3; j++) {
                        cr_assert_eq(waitpid(pids[j], &status, 0), pids[j]);
                        cr_assert(WIFSIGNALED(status), "writer %d ended by itself", j);
                }
                n = want_whole(&place, true);
                cr_assert_geq(n, before, "records went");
                before = n;
        }
        cr_assert_eq(append(&place, "\"event\":\"create\"", 1), 0);
        cr_assert_gt(want_whole(&place, false), before);
        end(&place);
}
