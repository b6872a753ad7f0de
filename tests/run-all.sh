#!/bin/bash
# Installs what the tests need, builds, and runs all of them: tests/run-all.sh  (as root, on Debian 12 or 13)
# With --built, as `make check` calls it: installs nothing and runs the tests of the build in $BUILD_DIR.
#
# The tests in virtual machines get what the others leave of RUNB_TEST_MINUTES (80: CI has 90); RUNB_TEST_VM=1 runs all of
# them however long they take, RUNB_TEST_VM=0 none.
#
# The last line is "N passed, N failed, N skipped", a test that lacks something says what; the exit code is non-zero
# where something failed. .ci/run is this.
set -uo pipefail
src=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD_DIR:-$src/build-ci}
cd "$src" || exit 1

if [ "$(id -u)" != 0 ]; then
        echo "tests/run-all.sh: run this as root: it installs packages and starts engines in namespaces of its own." >&2
        echo "As yourself: ./autogen.sh && ./configure && make && make check-unit" >&2
        exit 1
fi
: "${RUNB_TEST_MINUTES:=80}"
case $RUNB_TEST_MINUTES in *[!0-9]*) echo "tests/run-all.sh: RUNB_TEST_MINUTES=$RUNB_TEST_MINUTES: is no number" >&2; exit 1;; esac
export RUNB_TEST_RESULTS builddir=$build
RUNB_TEST_RESULTS=$(mktemp)
cached=
if [ -z "${RUNB_TEST_CACHE-}" ]; then
        RUNB_TEST_CACHE=$(mktemp -d /var/tmp/runb-test-cache.XXXXXX)
        cached=$RUNB_TEST_CACHE
fi
export RUNB_TEST_CACHE
trap 'rm -f "$RUNB_TEST_RESULTS"; [ -z "$cached" ] || rm -rf "$cached"' EXIT
failed_steps=()

# step SENTENCE COMMAND...: counts as one test; its output shows where it fails.
step()
{
        local sentence=$1 log start=$SECONDS
        shift
        log=$(mktemp)
        if "$@" > "$log" 2>&1; then
                echo "PASS $sentence ($((SECONDS - start)) s)"
                echo "1 0 0" >> "$RUNB_TEST_RESULTS"
                rm -f "$log"
                return 0
        fi
        echo "FAIL $sentence"
        tail -n 60 "$log" | sed 's/^/# /'
        rm -f "$log"
        echo "0 1 0" >> "$RUNB_TEST_RESULTS"
        failed_steps+=("$sentence")
        return 1
}
skipped() { echo "SKIP $1: $2"; echo "0 0 1" >> "$RUNB_TEST_RESULTS"; }
run_tests() # NAME FILE...
{
        local name=$1
        shift
        RUNB=$build/runb tests/run.sh "$@" || failed_steps+=("$name, see above")
}

configured() # FOLDER OPTION...
{
        local folder=$1
        shift
        mkdir -p "$folder" && cd "$folder" && { [ -f Makefile ] || "$src/configure" "$@"; }
}
build_all() { (configured "$build" --enable-werror && make -j"$(nproc)" && make -j"$(nproc)" check-programs); }
build_sanitized()
{
        # Without -Werror: the sanitizers change what gcc can see and it warns of what is not so. No leak check while
        # building: that runs runb for its completions, and a program that ends gives its arena back by ending.
        (export ASAN_OPTIONS=detect_leaks=0
         configured "$build/sanitized" --enable-sanitizers --disable-static-libs CFLAGS="-O1 -g" &&
                make -j"$(nproc)" && make -j"$(nproc)" check-programs)
}

if [ "${1-}" != --built ]; then
        echo "== packages"
        contrib/install-packages.sh build test || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
        step "configure is made" ./autogen.sh
fi

echo "== build"
if ! step "runb and its tests build without warnings" build_all; then
        echo "0 passed, 1 failed, 0 skipped"
        exit 1
fi

# What the engine tests share: a Debian root and a source package, fetched once, while nothing else needs the network.
step "a Debian root for the tests is made from the ordinary mirror" tests/engines/make-debian.sh "$RUNB_TEST_CACHE"
step "a Debian root with buildah for the tests is made from it, too" tests/engines/make-builder.sh "$RUNB_TEST_CACHE"

echo "== unit tests"
run_tests "unit tests" "$build"/tests/unit/*.test
step "the table of properties is what the code reads" make -C "$build" check-properties
step "includes and links go downwards only" make -C "$build" check-layers
step "no line of code is longer than 120 columns" make -C "$build" check-lines

echo "== fuzz corpus, with the sanitizers"
step "the parsers take their corpus and its mutations" make -C "$build" check-fuzz

echo "== with the address and undefined-behaviour sanitizers"
if step "builds with sanitizers" build_sanitized; then
        LSAN_OPTIONS=suppressions=$src/tests/data/lsan.supp:print_suppressions=0 UBSAN_OPTIONS=print_stacktrace=1 \
                run_tests "unit tests with the sanitizers" "$build"/sanitized/tests/unit/*.test
fi

echo "== arm64"
tests/cross-arm64.sh "$build/arm64" > "$build/arm64.log" 2>&1
case $? in
0) echo "PASS builds for arm64"; echo "1 0 0" >> "$RUNB_TEST_RESULTS";;
77) skipped "builds for arm64" "$(tail -n 1 "$build/arm64.log")";;
*) echo "FAIL builds for arm64"; tail -n 30 "$build/arm64.log" | sed 's/^/# /'
   echo "0 1 0" >> "$RUNB_TEST_RESULTS"; failed_steps+=("arm64");;
esac

echo "== sandbox, specification, command line, engines"
tests=()
for test in $(make -s -C "$build" list-sandbox-tests) tests/sandbox/*.sh tests/cli/*.sh tests/spec/*.sh tests/engines/*.sh; do
        [ -x "$test" ] || continue
        case $test in */make-*.sh) continue;; esac
        tests+=("$test")
done
run_tests "sandbox, specification, command line, engines" "${tests[@]}"

echo "== first build"
step "contrib/first-build.sh works" env BUILD_DIR="$build" tests/enclose.sh contrib/first-build.sh

echo "== in a virtual machine"
# Last: emulated it takes ten minutes on a machine that does nothing else, and gets what is left of the time.
case ${RUNB_TEST_VM-} in
0) skipped "the tests in a machine of their own" "RUNB_TEST_VM=0";;
1) builddir=$build tests/vm/machine/check.sh || failed_steps+=("in a virtual machine");;
*) RUNB_VM_SECONDS=$((RUNB_TEST_MINUTES * 60 - SECONDS)) builddir=$build tests/vm/machine/check.sh ||
        failed_steps+=("in a virtual machine");;
esac

echo
if [ ${#failed_steps[@]} -gt 0 ]; then printf 'Failed: %s\n' "${failed_steps[@]}"; fi
echo "$SECONDS s"
awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || p == 0 }' \
        "$RUNB_TEST_RESULTS"
