/* Paths inside a tree that nobody trusts: opened and made beneath the root's fd only (CVE-2024-45310). Child-safe. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum target_kind { TARGET_FOLDER, TARGET_FILE };

/* Opens @path (O_PATH) inside @root_fd, making what is missing: folders 0755, the last part a folder or an empty
 * file 0755, owned by the caller's fsuid and fsgid. Links are followed inside the root, dangling ones too (their target
 * is made, as engines expect of /etc/resolv.conf).
 * @no_links: any link on the way is ELOOP (for /proc, /sys, /dev).
 * @ret_was_made: may be NULL.
 * Returns an fd or -1 and errno. */
int target_open(int root_fd, const char *path, enum target_kind kind, bool no_links, bool *ret_was_made);

/* Opens the folder that holds the last part of @path, making missing ones; *ret_name points into @path. */
int target_open_parent(int root_fd, const char *path, const char **ret_name);
