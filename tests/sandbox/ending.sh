#!/bin/bash
# How containers end, on containers made by hand, in each cgroup layout that this machine can mount.
# cgroups: host v1 v2
exec "${RUNB%/*}/tests/sandbox/ending" "$RUNB" "${RUNB%/*}/tests/tools/kill-at"
