/* `runb spec`: a config.json to begin with. What the policy would tighten anyway is asked for in the tight form, so
 * that nothing about it surprises. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

#define BEGINNING \
        "{\n" \
        "\t\"ociVersion\": \"" CLI_SPEC_VERSION "\",\n" \
        "\t\"process\": {\n" \
        "\t\t\"terminal\": true,\n" \
        "\t\t\"user\": {\n" \
        "\t\t\t\"uid\": 0,\n" \
        "\t\t\t\"gid\": 0\n" \
        "\t\t},\n" \
        "\t\t\"args\": [\n" \
        "\t\t\t\"sh\"\n" \
        "\t\t],\n" \
        "\t\t\"env\": [\n" \
        "\t\t\t\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n" \
        "\t\t\t\"TERM=xterm\"\n" \
        "\t\t],\n" \
        "\t\t\"cwd\": \"/\",\n" \
        "\t\t\"capabilities\": {\n"

/* What the built-in profile leaves to a build. */
#define CAPABILITIES(set, end) \
        "\t\t\t\"" set "\": [\n" \
        "\t\t\t\t\"CAP_CHOWN\",\n" \
        "\t\t\t\t\"CAP_DAC_OVERRIDE\",\n" \
        "\t\t\t\t\"CAP_FOWNER\",\n" \
        "\t\t\t\t\"CAP_FSETID\",\n" \
        "\t\t\t\t\"CAP_KILL\",\n" \
        "\t\t\t\t\"CAP_NET_BIND_SERVICE\",\n" \
        "\t\t\t\t\"CAP_SETFCAP\",\n" \
        "\t\t\t\t\"CAP_SETGID\",\n" \
        "\t\t\t\t\"CAP_SETPCAP\",\n" \
        "\t\t\t\t\"CAP_SETUID\",\n" \
        "\t\t\t\t\"CAP_SYS_CHROOT\"\n" \
        "\t\t\t]" end "\n"

#define MIDDLE \
        "\t\t},\n" \
        "\t\t\"rlimits\": [\n" \
        "\t\t\t{\n" \
        "\t\t\t\t\"type\": \"RLIMIT_NOFILE\",\n" \
        "\t\t\t\t\"hard\": 1024,\n" \
        "\t\t\t\t\"soft\": 1024\n" \
        "\t\t\t}\n" \
        "\t\t],\n" \
        "\t\t\"noNewPrivileges\": true\n" \
        "\t},\n" \
        "\t\"root\": {\n" \
        "\t\t\"path\": \"rootfs\",\n" \
        "\t\t\"readonly\": true\n" \
        "\t},\n" \
        "\t\"hostname\": \"runb\",\n" \
        "\t\"mounts\": [\n"

struct mount {
        const char *target, *fstype, *source, *options;         /* options: as JSON, without brackets */
};

