/* Mount options, as config.json has them: one a comma, or one a line. */
#include "tests/fuzz/fuzz.h"

#include <sys/mount.h>

#include "oci-spec/spec.h"
#include "runtime/base/auto.h"
#include "runtime/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        auto_free char *text = fuzz_text(bytes, length);
        auto_arena struct arena arena = { NULL };
        auto_buffer struct text_buffer config = { 0 };
        const struct spec_mount *mount;
        struct error err = { 0 };
        struct spec spec;
        char *rest = text, *option;
        int r;

        text_add(&config, "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\","
                          "\"source\":\"s\",\"options\":[\"defaults\"");
        while ((option = strsep(&rest, "\n")) != NULL) {
                text_add(&config, ",");
                text_add_json(&config, option);
        }
        text_add(&config, "]}]}");
        r = spec_read(&arena, config.text, config.length, "f.json", &spec, &err);
        if (r < 0) {
                must(err.code == -r && strncmp(err.text, "f.json: ", 8) == 0, "the error names the file");
                return 0;
        }
        must(spec.n_mounts == 1, "one mount");
        mount = &spec.mounts[0];
        must((mount->attr_set & mount->attr_clear & ~(uint64_t)MOUNT_ATTR__ATIME) == 0, "set or cleared");
        must((mount->attr_set_recursive & mount->attr_clear_recursive & ~(uint64_t)MOUNT_ATTR__ATIME) == 0, "set or cleared below");
        must((mount->attr_set & mount->attr_clear_recursive & ~(uint64_t)MOUNT_ATTR__ATIME) == 0 &&
             (mount->attr_clear & mount->attr_set_recursive & ~(uint64_t)MOUNT_ATTR__ATIME) == 0, "the two do not contradict each other");
        must((mount->sb_flags & mount->sb_flags_clear) == 0, "a flag is set or cleared");
        must((mount->propagation & (mount->propagation - 1)) == 0, "one propagation");
        must(mount->kind != SPEC_MOUNT_BIND || mount->source != NULL, "a bind has a source");
        fuzz_touch(mount->data);
        return 0;
}
