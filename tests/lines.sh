#!/bin/sh
# No line of code is longer than 120 columns: tests/lines.sh [FILE...]     (default: the C files of the folders below)
#
# Tables are left out that nobody could read otherwise.
set -eu
cd "$(dirname "$0")/.."
tables="tests/unit/policies/rules.c policies/seccomp_build.c"

[ $# -gt 0 ] || set -- $(find hooks oci-spec policies runtime/cli -name '*.[ch]' | LC_ALL=C sort)
awk -v tables="$tables" '
        FNR == 1 { is_table = index(" " tables " ", " " FILENAME " ") > 0 }
        length > 120 && !is_table { print FILENAME ":" FNR ": " length " columns, more than 120"; found = 1 }
        END { exit found }' "$@"
