/* Layers that the engine's mount names by nothing but numbers.
 *
 * When even relative names fill the one page of options that mount(2) takes, podman 5 opens the layers, changes to
 * /proc/self/fd and mounts "lowerdir=3:6:7": the numbers say nothing once it has ended. Which layers they were stands in its
 * storage: the file `lower` beside the container's own layer names them in the same order, relative to the folder of all
 * layers. Only a list of just as many names is believed. */
#include "runtime/restack_overlay.h"

#include <fcntl.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

#define LOWER_LIMIT_BYTES ((size_t)1 << 20)

static bool is_numbered(const struct restack_text *text)
{
        for (size_t i = 0; i < text->n_lower; i++)
                if (text->lower[i][strspn(text->lower[i], "0123456789")] != '\0')
                        return false;
        return text->n_lower > 0 && text->upper != NULL && text->upper[0] == '/';
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
        const char *layer, *base, *file, *names[sizeof text->lower / sizeof text->lower[0]];
        auto_free char *list = NULL;
        char *rest, *name;
        size_t n = 0, length;

        if (!is_numbered(text))
                return false;
        layer = above(arena, text->upper, 1);
        base = above(arena, text->upper, 2);
        file = layer == NULL ? NULL : arena_format(arena, "%s/lower", layer);
        if (base == NULL || file == NULL || fd_read_file(AT_FDCWD, file, LOWER_LIMIT_BYTES, &list, &length) < 0)
                return false;
        list[strcspn(list, "\n")] = '\0';
        rest = list;
        while ((name = strsep(&rest, ":")) != NULL) {
                if (n == text->n_lower || *name == '\0' || (names[n] = arena_string(arena, name)) == NULL)
                        return false;
                n++;
        }
        if (n != text->n_lower)
                return false;
        memcpy(text->lower, names, n * sizeof names[0]);
        *ret_base = base;
        return true;
}
