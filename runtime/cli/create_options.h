/* What create and run have in common. */
#pragma once

#include "runtime/cli/cli.h"
#include "runtime/launch.h"

struct create_options {
        const char *bundle, *console_socket, *pid_file, *pidfd_socket, *config;
        uint32_t preserve_fds;
        bool is_detached, keeps, no_pivot, no_new_keyring;
};

#define CREATE_OPTIONS(options) \
        { "bundle", 'b', CLI_STRING, &(options)->bundle, "DIR", \
          "folder that holds config.json (default: the working folder)" }, \
        { "config", 'f', CLI_STRING, &(options)->config, "FILE", \
          "read FILE instead of the bundle's config.json, as crun does" }, \
        { "console-socket", 0, CLI_STRING, &(options)->console_socket, "PATH", \
          "unix socket that gets the terminal's master" }, \
        { "pidfd-socket", 0, CLI_STRING, &(options)->pidfd_socket, "PATH", \
          "unix socket that gets a pidfd of the container's init" }, \
        { "pid-file", 0, CLI_STRING, &(options)->pid_file, "FILE", "file that gets the pid of the container's init" }, \
        { "no-pivot", 0, CLI_FLAG, &(options)->no_pivot, NULL, "accepted; pivot_root is used all the same" }, \
        { "no-new-keyring", 0, CLI_FLAG, &(options)->no_new_keyring, NULL, \
          "accepted; the session keyring is new all the same" }, \
        { "no-subreaper", 0, CLI_IGNORED_FLAG, NULL, NULL, "accepted" }, \
        { "preserve-fds", 0, CLI_U32, &(options)->preserve_fds, "N", \
          "pass N more fds than stdio to the container (3 to 2 + N)" }

/* Fills in a request; says which options do not fit together. */
int create_request_fill(const struct cli *cli, const struct create_options *options, const char *id, bool is_run,
                        struct launch_request *ret_request, struct error *err);
