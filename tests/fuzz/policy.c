/* The policy file. What it gives as a profile is never wider than the built-in caps, and what is written is read back. */
#include "tests/fuzz/fuzz.h"

#include "policies/file.h"
#include "runtime/base/auto.h"
#include "runtime/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        auto_arena struct arena arena = { NULL };
        struct policy_file file;
        struct error err = { 0 };
        auto_free char *text = malloc(length + 1);
        int r;

        must(text != NULL, "there is memory");
        if (length > 0)
                memcpy(text, bytes, length);
        r = policy_file_read(&arena, text, length, "p.json", &file, &err);
        if (r < 0) {
                must(err.code == -r && strncmp(err.text, "p.json: ", 8) == 0 && strchr(err.text, '\n') == NULL,
                     "one line of error that names the file");
                return 0;
        }
        must(policy_file_profile(&file, file.default_profile) != NULL, "the default profile is there");
        for (size_t i = 0; i < file.n_profiles; i++) {
                auto_buffer struct text_buffer out = { 0 };

                policy_file_write_profile(&file.profiles[i], "", &out);
                fuzz_touch(out.text);
        }
        return 0;
}
