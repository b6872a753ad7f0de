/* DSSE envelopes (secure-systems-lab/dsse, protocol.md, version 1). No key is ever in this program, and the signer sees nothing of
 * the build but the digest-bearing statement. */
#include "runtime/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"

#define ANSWER_LIMIT_BYTES ((size_t)64 << 10)
#define ANSWER_LIMIT_MS 60000

void evidence_base64(const void *bytes, size_t length, struct text_buffer *out)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const unsigned char *p = bytes;

        for (size_t i = 0; i < length; i += 3) {
                const size_t left = length - i;
                const unsigned value = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0u);
                const char four[4] = { digits[value >> 18 & 63], digits[value >> 12 & 63],
                                       left > 1 ? digits[value >> 6 & 63] : '=', left > 2 ? digits[value & 63] : '=' };

                text_add_n(out, four, sizeof four);
        }
}

void evidence_pae(const char *payload, size_t length, struct text_buffer *out)
{
        text_addf(out, "DSSEv1 %zu %s %zu ", strlen(EVIDENCE_PAYLOAD_TYPE), EVIDENCE_PAYLOAD_TYPE, length);
        text_add_n(out, payload, length);
}

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until the fd is ready for it, or an error is on it. 0 or a negative errno. */
static int wait_for(int fd, short what, int64_t end_ms)
{
        struct pollfd polled = { .fd = fd, .events = what };
        int r;

        do {
                const int64_t left = end_ms - now_ms();

                r = poll(&polled, 1, left > 0 ? (int)left : 0);
        } while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
}

/* To the end, within the time and the size. @ret_length without the NUL behind it. */
static int read_answer(int fd, int64_t end_ms, char *answer, size_t size, size_t *ret_length)
{
        size_t length = 0;

        for (;;) {
                int r = wait_for(fd, POLLIN, end_ms);
                ssize_t n;

                if (r < 0)
                        return r;
                n = read(fd, answer + length, size - 1 - length);
                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t)n;
                if (length == size - 1)
                        return -EFBIG;
        }
        answer[length] = '\0';
        *ret_length = length;
        return 0;
}

static int no_answer(int r, const struct evidence_signer *signer, struct error *err)
{
        const char *option = signer->program != NULL ? "--signer" : "--signer-socket";
        const char *name = signer->program != NULL ? signer->program : signer->socket;

        if (r == -ETIMEDOUT)
                return error_set(err, ETIMEDOUT, "%s %s did not answer and end within %u ms: nothing is signed", option, name,
                                 signer->patience_ms);
        if (r == -EFBIG)
                return error_set(err, EFBIG, "%s %s answered with more than %zu bytes: nothing is signed", option, name,
                                 ANSWER_LIMIT_BYTES - 2);
        return error_errno(err, r, "%s %s", option, name);
}

