/* Resources as `update` keeps them: what was asked for, one change laid over another. */
#pragma once

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

/* @change laid over @base: what @change gives (zeros of limits, and devices, give nothing) takes the place of the same
 * member, block device, page size, interface or file; the rest stays. In the arena and in what both point to. */
int resources_merge(const struct spec_resources *base, const struct spec_resources *change, struct arena *arena,
                    struct spec_resources *ret_merged, struct error *err);

/* As a LinuxResources object of the runtime-spec, without its device rules; spec_read_resources() reads it back. */
void resources_to_json(const struct spec_resources *resources, struct text_buffer *buffer);

/* A size of the command line: "1073741824", "64M", "64MiB", "1.5g"; units are powers of 1024. Returns 0 or -EINVAL. */
int resources_parse_size(const char *text, int64_t *ret_bytes);
