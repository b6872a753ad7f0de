/* Lines of /proc/self/mountinfo: names of mount points are a build's or an engine's. Two readers, and the options of overlays. */
#include "tests/fuzz/fuzz.h"

#include "runtime/origins.c"
#include "runtime/restack_overlay.h"

static void check_origins(const char *text)
{
        auto_arena struct arena arena = { NULL };
        struct mount_line line;
        struct stat st = { .st_dev = 0x801 };

        for (const char *at = text; at != NULL; at = next_line(at)) {
                if (!read_mount_line(at, &line))
                        continue;
                must(strlen(line.root) < PATH_MAX && strlen(line.target) < PATH_MAX, "paths end");
                {
                        struct origin origin = { .is_whole = false };

                        must(find_in_mountinfo(text, &arena, line.id, line.target, &st, &origin) == 0, "there is memory");
                        fuzz_touch(origin.top);
                        fuzz_touch(origin.path);
                }
        }
}

static void check_overlay(const char *text)
{
        auto_arena struct arena arena = { NULL };
        struct restack_text options;
        struct error err = { 0 };

        if (restack_parse_options(&arena, text, &options, &err) < 0) {
                must(err.text[0] != '\0', "there is a reason");
                return;
        }
        must(options.n_data <= options.n_lower, "data layers are layers");
        for (size_t i = 0; i < options.n_lower; i++) {
                must(options.lower[i][0] != '\0', "a layer has a name");
                fuzz_touch(options.lower[i]);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        auto_free char *text = fuzz_text(bytes, length);
        auto_free char *copy = fuzz_text(bytes, length);

        must(strlen(text_unescape_octal(copy)) <= strlen(text), "unescaped is not longer");
        check_origins(text);
        check_overlay(text);
        return 0;
}
