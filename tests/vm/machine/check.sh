#!/bin/bash
# The tests that want a machine of their own: tests/vm/machine/check.sh [TEST-FILE]...   (make check-vm)
#
# A test file says near its top which machines it runs on: "# vm: v2 selinux". One boot a machine:
#     v2       systemd with cgroup v2, AppArmor
#     hybrid   systemd with cgroup v1, v2 beside it
#     selinux  as v2, an enforcing SELinux in AppArmor's place
# Without arguments all such files. RUNB_VM_ONLY=v2 takes one machine. The image is made in $RUNB_TEST_CACHE/vm, once.
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
        mapfile -t files < <(cd "$src" && grep -lE '^# vm: ' tests/*/*.sh)
fi
command -v qemu-system-x86_64 > /dev/null || none "needs qemu-system-x86_64 (contrib/packages/test.txt)"
start=$SECONDS
"$here/image.sh" "$image" > "$log" 2>&1
case $? in
0) echo "# the image took $((SECONDS - start)) s";;
77) none "$(tail -n 1 "$log")";;
*) tail -n 30 "$log" | sed 's/^/# /'
   echo "FAIL the test machine's image is made"
   failed=1
   finish;;
esac

for machine in v2 hybrid selinux; do
        [ "${RUNB_VM_ONLY:-$machine}" = "$machine" ] || continue
        chosen=()
        for file in "${files[@]}"; do
                file=${file#"$src"/}
                (cd "$src" && head -n 20 "$file" | grep -qE "^# vm: (.* )?$machine( |\$)") && chosen+=("$file")
        done
        [ ${#chosen[@]} -gt 0 ] || continue
        case $machine in
        v2) options=(--limit 1500);;
        hybrid) options=(--cgroup hybrid --limit 700);;
        selinux) options=(--lsm selinux --limit 700);;
        esac
        echo "== machine $machine"
        "$here/boot.sh" "${options[@]}" --src "$src" --build "$builddir" "$image" \
                "$(printf '%q ' env RUNB_VM="$machine" RUNB_LIBEXEC="$libexec" ONLY="${ONLY-}" tests/vm/machine/inside.sh "${chosen[@]}")" | tee "$log"
        rc=${PIPESTATUS[0]}
        counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$log" | tail -n 1)
        if [ -z "$counts" ]; then
                # The counts come last: what was said before is counted all the same.
                counts="$(grep -c ^PASS "$log") $(($(grep -c ^FAIL "$log") + 1)) $(grep -c ^SKIP "$log")"
                echo "FAIL the machine $machine runs its tests to their end (exit code $rc)"
        fi
        read -r p f s <<< "$counts"
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
echo "# $((SECONDS - start)) s"
finish
