#include "runtime/cli/create_options.h"

#include <errno.h>

#include "runtime/base/text.h"
#include "runtime/cli/preserve.h"

int create_request_fill(const struct cli *cli, const struct create_options *options, const char *id, bool is_run,
                        struct launch_request *ret_request, struct error *err)
{
        struct launch_request request = {
                .root = cli->root,
                .id = id,
                .bundle = text_is_empty(options->bundle) ? "." : options->bundle,
                .config = options->config,
                .console_socket = options->console_socket,
                .pid_file = options->pid_file,
                .pidfd_socket = options->pidfd_socket,
                .is_run = is_run,
                .is_detached = !is_run || options->is_detached,
                .is_cgroup_disabled = cli->is_cgroup_disabled,
                .is_systemd_cgroup = cli->is_systemd_cgroup,
                .no_pivot = options->no_pivot,
                .no_new_keyring = options->no_new_keyring,
                .policy = cli->policy,
        };
        int r = preserve_check(options->preserve_fds, &request.preserve_fds, &request.listen_fds, err);

        if (r < 0)
                return r;
        *ret_request = request;
        return 0;
}
