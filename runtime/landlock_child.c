/* Between clone and exec: system calls only. */
#include "runtime/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/auto.h"

/* Not <linux/landlock.h>: Debian 12's knows neither rules for the network nor scopes. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_landlock_add_rule
#define SYS_landlock_add_rule 445
#endif
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)   /* ABI 6 */
#define ACCESS_NET_CONNECT_TCP (UINT64_C(1) << 1)       /* ABI 4 */
#define RULE_NET_PORT 2

/* struct landlock_ruleset_attr; what is handled and has no rule is refused. */
struct ruleset_attributes {
        uint64_t handled_access_fs;
        uint64_t handled_access_net;    /* ABI 4 */
        uint64_t scoped;                /* ABI 6 */
};

/* struct landlock_net_port_attr */
struct port_attributes {
        uint64_t allowed_access;
        uint64_t port;
};

int landlock_child_find_abstract(int proc_fd)
{
        /* "Num RefCount Protocol Flags Type St Inode Path": the eighth field, where there is one; net/unix/af_unix.c,
         * unix_seq_show(), writes an abstract name with a leading '@', and a file's name as it was bound. */
        auto_close int fd = openat(proc_fd, "self/net/unix", O_RDONLY | O_CLOEXEC);
        unsigned n_blanks = 0;
        bool was_blank = true, is_heading = true;
        char buffer[4096];
        ssize_t n;

        if (fd < 0)
                return errno == ENOENT ? 0 : -1;        /* a kernel without AF_UNIX */
        while ((n = read(fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)) {
                for (ssize_t i = 0; i < n; i++) {
                        if (buffer[i] == '\n') {
                                n_blanks = 0;
                                was_blank = true;
                                is_heading = false;
                                continue;
                        }
                        if (buffer[i] == '@' && was_blank && n_blanks == 7 && !is_heading)
                                return 1;
                        n_blanks += buffer[i] == ' ' && !was_blank;
                        was_blank = buffer[i] == ' ';
                }
        }
        return n < 0 ? -1 : 0;
}

/* A rule a port: ranges are not to be had. */
static int add_ports(int fd, const struct policy_ports *ports)
{
        for (uint32_t port = ports->first; port <= ports->last; port++) {
                const struct port_attributes attributes = { .allowed_access = ACCESS_NET_CONNECT_TCP, .port = port };

                if (syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &attributes, 0) < 0)
                        return -1;
        }
        return 0;
}

int landlock_child_restrict(bool is_scoped, const struct sandbox_tcp_ports *ports)
{
        /* An older kernel takes the longer structure as long as what it does not know is zero. */
        const struct ruleset_attributes attributes = {
                .handled_access_net = ports->is_limited ? ACCESS_NET_CONNECT_TCP : 0,
                .scoped = is_scoped ? SCOPE_ABSTRACT_UNIX_SOCKET : 0,
        };
        auto_close int fd = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);

        if (fd < 0)
                return -1;
        for (size_t i = 0; i < ports->n; i++)
                if (add_ports(fd, &ports->items[i]) < 0)
                        return -1;
        return (int)syscall(SYS_landlock_restrict_self, fd, 0);
}
