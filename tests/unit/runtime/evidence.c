/* What a signer is given, byte for byte. */
#include "runtime/evidence.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/fd.h"

static void is_encoded(const char *bytes, const char *wanted)
{
        auto_buffer struct text_buffer out = { 0 };

        evidence_base64(bytes, strlen(bytes), &out);
        cr_assert_str_eq(out.text == NULL ? "" : out.text, wanted);
}

/* RFC 4648, section 10. */
Test(evidence, base64_is_that_of_the_rfc)
{
        is_encoded("", "");
        is_encoded("f", "Zg==");
        is_encoded("fo", "Zm8=");
        is_encoded("foo", "Zm9v");
        is_encoded("foob", "Zm9vYg==");
        is_encoded("fooba", "Zm9vYmE=");
        is_encoded("foobar", "Zm9vYmFy");
        is_encoded("\xfb\xff\xbe", "+/++");
}

Test(evidence, the_pae_is_that_of_dsse)
{
        auto_buffer struct text_buffer out = { 0 };

        evidence_pae("hello world", 11, &out);
        cr_assert_str_eq(out.text, "DSSEv1 28 application/vnd.in-toto+json 11 hello world");
}

Test(evidence, a_signer_by_a_relative_path_is_refused)
{
        const struct evidence_signer signer = { .program = "sign" };
        auto_buffer struct text_buffer out = { 0 };
        struct error err = { 0 };

        cr_assert(evidence_sign(&signer, "{}", 2, &out, &err) < 0);
        cr_assert_eq(out.length, 0);
}

/* A signer that does @body. */
static void refuses(const char *body, unsigned patience_ms, const char *wanted)
{
        char path[] = "/tmp/runb-signer-XXXXXX";
        const struct evidence_signer signer = { .program = path, .patience_ms = patience_ms };
        auto_buffer struct text_buffer out = { 0 };
        struct error err = { 0 };
        int fd = mkstemp(path);

        cr_assert(fd >= 0 && fchmod(fd, 0700) == 0 && dprintf(fd, "#!/bin/sh\n%s\n", body) > 0);
        close(fd);
        cr_assert(evidence_sign(&signer, "{}", 2, &out, &err) < 0);
        unlink(path);
        cr_assert(strstr(err.text, wanted) != NULL, "%s", err.text);
        cr_assert_eq(out.length, 0);
}

Test(evidence, a_signer_that_hangs_is_ended, .timeout = 60)
{
        refuses("exec sleep 1000", 300, "did not answer and end within");
}

Test(evidence, a_signer_that_hangs_after_its_answer_is_ended, .timeout = 60)
{
        refuses("echo id; echo AAAA; exec 1>&-; exec sleep 1000", 300, "did not answer and end within");
}

Test(evidence, a_signer_that_leaves_somebody_with_its_output_is_not_waited_for, .timeout = 60)
{
        refuses("sleep 3 & echo id; echo AAAA", 300, "did not answer and end within");
}

Test(evidence, a_signature_is_base64_to_its_end)
{
        refuses("echo id; echo A=AA", 0, "no signature in base64");
        refuses("echo id; echo A===", 0, "no signature in base64");
        refuses("echo id; echo ====", 0, "no signature in base64");
}

Test(evidence, a_socket_that_nobody_reads_is_given_up, .timeout = 60)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char folder[] = "/tmp/runb-signer-XXXXXX";
        auto_buffer struct text_buffer out = { 0 };
        const size_t size = 8 << 20;            /* more than any socket's queue */
        char *payload = calloc(1, size);
        struct error err = { 0 };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        cr_assert(mkdtemp(folder) != NULL && payload != NULL);
        snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
        cr_assert(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0);
        cr_assert(evidence_sign(&(struct evidence_signer){ .socket = address.sun_path, .patience_ms = 300 }, payload, size, &out, &err) < 0);
        cr_assert(strstr(err.text, "did not answer and end within") != NULL, "%s", err.text);
        cr_assert_eq(out.length, 0);
        unlink(address.sun_path);
        rmdir(folder);
        free(payload);
        close(fd);
}