/* runb ignores SIGPIPE, and a foreground `run` holds signals back: both would be the signer's, too (execve(2)). */
static int spawn(const char *program, int in, int to, pid_t *ret_pid)
{
        char *argv[] = { (char *)(uintptr_t)program, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
        r = posix_spawn(ret_pid, program, &actions, &attributes, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return -r;
}

/* A file in memory, so that neither waits for the other. */
static int ask_program(const struct evidence_signer *signer, int64_t end_ms, const struct text_buffer *pae, char *answer, size_t size,
                       size_t *ret_length, struct error *err)
{
        const char *program = signer->program;
        auto_close int in = memfd_create("runb-pae", MFD_CLOEXEC), from = UNSET_FD, to = UNSET_FD, pidfd = UNSET_FD;
        int fds[2], r, status = 0;
        pid_t pid, ended;

        if (program[0] != '/')
                return error_set(err, EINVAL, "--signer %s: an absolute path is wanted", program);
        if (in < 0 || fd_write_all(in, pae->text, pae->length) < 0 || lseek(in, 0, SEEK_SET) < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return error_errno(err, errno, "--signer %s", program);
        from = fds[0];
        to = fds[1];
        r = spawn(program, in, to, &pid);
        auto_close_cleanup(&to);
        if (r < 0)
                return error_errno(err, r, "--signer %s", program);
        pidfd = sys_pidfd_open(pid, 0);
        r = pidfd < 0 ? -errno : read_answer(from, end_ms, answer, size, ret_length);
        /* One that has answered can hang all the same. */
        if (r == 0)
                r = wait_for(pidfd, POLLIN, end_ms);
        if (r < 0)
                kill(pid, SIGKILL);
        while ((ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
                ;
        if (r < 0)
                return no_answer(r, signer, err);
        if (ended != pid)
                return error_errno(err, errno, "--signer %s: wait for its end", program);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return error_set(err, EIO, "--signer %s failed with exit status %d: nothing is signed", program,
                                 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        return 0;
}

static int ask_socket(const struct evidence_signer *signer, int64_t end_ms, const struct text_buffer *pae, char *answer, size_t size,
                      size_t *ret_length, struct error *err)
{
        auto_close int fd = UNSET_FD;
        int r = fd_connect_unix(signer->socket, SOCK_STREAM, &fd, err);

        if (r < 0)
                return error_context(err, "--signer-socket");
        for (size_t sent = 0; r == 0 && sent < pae->length;) {
                /* Together within the time, whatever little is taken at once. */
                ssize_t n = send(fd, pae->text + sent, pae->length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n > 0)
                        sent += (size_t)n;
                else if (n < 0 && errno == EAGAIN)
                        r = wait_for(fd, POLLOUT, end_ms);
                else if (n < 0 && errno != EINTR)
                        r = -errno;
        }
        if (r == 0 && shutdown(fd, SHUT_WR) < 0)
                r = -errno;
        if (r == 0)
                r = read_answer(fd, end_ms, answer, size, ret_length);
        return r < 0 ? no_answer(r, signer, err) : 0;
}

/* "KEYID\nBASE64\n" */
static int parse_answer(char *answer, size_t length, const char **ret_keyid, const char **ret_signature, struct error *err)
{
        static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char *end = strchr(answer, '\n'), *signature, *last;
        size_t n;

        if (strlen(answer) != length || end == NULL || end == answer)
                return error_set(err, EPROTO, "the signer did not answer with two lines, the key's id and the signature in base64");
        *end = '\0';
        signature = end + 1;
        last = strchr(signature, '\n');
        if (last != NULL && last[1] != '\0')
                return error_set(err, EPROTO, "the signer answered with more than two lines");
        if (last != NULL)
                *last = '\0';
        n = strspn(signature, base64);
        if (n < 2 || strlen(signature) % 4 != 0 || strspn(signature + n, "=") > 2 || signature[n + strspn(signature + n, "=")] != '\0')
                return error_set(err, EPROTO, "the signer's second line is no signature in base64");
        for (const char *p = answer; *p != '\0'; p++)
                if (*p < 0x20 || *p > 0x7e)
                        return error_set(err, EPROTO, "the signer's first line is no key id: printable characters are wanted");
        *ret_keyid = answer;
        *ret_signature = signature;
        return 0;
}

int evidence_sign(const struct evidence_signer *by, const char *payload, size_t length, struct text_buffer *out,
                  struct error *err)
{
        const struct evidence_signer signer = { by->program, by->socket, by->patience_ms > 0 ? by->patience_ms : ANSWER_LIMIT_MS };
        const int64_t end_ms = now_ms() + signer.patience_ms;
        auto_buffer struct text_buffer pae = { 0 };
        char answer[ANSWER_LIMIT_BYTES];
        const char *keyid = NULL, *signature = NULL;
        size_t n;
        int r;

        evidence_pae(payload, length, &pae);
        if (pae.is_broken)
                return error_errno(err, ENOMEM, "evidence");
        r = signer.program != NULL ? ask_program(&signer, end_ms, &pae, answer, sizeof answer, &n, err) :
                                     ask_socket(&signer, end_ms, &pae, answer, sizeof answer, &n, err);
        if (r == 0)
                r = parse_answer(answer, n, &keyid, &signature, err);
        if (r < 0)
                return r;
        text_add(out, "{\"payload\":\"");
        evidence_base64(payload, length, out);
        text_add(out, "\",\"payloadType\":\"" EVIDENCE_PAYLOAD_TYPE "\",\"signatures\":[{\"keyid\":");
        text_add_json(out, keyid);
        text_add(out, ",\"sig\":");
        text_add_json(out, signature);
        text_add(out, "}]}");
        return out->is_broken ? error_errno(err, ENOMEM, "evidence") : 0;
}
