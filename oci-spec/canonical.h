/* One text for all JSON documents that mean the same, to be hashed: the JSON Canonicalization Scheme, RFC 8785. */
#pragma once

#include "oci-spec/json.h"

struct text_buffer;

/* Appends the canonical text of a parsed document. Returns 0, or -ERANGE where a number is none of IEEE 754's. */
int json_write_canonical(const struct json_node *node, struct text_buffer *out);
