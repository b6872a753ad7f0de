/* Layers that the engine's mount names by nothing but numbers.
 *
 * When even relative names fill the one page of options that mount(2) takes, podman 5 opens the layers, changes to
 * /proc/self/fd and mounts "lowerdir=3:6:7": the numbers say nothing once it has ended. Which layers they were stands in its
 * storage: the file `lower` beside the container's own layer names them in the same order, relative to the folder of all
 * layers. Only a list of just as many links is believed, and only where nobody but root (or, rootless, the caller) can have
 * written any of it. */
#include "runtime/restack_overlay.h"

#include <fcntl.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/host.h"

#define LOWER_LIMIT_BYTES ((size_t)1 << 20)

static bool is_numbered(const struct restack_text *text)
{
        for (size_t i = 0; i < text->n_lower; i++)
                if (text->lower[i][strspn(text->lower[i], "0123456789")] != '\0')
                        return false;
        return text->n_lower > 0 && text->upper != NULL && text->upper[0] == '/';
}

/* "l/ABCDEF": a link in the storage's folder of short names. Any other one could lead out of the storage. */
static bool is_link_name(const char *name)
{
        return text_starts_with(name, "l/") && name[2] != '\0' &&
               name[2 + strspn(name + 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] == '\0';
}

/* @path without its last @n parts, in the arena; NULL. */
static char *above(struct arena *arena, const char *path, int n)
{
        char *copy = arena_string(arena, path), *slash;

        for (; copy != NULL && n > 0; n--) {
                slash = strrchr(copy, '/');
                if (slash == NULL || slash == copy)
                        return NULL;
                *slash = '\0';
        }
        return copy;
}

bool restack_storage_name_layers(struct arena *arena, struct restack_text *text, const char **ret_base)
{
        const char *layer, *base, *file, *links, *names[sizeof text->lower / sizeof text->lower[0]];
        auto_free char *list = NULL;
        char *rest, *name;
        size_t n = 0, length;

        if (!is_numbered(text))
                return false;
        layer = above(arena, text->upper, 1);
        base = above(arena, text->upper, 2);
        file = layer == NULL ? NULL : arena_format(arena, "%s/lower", layer);
        links = base == NULL ? NULL : arena_format(arena, "%s/l", base);
        /* Whoever could write them would choose which folders of the host the build sees. */
        if (file == NULL || links == NULL || !host_is_root_only(file, host_privilege()) ||
            !host_is_root_only(links, host_privilege()) || fd_read_file(AT_FDCWD, file, LOWER_LIMIT_BYTES, &list, &length) < 0)
                return false;
        list[strcspn(list, "\n")] = '\0';
        rest = list;
        while ((name = strsep(&rest, ":")) != NULL) {
                if (n == text->n_lower || !is_link_name(name) || (names[n] = arena_string(arena, name)) == NULL)
                        return false;
                n++;
        }
        if (n != text->n_lower)
                return false;
        memcpy(text->lower, names, n * sizeof names[0]);
        *ret_base = base;
        return true;
}
