#!/bin/sh
# libfuzzer.sh "TARGET..." SECONDS SOURCE...: the targets with clang's libFuzzer, in the build folder; `make fuzz` calls it.
# What was found new lies in fuzz-corpus/TARGET, what broke in fuzz-corpus/TARGET-*.
set -eu
targets=$1 seconds=$2
shift 2
: "${srcdir:?}" "${CLANG:=clang}"
flags="-g -O1 -std=gnu11 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
flags="$flags -I$srcdir -I. -include config.h -include fuzz-objects/commit.h -D_GNU_SOURCE ${CPPFLAGS-}"
failed=
mkdir -p fuzz-objects fuzz-corpus
# Another header is another layout of what it declares.
if [ -e fuzz-objects/all.a ] && [ -n "$(find "$srcdir" -name '*.h' -newer fuzz-objects/all.a | head -n 1)" ]; then
        rm -f fuzz-objects/*
fi
printf '#define RUNB_COMMIT "fuzz"\n#define RUNB_SYSTEMD_HELPER "/nowhere"\n' > fuzz-objects/commit.h
for source; do
        case $source in *.c) ;; *) continue;; esac
        object=fuzz-objects/$(echo "$source" | tr / _).o
        [ "$object" -nt "$srcdir/$source" ] || echo "$srcdir/$source $object"
done | xargs -r -P 2 -n 2 sh -c "$CLANG $flags -c \"\$0\" -o \"\$1\""
rm -f fuzz-objects/all.a
ar rcs fuzz-objects/all.a fuzz-objects/*.o
for target in $targets; do
        corpus=$srcdir/tests/fuzz/corpus/$target
        [ "$target" != config ] || corpus=$srcdir/tests/data/config
        # shellcheck disable=SC2086
        $CLANG $flags -fsanitize=fuzzer "$srcdir/tests/fuzz/$target.c" fuzz-objects/all.a ${LIBS-} -o "fuzz-objects/$target"
        mkdir -p "fuzz-corpus/$target"
        echo "== $target"
        "./fuzz-objects/$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
                -artifact_prefix="fuzz-corpus/$target-" "fuzz-corpus/$target" "$corpus" > "fuzz-corpus/$target.log" 2>&1 ||
                { tail -n 40 "fuzz-corpus/$target.log"; failed="$failed $target"; }
        grep -E 'stat::number_of_executed_units|cov:' "fuzz-corpus/$target.log" | tail -n 2
done
[ -z "$failed" ] || { echo "broken:$failed"; exit 1; }
