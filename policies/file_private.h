/* What the rooms of the policy file's reader offer each other. */
#pragma once

#include "oci-spec/reader.h"
#include "policies/file.h"

/* As reader_object(), but a key that no field names is an error, and so is null. */
int policy_read_object(struct reader *reader, const struct json_node *node, const struct reader_field *fields,
                       size_t n_fields, void *object);

/* Takes the step to a member whose key is the administrator's own: plain in errors where its letters are. */
struct reader_step policy_step_to(const struct reader *reader, const struct json_node *member);

/* Values, for tables; each says what was expected. */
int policy_read_profile_name(struct reader *reader, const struct json_node *node, void *into);  /* const char * */
int policy_read_path(struct reader *reader, const struct json_node *node, void *into); /* const char *, clean */
int policy_read_sentence(struct reader *reader, const struct json_node *node, void *into); /* const char *, one line */
int policy_read_id(struct reader *reader, const struct json_node *node, void *into);            /* const char * */
/* uint64_t */
int policy_read_duration(struct reader *reader, const struct json_node *node, void *into);      /* seconds */
int policy_read_size(struct reader *reader, const struct json_node *node, void *into);          /* bytes */
int policy_read_cpus(struct reader *reader, const struct json_node *node, void *into);          /* thousandths */
/* Elements of lists: const char *. */
int policy_read_path_pattern(struct reader *reader, const struct json_node *node, void *into);
int policy_read_name_pattern(struct reader *reader, const struct json_node *node, void *into);
int policy_read_property(struct reader *reader, const struct json_node *node, void *into);      /* of systemd */
int policy_read_hook_path(struct reader *reader, const struct json_node *node, void *into);
int policy_read_host(struct reader *reader, const struct json_node *node, void *into);
int policy_read_cidr(struct reader *reader, const struct json_node *node, void *into);
/* "8000-8100" */
int policy_read_port_range(struct reader *reader, const struct json_node *node, struct policy_ports *ret_ports);
int policy_read_proxy(struct reader *reader, const struct json_node *node, void *into);
int policy_read_exception_token(struct reader *reader, const struct json_node *node, void *into);
/* The date and the second after its end. */
int policy_read_date(struct reader *reader, const struct json_node *node, const char **ret_date, int64_t *ret_ends_at);

/* A list of texts by one of the functions above, into struct policy_texts. */
int policy_read_texts(struct reader *reader, const struct json_node *node, reader_function *read,
                      struct policy_texts *ret_texts);

/* struct policy_audit */
int policy_read_audit(struct reader *reader, const struct json_node *node, void *into);

/* The members of one profile, over what is in it already. */
int policy_read_profile(struct reader *reader, const struct json_node *node, struct policy_profile *profile);
