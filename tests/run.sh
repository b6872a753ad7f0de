#!/bin/bash
# Runs test files and counts their cases.
#
#   tests/run.sh [-v] FILE...         (RUNB=/path/to/the/runtime, default ./runb)
#
# A file is a program or script that prints one line a case: "PASS sentence", "FAIL sentence", "SKIP sentence: reason";
# one that prints none counts as one case, by its exit code (77: skipped, its last line is the reason). Criterion
# programs (*.test) are asked for TAP. Everything but those and scripts marked "# plain test" runs under
# tests/enclose.sh; "# cgroups: host v2" near the top of a script names the cgroup layouts it runs under, one after the
# other; RUNB_TEST_LAYOUTS names them instead.
#
# The last line is "N passed, N failed, N skipped"; the exit code is non-zero where something failed. Where
# RUNB_TEST_RESULTS names a file, the counts are added to it, so that several runs make one sum.
set -u

here=$(cd "$(dirname "$0")" && pwd)
: "${RUNB:=$PWD/runb}" "${RUNB_TEST_TIMEOUT:=900}"
export RUNB
export srcdir=${srcdir:-$(dirname "$here")}
verbose=
[ "${1-}" = -v ] && { verbose=1; shift; }

passed=0 failed=0 skipped=0
failures=()
log=$(mktemp)
tap=$(mktemp)
trap 'rm -f "$log" "$tap"' EXIT

count() # FILE NAME RC: counts the cases in $log
{
        local file=$1 name=$2 rc=$3 line p=0 f=0 s=0

        while IFS= read -r line; do
                case $line in
                "PASS "*) p=$((p + 1));;
                "FAIL "*) f=$((f + 1)); failures+=("$name: ${line#FAIL }");;
                "SKIP "*) s=$((s + 1));;
                esac
        done < "$log"
        # "leaves nothing behind" alone says nothing about the test itself.
        if [ $((p + f + s)) = 0 ] || { [ $((p + f + s)) = 1 ] && grep -q '^\(PASS\|FAIL\) leaves nothing behind' "$log"; }; then
                case $rc in
                0) p=$((p + 1)); echo "PASS $name";;
                77) s=$((s + 1)); echo "SKIP $name: $(tail -n 1 "$log")";;
                *) [ $f = 0 ] && { f=$((f + 1)); failures+=("$name"); echo "FAIL $name (exit code $rc)"; };;
                esac
        elif [ "$rc" != 0 ] && [ "$rc" != 77 ] && [ $f = 0 ]; then
                f=$((f + 1)); failures+=("$name: ended with exit code $rc")
                echo "FAIL $name: ended with exit code $rc$([ "$rc" = 124 ] && echo " (time limit)")"
        fi
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

run_criterion()
{
        local file=$1 name=$2 rc

        : > "$tap"
        timeout -k 10 "$RUNB_TEST_TIMEOUT" "$file" --jobs "$(nproc)" --tap="$tap" > "$log.out" 2>&1
        rc=$?
        sed -n -e 's/^not ok - /FAIL /p' -e 's/^ok - \(.*\) # SKIP *\(.*\)$/SKIP \1: \2/p;t' -e 's/^ok - /PASS /p' "$tap" > "$log"
        { [ -n "$verbose" ] && cat "$log"; grep '^FAIL' "$log"; } | sort -u
        [ $rc = 0 ] || sed 's/^/# /' "$log.out"
        echo "# $name: $(grep -c ^PASS "$log") cases passed"
        count "$file" "$name" "$rc"
        rm -f "$log.out"
}

run_one() # NAME COMMAND...
{
        local name=$1 rc
        shift
        timeout -k 20 "$RUNB_TEST_TIMEOUT" "$@" 2>&1 | tee "$log"
        rc=${PIPESTATUS[0]}
        count "$1" "$name" "$rc"
}

for file; do
        [ -e "$file" ] || { echo "no such test: $file" >&2; exit 2; }
        file=$(realpath "$file")
        name=${file#"$srcdir"/}
        name=${name#"$PWD"/}
        echo "== $name"
        start=$SECONDS
        case $file in
        */unit/*.test)
                run_criterion "$file" "$name";;
        *)
                if head -n 20 "$file" | grep -aq '^# plain test'; then
                        run_one "$name" "$file"
                else
                        layouts=$(head -n 20 "$file" | grep -a -m1 '^# cgroups: ' | cut -d: -f2)
                        for layout in ${RUNB_TEST_LAYOUTS:-${layouts:-host}}; do
                                [ "$layout" = host ] || echo "== $name (cgroup $layout)"
                                run_one "$name" "$here/enclose.sh" --cgroups "$layout" "$file"
                        done
                fi;;
        esac
        echo "# $((SECONDS - start)) s"
done

if [ ${#failures[@]} -gt 0 ]; then
        echo
        echo "Failed:"
        printf '  %s\n' "${failures[@]}"
fi
[ -n "${RUNB_TEST_RESULTS-}" ] && echo "$passed $failed $skipped" >> "$RUNB_TEST_RESULTS"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
