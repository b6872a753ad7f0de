/* The devices that exceptions name. An exception is for a device of this host, so its number is found out here, and not
 * taken from the request, which could call any device by that name. */
#include "runtime/host.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/base/text.h"

#define TOKEN "device:"         /* policies/exceptions.h */

int host_gather_devices(const struct policy *policy, struct arena *arena, struct host *host, struct error *err)
{
        struct host_device *devices;
        size_t n = 0;

        for (size_t i = 0; i < policy->n_exceptions; i++)
                n += policy->exceptions[i].allow.n;
        if (n == 0)
                return 0;
        devices = arena_array(arena, n, sizeof *devices);
        if (devices == NULL)
                return error_errno(err, ENOMEM, "exceptions");
        n = 0;
        for (size_t i = 0; i < policy->n_exceptions; i++) {
                for (size_t j = 0; j < policy->exceptions[i].allow.n; j++) {
                        const char *token = policy->exceptions[i].allow.items[j];
                        struct host_device *device = &devices[n];
                        struct stat st;

                        if (!text_starts_with(token, TOKEN))
                                continue;
                        device->path = token + strlen(TOKEN);
                        n++;
                        /* A link could be led elsewhere: what the path itself is. */
                        if (lstat(device->path, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
                                continue;
                        device->type = st.st_mode & S_IFMT;
                        device->major = major(st.st_rdev);
                        device->minor = minor(st.st_rdev);
                }
        }
        host->devices = devices;
        host->n_devices = n;
        return 0;
}
