/* The process that counts. It belongs to nobody (its parent has gone), holds the listener and the container's folder
 * and nothing else, and ends with the last process that the filter is on. Names are read while their process waits
 * for the answer, and believed only if it is the same one still (seccomp_unotify(2), SECCOMP_IOCTL_NOTIF_ID_VALID).
 * */
#include "runtime/denials.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

#define WRITE_EVERY_MS 1000
#define LOCK "denials.lock"
#define LISTENER_FD 3
#define DIR_FD 4
#define LOCK_FD 5

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64) /* Linux 6.6 */
#endif
#define SYNC_WAKE_UP 1ul

/* The kernel's structs grow; it writes as many bytes as it has. */
union notice {
        struct seccomp_notif notif;
        char room[1024];
};
union answer {
        struct seccomp_notif_resp resp;
        char room[1024];
};

static struct denial table[DENIALS_MOST];
static size_t n_table;
static char table_name[64];

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void read_names(uint32_t pid, char *program, size_t size, char name[17])
{
        char path[48];
        ssize_t n;
        int fd;

        snprintf(path, sizeof path, "/proc/%u/exe", pid);
        n = readlink(path, program, size - 1);
        program[n > 0 ? n : 0] = '\0';
        snprintf(path, sizeof path, "/proc/%u/comm", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? 0 : read(fd, name, 16);
        if (fd >= 0)
                close(fd);
        name[n > 0 ? n : 0] = '\0';
        name[strcspn(name, "\n")] = '\0';
}

static void count(const struct seccomp_notif *notif, uint32_t answer)
{
        char program[DENIALS_NAME_MOST], name[17];
        struct denial *last = &table[DENIALS_MOST - 1];
        uint64_t id = notif->id;

        read_names(notif->pid, program, sizeof program, name);
        if (ioctl(LISTENER_FD, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0)
                program[0] = name[0] = '\0';
        for (size_t i = 0; i < n_table; i++) {
                if (table[i].number == notif->data.nr && table[i].answer == answer &&
                    strcmp(table[i].program, program) == 0) {
                        table[i].count++;
                        return;
                }
        }
        if (n_table >= DENIALS_MOST - 1) {
                last->number = -1;
                last->count++;
                n_table = DENIALS_MOST;
                return;
        }
        table[n_table] = (struct denial){ .number = notif->data.nr, .answer = answer, .count = 1 };
        memcpy(table[n_table].program, program, sizeof program);
        memcpy(table[n_table].name, name, sizeof name);
        {
                char *call = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, notif->data.nr);
                int argument = call == NULL ? -1 : denials_argument(call);

                if (argument >= 0)
                        table[n_table].argument = notif->data.args[argument];
                free(call);
        }
        n_table++;
}

static void write_table(void)
{
        auto_buffer struct text_buffer out = { 0 };
        text_add(&out, "[");
        for (size_t i = 0; i < n_table; i++) {
                const struct denial *denial = &table[i];

                text_addf(&out, "%s{\"number\":%d,\"answer\":%u,\"count\":%llu,\"argument\":%llu,\"program\":",
                          i == 0 ? "" : ",\n", denial->number, denial->answer, (unsigned long long)denial->count,
                          (unsigned long long)denial->argument);
                text_add_json(&out, denial->program);
                text_add(&out, ",\"name\":");
                text_add_json(&out, denial->name);
                text_add(&out, "}");
        }
        text_add(&out, "]\n");
        if (!out.is_broken)
                fd_replace_file(DIR_FD, table_name, out.text, out.length, 0600);
}

static void answer_one(const struct seccomp_filter *filter)
{
        union notice notice = { 0 };
        union answer answer = { 0 };
        uint32_t verdict;

        if (ioctl(LISTENER_FD, SECCOMP_IOCTL_NOTIF_RECV, &notice) < 0)
                return; /* ENOENT: its process was killed meanwhile */
        verdict = denials_evaluate(filter, &notice.notif.data);
        answer.resp.id = notice.notif.id;
        answer.resp.error = -ENOSYS;
        if ((verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF && (verdict & DENIALS_ERRNO) != 0) {
                answer.resp.error = -(int32_t)(verdict & DENIALS_ERRNO);
                count(&notice.notif, verdict & (DENIALS_BY_ENGINE | DENIALS_ERRNO));
        }
        (void)ioctl(LISTENER_FD, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

static void watch(const struct seccomp_filter *filter)
{
        struct pollfd event = { .fd = LISTENER_FD, .events = POLLIN };
        bool is_changed = false;
        int64_t written = 0;

        /* Pids come again. */
        snprintf(table_name, sizeof table_name, "denials-%d%lld", (int)getpid(), (long long)now_ms());
        (void)ioctl(LISTENER_FD, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP);
        for (;;) {
                int64_t left = written + WRITE_EVERY_MS - now_ms();
                int r = poll(&event, 1, !is_changed ? -1 : left > 0 ? (int)left : 0);

                if (r < 0 && errno != EINTR)
                        break;
                if (r > 0 && (event.revents & POLLIN)) {
                        answer_one(filter);
                        is_changed = true;
                } else if (r > 0) {
                        break; /* POLLHUP: nobody has the filter any more */
                }
                if (is_changed && now_ms() >= written + WRITE_EVERY_MS) {
                        write_table();
                        written = now_ms();
                        is_changed = false;
                }
        }
        if (is_changed)
                write_table();
}

static void become_nobodys(int channel_fd, int dir_fd, int lock_fd)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), listener_fd = UNSET_FD;
        char byte;

        /* Above the places that they go to. */
        channel_fd = fcntl(channel_fd, F_DUPFD_CLOEXEC, 10);
        dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 10);
        lock_fd = fcntl(lock_fd, F_DUPFD_CLOEXEC, 10);
        if (null < 0 || channel_fd < 0 || dir_fd < 0 || lock_fd < 0)
                _exit(1);
        for (int fd = 0; fd < 3; fd++)
                dup2(null, fd);
        if (dup2(dir_fd, DIR_FD) < 0 || dup2(lock_fd, LOCK_FD) < 0 || dup2(channel_fd, 6) < 0)
                _exit(1);
        (void)syscall(SYS_close_range, 7, ~0u, 0);
        if (fd_receive(6, &byte, sizeof byte, &listener_fd) != 1 || listener_fd < 0 ||
            dup2(listener_fd, LISTENER_FD) < 0)
                _exit(0);
        (void)syscall(SYS_close_range, 6, ~0u, 0);
}

int denials_begin(int dir_fd, int *ret_fd, struct error *err)
{
        struct seccomp_filter filter = { 0 };
        auto_close int ours = UNSET_FD, theirs = UNSET_FD, lock_fd = UNSET_FD;
        int pair[2], r;
        pid_t pid;

        r = seccomp_filter_restore(dir_fd, "seccomp-engine.bpf", &filter, err);
        if (r < 0)
                return r;
        lock_fd = openat(dir_fd, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (lock_fd < 0 || flock(lock_fd, LOCK_SH) < 0 ||
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
                seccomp_filter_free(&filter);
                return error_errno(err, errno, "seccomp.explain");
        }
        ours = pair[0];
        theirs = pair[1];
        pid = fork();
        if (pid == 0) {
                close(ours);
                if (setsid() < 0 || fork() != 0)
                        _exit(0);
                signal(SIGPIPE, SIG_IGN);
                signal(SIGHUP, SIG_IGN);
                prctl(PR_SET_NAME, "runb-denials");
                become_nobodys(theirs, dir_fd, lock_fd);
                watch(&filter);
                _exit(0);
        }
        seccomp_filter_free(&filter);
        if (pid < 0)
                return error_errno(err, errno, "seccomp.explain: fork");
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        *ret_fd = take_fd(&ours);
        return 0;
}

int denials_hand_over(int fd, int listener_fd, struct error *err)
{
        int r = fd_send(fd, listener_fd, "", 1);

        return r < 0 ? error_errno(err, r, "seccomp.explain: hand over the listener") : 0;
}

void denials_wait(int dir_fd)
{
        auto_close int fd = openat(dir_fd, LOCK, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        const struct timespec nap = { 0, 10000000 };

        for (int i = 0; i < 200 && fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
                nanosleep(&nap, NULL);
}
