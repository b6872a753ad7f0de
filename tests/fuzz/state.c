/* state.json, of the same folder. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "runtime/base/fd.h"

static const uint8_t *given;
static size_t given_length;

/* In the place of fd_read_file(). */
static int read_input(int dir_fd, const char *path, size_t limit_bytes, char **ret_text, size_t *ret_length)
{
        char *text = malloc(given_length + 1);

        (void)dir_fd;
        (void)path;
        must(text != NULL, "there is memory");
        if (given_length > limit_bytes) {
                free(text);
                return -EFBIG;
        }
        if (given_length > 0)
                memcpy(text, given, given_length);
        text[given_length] = '\0';
        *ret_text = text;
        *ret_length = given_length;
        return 0;
}
#define fd_read_file read_input
#include "runtime/state_record.c"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        auto_arena struct arena arena = { NULL };
        auto_buffer struct text_buffer out = { 0 };
        struct state_dir dir = { .root = "/r", .id = "a", .root_fd = UNSET_FD, .lock_fd = UNSET_FD };
        struct error err = { 0 };
        struct state state;
        size_t n = 0;
        int r;

        given = bytes;
        given_length = length;
        r = state_read(&dir, &arena, &state, &err);
        if (r < 0) {
                must(err.code == -r && strchr(err.text, '\n') == NULL, "one line of error");
                return 0;
        }
        must(strcmp(state.id, "a") == 0, "the record is this container's");
        for (const struct finding *finding = state.findings; finding != NULL; finding = finding->next, n++)
                fuzz_touch(finding->property);
        must(n == state.n_findings, "the findings are counted");
        state_to_oci(&state, STATE_CREATED, true, &out);
        state_to_oci(&state, STATE_RUNNING, false, &out);
        fuzz_touch(out.text);
        return 0;
}
