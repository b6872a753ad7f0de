/* The policy file: strict JSON, in which every key is known and every value has its type, since a typing error in it
 * must not loosen anything. Pure; runtime/policy.c finds the file and looks at whose it is. */
#pragma once

#include "policies/policy.h"
#include "runtime/base/error.h"

#define POLICY_FILE_LIMIT_BYTES ((size_t)1 << 20)
#define POLICY_FILE_VERSION 1

/* A key and a profile: an argv[0]; or, as a list, where a user's annotation may lead. */
struct policy_route { const char *key; const char *profile; };
struct policy_routes { const char *key; struct policy_texts profiles; };

struct policy_match {
        const struct spec_pair *annotations; size_t n_annotations;      /* all must be there, with these values */
        const char *profile;
};

struct policy_file {
        const char *name;               /* how errors call it: its path */
        const char *revision;           /* "unversioned" where the file has none */
        const uint8_t *digest;          /* SHA-256 of its bytes; NULL: nobody needs it (there is no audit section) */
        const char *default_profile;
        struct {
                const struct policy_route *argv0; size_t n_argv0;
                const struct policy_match *matches; size_t n_matches;
                const char *annotation_key;     /* NULL: users choose nothing */
                const struct policy_routes *annotation_allow; size_t n_annotation_allow;
        } select;
        uint32_t ids_size;
        const char *subid_user;
        struct policy_audit audit;
        const struct policy_profile *profiles;
        size_t n_profiles; /* the built-in ones, too, as the file has them */
        const struct policy_exception *exceptions; size_t n_exceptions;
};

/* @text: @length bytes. @name: the path that errors begin with.
 * Errors: "/etc/runb/policy.json: profiles.untrusted.limits.wal: unknown key". Returns 0 or a negative errno. */
int policy_file_read(struct arena *arena, const char *text, size_t length, const char *name,
                     struct policy_file *ret_file, struct error *err);

const struct policy_profile *policy_file_profile(const struct policy_file *file, const char *name);

/* "untrusted, branch", for an error; as many of them as fit. Returns @names->text. */
struct policy_names { char text[256]; };
const char *policy_file_list(const struct policy_file *file, struct policy_names *names);

/* Could a profile have that name? */
bool policy_is_profile_name(const char *text);

/* The whole profile as an object of "profiles", every member written out; what is read back is the same one. Only of a
 * profile that is not narrowed by another. */
struct text_buffer;
void policy_file_write_profile(const struct policy_profile *profile, const char *indent, struct text_buffer *out);
/* Of that the member "egress" alone; and what it calls a kind of root file system. */
void policy_file_write_egress(const struct policy_profile *profile, struct text_buffer *out);
const char *policy_rootfs_name(enum policy_rootfs rootfs);

/* The value of "audit"; or its members, one "audit.path: ..." a line. */
void policy_file_write_audit(const struct policy_audit *audit, bool is_line_by_line, struct text_buffer *out);

/* The whole file as it is understood: one "way: value" a line ("profiles.untrusted.rootfs: "engine""), the same lines
 * in the same order for files that mean the same. */
void policy_file_write_lines(const struct policy_file *file, struct text_buffer *out);

/* What was chosen, as a policy file of its own: the profiles and the exceptions in force, and nothing that chooses. */
void policy_file_write_chosen(const struct policy *policy, struct text_buffer *out);
