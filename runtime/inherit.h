/* What the process of exec has from the container when its process.json does not say otherwise, as with runc
 * (libcontainer's newInitConfig; nsexec for the OOM score; the umask and the personality are the container's alone).
 *
 * config.json is read again for that only where it would make a difference: create leaves a word in the record. */
#pragma once

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/state.h"

/* Bits of state.exec_inherits for a config.json. */
uint32_t inherit_note(const struct spec *spec);

/* Those of @noted that @process leaves open; 0: config.json need not be read. */
uint32_t inherit_missing(uint32_t noted, const struct spec_process *process);

/* Fills them in from the container's config.json. */
void inherit_fill(const struct spec *spec, uint32_t missing, struct spec_process *process);
