#!/bin/bash
# In the test machine: puts the fresh build where an installed one would be, and runs test files.
set -eu
export builddir=/mnt/build RUNB=/usr/local/sbin/runb RUNB_TEST_CACHE=/var/tmp/runb-test-cache
# Emulated, all takes ten to thirty times as long.
export CASE_TIMEOUT=300 RUNB_TEST_TIMEOUT=1200 RUNB_TEST_LAYOUTS=host
install -m 755 "$builddir/runb" "$RUNB"
if [ -x "$builddir/runb-systemd" ]; then install -D -m 755 "$builddir/runb-systemd" "$RUNB_LIBEXEC/runb-systemd"; fi
mkdir -p "$RUNB_TEST_CACHE"
exec tests/run.sh "$@"