static void add_mounts(struct text_buffer *out, bool is_rootless)
{
        const struct mount mounts[] = {
                { "/proc", "proc", "proc", NULL },
                { "/dev", "tmpfs", "tmpfs", "\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"" },
                /* A plain user may have no group 5 to give a terminal to. */
                { "/dev/pts", "devpts", "devpts",
                  is_rootless ?
                          "\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", \"mode=0620\"" :
                          "\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", \"mode=0620\", \"gid=5\"" },
                { "/dev/shm", "tmpfs", "shm", "\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"" },
                { "/dev/mqueue", "mqueue", "mqueue", "\"nosuid\", \"noexec\", \"nodev\"" },
                { "/sys", "sysfs", "sysfs", "\"nosuid\", \"noexec\", \"nodev\", \"ro\"" },
                { "/sys/fs/cgroup", "cgroup", "cgroup", "\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"" },
        };

        for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
                const struct mount *mount = &mounts[i];

                text_addf(out,
                          "\t\t{\n\t\t\t\"destination\": \"%s\",\n\t\t\t\"type\": \"%s\",\n\t\t\t\"source\": \"%s\"",
                          mount->target, mount->fstype, mount->source);
                if (mount->options != NULL)
                        text_addf(out, ",\n\t\t\t\"options\": [%s]", mount->options);
                text_addf(out, "\n\t\t}%s\n", i + 1 < sizeof mounts / sizeof mounts[0] ? "," : "");
        }
}

static void add_linux(struct text_buffer *out, bool is_rootless)
{
        text_add(out, "\t],\n\t\"linux\": {\n");
        if (!is_rootless)
                text_add(out, "\t\t\"resources\": {\n\t\t\t\"devices\": [\n\t\t\t\t{\n\t\t\t\t\t\"allow\": false,\n"
                              "\t\t\t\t\t\"access\": \"rwm\"\n\t\t\t\t}\n\t\t\t]\n\t\t},\n");
        text_add(out, "\t\t\"namespaces\": [\n\t\t\t{\n\t\t\t\t\"type\": \"pid\"\n\t\t\t},\n\t\t\t{\n"
                      "\t\t\t\t\"type\": \"network\"\n\t\t\t},\n\t\t\t{\n\t\t\t\t\"type\": \"ipc\"\n\t\t\t},\n\t\t\t{\n"
                      "\t\t\t\t\"type\": \"uts\"\n\t\t\t},\n\t\t\t{\n\t\t\t\t\"type\": \"mount\"\n\t\t\t},\n\t\t\t{\n"
                      "\t\t\t\t\"type\": \"cgroup\"\n\t\t\t}\n\t\t],\n");
        text_add(out, "\t\t\"maskedPaths\": [\n\t\t\t\"/proc/acpi\",\n\t\t\t\"/proc/asound\",\n\t\t\t\"/proc/kcore\",\n"
                      "\t\t\t\"/proc/keys\",\n\t\t\t\"/proc/latency_stats\",\n\t\t\t\"/proc/timer_list\",\n"
                      "\t\t\t\"/proc/timer_stats\",\n\t\t\t\"/proc/sched_debug\",\n\t\t\t\"/sys/firmware\",\n"
                      "\t\t\t\"/proc/scsi\"\n\t\t],\n");
        text_add(out, "\t\t\"readonlyPaths\": [\n\t\t\t\"/proc/bus\",\n\t\t\t\"/proc/fs\",\n\t\t\t\"/proc/irq\",\n"
                      "\t\t\t\"/proc/sys\",\n\t\t\t\"/proc/sysrq-trigger\"\n\t\t]\n\t}\n}\n");
}

static int write_spec(const char *bundle, bool is_rootless, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        auto_close int folder = UNSET_FD, fd = UNSET_FD;
        int r;

        folder = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
                return error_errno(err, errno, "--bundle %s", bundle);
        text_add(&out, BEGINNING CAPABILITIES("bounding", ",") CAPABILITIES("effective", ",")
                 CAPABILITIES("permitted", "") MIDDLE);
        add_mounts(&out, is_rootless);
        add_linux(&out, is_rootless);
        if (out.is_broken)
                return error_errno(err, ENOMEM, "config.json");

        fd = openat(folder, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST)
                return error_set(err, EEXIST, "file config.json exists. Remove it first");
        if (fd < 0)
                return error_errno(err, errno, "config.json in %s", bundle);
        r = fd_write_all(fd, out.text, out.length);
        if (r < 0) {
                unlinkat(folder, "config.json", 0);
                return error_errno(err, r, "write config.json in %s", bundle);
        }
        return 0;
}

int cmd_spec(struct cli *cli, int argc, char **argv)
{
        const char *bundle = ".";
        bool is_rootless = false;
        const struct cli_option options[] = {
                { "bundle", 'b', CLI_STRING, &bundle, "DIR",
                  "the folder to write config.json to (default: the working one)" },
                { "rootless", 0, CLI_FLAG, &is_rootless, NULL,
                  "for a plain user: no group of terminals, no device rules" },
        };
        const struct cli_usage usage = {
                .synopsis = "spec [options]",
                .summary =
                        "Writes a config.json that runs a shell in the folder rootfs beside it. Never replaces a file.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        if (text_is_empty(bundle))
                bundle = ".";
        return write_spec(bundle, is_rootless, &err) < 0 ? cli_fail(&err, 1) : 0;
}
