/* The pty, made inside. /dev/console or /dev/pts/N of an image may be a link to somewhere else (CVE-2025-52565), so
 * nothing here goes by name: the master comes from the devpts that we mounted, the slave from the master. */
#include "runtime/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"

int terminal_child_open(int devpts_fd, uint16_t rows, uint16_t columns, uid_t uid, gid_t gid, int *ret_master,
                        int *ret_slave)
{
        const struct winsize size = { .ws_row = rows, .ws_col = columns };
        const int unlocked = 0;
        auto_close int master = UNSET_FD, slave = UNSET_FD;
        struct statfs fs;
        struct stat st;

        master = sys_openat2(devpts_fd, "ptmx", O_RDWR | O_NOCTTY, 0,
                             RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
        if (master < 0)
                return -1;
        if (fstatfs(master, &fs) < 0)
                return -1;
        if (fs.f_type != DEVPTS_SUPER_MAGIC) {
                errno = ENOTTY;
                return -1;
        }
        if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
                return -1;
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0)
                return -1;
        if ((rows != 0 || columns != 0) && ioctl(slave, TIOCSWINSZ, &size) < 0)
                return -1;
        /* A group by the mount's gid= stays, 5 most likely, `tty`; as with runc. Else it is ours, the host's. */
        if (fstat(slave, &st) < 0 || fchown(slave, uid, st.st_gid == (gid_t)setfsgid((gid_t)-1) ? gid : (gid_t)-1) < 0)
                return -1;
        *ret_master = take_fd(&master);
        *ret_slave = take_fd(&slave);
        return 0;
}

int terminal_child_set_proxied(int fd)
{
        struct winsize size;
        struct termios modes;

        /* 0 x 0: a terminal that does not know; the size of config.json then stays. */
        for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++) {
                if (ioctl(number, TIOCGWINSZ, &size) < 0)
                        continue;
                if ((size.ws_row != 0 || size.ws_col != 0) && ioctl(fd, TIOCSWINSZ, &size) < 0)
                        return -1;
                break;
        }
        if (tcgetattr(fd, &modes) < 0)
                return -1;
        modes.c_oflag &= ~(tcflag_t)ONLCR;
        return tcsetattr(fd, TCSANOW, &modes);
}

int terminal_send_master(int socket_fd, int master_fd)
{
        static const char name[] = "/dev/ptmx";

        return fd_send(socket_fd, master_fd, name, sizeof name - 1);
}

int terminal_child_become(int slave_fd)
{
        if (ioctl(slave_fd, TIOCSCTTY, 0) < 0)
                return -1;
        for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++) {
                if (slave_fd == number) {
                        if (fcntl(number, F_SETFD, 0) < 0)
                                return -1;
                } else if (dup2(slave_fd, number) < 0) {
                        return -1;
                }
        }
        return 0;
}
