/* The record of a lease, which lies in a folder of the runtime's own. */
#include "tests/fuzz/fuzz.h"

#include "runtime/leases_record.c"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        auto_free char *text = fuzz_text(bytes, length);
        auto_arena struct arena arena = { NULL };
        struct lease_record record = { 0 };

        if (parse_record(text, &arena, &record) < 0)
                return 0;
        must(record.size > 0, "a lease has ids");
        must(lease_units(record.size) >= 1 && (uint64_t)lease_units(record.size) * LEASE_UNIT >= record.size, "units hold them");
        fuzz_touch(record.key);
        for (size_t i = 0; i < record.n_users; i++) {
                must(state_check_id(record.users[i].id, NULL) == 0, "a user is a container");
                must(record.users[i].root[0] == '/', "a root is absolute");
        }
        return 0;
}
