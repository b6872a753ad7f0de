/* Annotations org.systemd.property.NAME: properties of the container's scope that its config.json asks for. */
#pragma once

#include <stdbool.h>

#include "policies/judge.h"
#include "policies/sandbox.h"

#define POLICY_SYSTEMD_ANNOTATION "org.systemd.property."

/* A policy file may list it: not one by which runb itself holds the container's limits, devices or place. */
bool policy_systemd_may_list(const char *property);

/* Those that the profile lists are taken, the others left out. */
int policy_systemd_judge(struct judge *judge, struct sandbox *sandbox);
