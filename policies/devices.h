/* Devices: the six that every program expects, those that the profile lists where the engine asks for them, and no
 * other of the host's. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Fills linux_.devices with the standard nodes (and what was asked of them at other paths below /dev), refuses any
 * other; replaces the cgroup's device rules by the standard ones. Rule "devices". Returns 0 or -ENOMEM. */
int policy_devices_judge(struct judge *judge, struct sandbox *sandbox);

/* The device rules of update: never wider than at create. */
int policy_devices_judge_rules(struct judge *judge, struct spec_resources *resources);

/* Is it null, zero, full, random, urandom or tty? */
bool policy_devices_is_standard(mode_t type, uint32_t device_major, uint32_t device_minor);
/* Does the profile list it? */
bool policy_devices_is_listed(const struct judge *judge, mode_t type, uint32_t device_major, uint32_t device_minor);
/* Does an exception name it ("device:/dev/kvm", by what the host has there)? Then that is recorded. */
bool policy_devices_excepts(struct judge *judge, const char *property, mode_t type, uint32_t device_major,
                            uint32_t device_minor);
