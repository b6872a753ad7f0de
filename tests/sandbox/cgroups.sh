#!/bin/bash
# The cgroups room on the real kernel, in each layout that this machine can mount.
# cgroups: host v1 v2
# vm: v2
exec "${builddir:-${RUNB%/*}}/tests/sandbox/cgroups-kernel"
