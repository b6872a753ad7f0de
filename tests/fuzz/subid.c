/* /etc/subuid and /etc/passwd, which an administrator's tools write. */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/subid.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        auto_close int fd = memfd_create("subuid", MFD_CLOEXEC);
        auto_arena struct arena arena = { NULL };
        struct subid_range *ranges;
        struct error err = { 0 };
        char path[64];
        size_t n;

        must(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, "there is a file");
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        for (int i = 0; i < 2; i++) {
                if (subid_read(path, i == 0 ? NULL : "runb", &arena, &ranges, &n, &err) < 0) {
                        must(i == 1, "only the owner's faults are errors");
                        must(strstr(err.text, ", line ") != NULL, "the error names the line");
                        continue;
                }
                for (size_t k = 0; k < n; k++) {
                        must(ranges[k].count > 0 && (uint64_t)ranges[k].first + ranges[k].count <= UINT32_MAX, "ids of 32 bits, not -1");
                        must(ranges[k].owner[0] != '\0' && ranges[k].owner[0] != '#', "a range has an owner");
                }
        }
        return 0;
}
