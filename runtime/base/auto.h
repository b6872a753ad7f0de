/* Automatic cleanup at the declaration, take_ at the hand-over. Cleaners keep errno. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UNSET_FD (-EBADF)

static inline void auto_free_cleanup(void *p)
{
        free(*(void **)p);
}

static inline void auto_close_cleanup(int *fd)
{
        int saved = errno;

        if (*fd >= 0)
                close(*fd);
        *fd = UNSET_FD;
        errno = saved;
}

static inline void auto_closedir_cleanup(DIR **dir)
{
        int saved = errno;

        if (*dir != NULL)
                closedir(*dir);
        errno = saved;
}

static inline void auto_fclose_cleanup(FILE **file)
{
        int saved = errno;

        if (*file != NULL)
                fclose(*file);
        errno = saved;
}

#define auto_free __attribute__((cleanup(auto_free_cleanup)))
#define auto_close __attribute__((cleanup(auto_close_cleanup)))
#define auto_closedir __attribute__((cleanup(auto_closedir_cleanup)))
#define auto_fclose __attribute__((cleanup(auto_fclose_cleanup)))

/* Hands the fd over: the variable is unset, the value is the receiver's. */
static inline int take_fd(int *fd)
{
        int value = *fd;

        *fd = UNSET_FD;
        return value;
}

#define take_pointer(variable) \
        __extension__({ __typeof__(variable) taken_ = (variable); (variable) = NULL; taken_; })
