#!/bin/bash
# The tests that want a machine of their own: tests/vm/machine/check.sh [TEST-FILE]...   (make check-vm)
#
# A test file says near its top which machines it runs on: "# vm: v2 selinux". One boot a machine:
#     v2       systemd with cgroup v2, AppArmor
#     hybrid   systemd with cgroup v1, v2 beside it
#     selinux  as v2, an enforcing SELinux in AppArmor's place
# Without arguments all such files. RUNB_VM_ONLY=v2 takes one machine. The image is made in $RUNB_TEST_CACHE/vm, once.
# RUNB_VM_SECONDS is what there is for all of it (default: as long as it takes). What that cuts off is skipped, and says so; a
# machine that has its full limit and does not end within it fails.
# Prints what the tests print; the last line is "N passed, N failed, N skipped". $builddir is the build.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
src=$(cd "$here/../../.." && pwd)
: "${builddir:=$src/build}" "${RUNB_TEST_CACHE:=/var/tmp/runb-test-cache}"
builddir=$(cd "$builddir" && pwd) || exit 1
image=$RUNB_TEST_CACHE/vm
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0
libexec=$(make -s -C "$builddir" print-libexec | tail -n 1) || exit 1

finish()
{
        [ -z "${RUNB_TEST_RESULTS-}" ] || echo "$passed $failed $skipped" >> "$RUNB_TEST_RESULTS"
        echo "$passed passed, $failed failed, $skipped skipped"
        [ $failed = 0 ]
        exit
}
none() # REASON
{
        echo "SKIP the tests in a machine of their own: $1"
        skipped=$((skipped + 1))
        finish
}

files=("$@")
if [ $# = 0 ]; then
        # In the order of their worth: where the time is cut, the last ones go.
        mapfile -t files < <(cd "$src" && echo tests/vm/systemd.sh && grep -lE '^# vm: ' tests/vm/*.sh | grep -v /systemd.sh &&
                grep -lE '^# vm: ' tests/*/*.sh | grep -v '^tests/vm/')
fi
start=$SECONDS
# What is left of the time, in seconds; a day where nobody has said.
left() { echo $((${RUNB_VM_SECONDS:-86400} - (SECONDS - start))); }
minutes() { echo $((($1 + 30) / 60)); }
command -v qemu-system-x86_64 > /dev/null || none "needs qemu-system-x86_64 (contrib/packages/test.txt)"
# Where the image is there already this takes no time.
[ "$(left)" -ge 240 ] || none "$(minutes "$(left)") minutes left, needs 4 at least (RUNB_TEST_MINUTES, or make check-vm)"
timeout -k 10 "$(left)" "$here/image.sh" "$image" > "$log" 2>&1
case $? in
124) none "its image was not made in the $(minutes "$((SECONDS - start))") minutes that were left";;
0) echo "# the image took $((SECONDS - start)) s";;
77) none "$(tail -n 1 "$log")";;
*) tail -n 30 "$log" | sed 's/^/# /'
   echo "FAIL the test machine's image is made"
   failed=1
   finish;;
esac

# full, least: its limit, and what it needs to get anywhere. In the order of their worth.
for machine in v2 selinux hybrid; do
        [ "${RUNB_VM_ONLY:-$machine}" = "$machine" ] || continue
        chosen=()
        for file in "${files[@]}"; do
                file=${file#"$src"/}
                (cd "$src" && head -n 20 "$file" | grep -qE "^# vm: (.* )?$machine( |\$)") && chosen+=("$file")
        done
        [ ${#chosen[@]} -gt 0 ] || continue
        case $machine in
        v2) full=1800 least=180 options=();;
        hybrid) full=700 least=120 options=(--cgroup hybrid);;
        selinux) full=700 least=90 options=(--lsm selinux);;
        esac
        limit=$(left)
        [ "$limit" -le "$full" ] || limit=$full
        echo "== machine $machine"
        if [ "$limit" -lt "$least" ]; then
                echo "SKIP the machine $machine: $(minutes "$limit") minutes left, needs $(minutes "$least") at least"
                skipped=$((skipped + 1))
                continue
        fi
        "$here/boot.sh" "${options[@]}" --limit "$limit" --src "$src" --build "$builddir" "$image" \
                "$(printf '%q ' env RUNB_VM="$machine" RUNB_LIBEXEC="$libexec" ONLY="${ONLY-}" tests/vm/machine/inside.sh "${chosen[@]}")" | tee "$log"
        rc=${PIPESTATUS[0]}
        counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$log" | tail -n 1)
        if [ -z "$counts" ]; then
                # The counts come last: what was said before is counted all the same.
                p=$(grep -c ^PASS "$log") f=$(grep -c ^FAIL "$log") s=$(grep -c ^SKIP "$log")
                if [ "$rc" = 124 ] && [ "$limit" -lt "$full" ] && ! grep -q '^# the machine did not come up' "$log"; then
                        missing=
                        for file in "${chosen[@]}"; do grep -qxF "== $file" "$log" || missing+=" ${file#tests/}"; done
                        echo "SKIP the rest of the machine $machine's tests: $(minutes "$limit") minutes were left, it may take $(minutes "$full");" \
                             "ended in $(sed -n 's/^== tests\///p' "$log" | tail -n 1), not begun:${missing:- none}"
                        s=$((s + 1))
                else
                        echo "FAIL the machine $machine runs its tests to their end (exit code $rc)"
                        f=$((f + 1))
                fi
                counts="$p $f $s"
        fi
        read -r p f s <<< "$counts"
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
echo "# $((SECONDS - start)) s"
finish
