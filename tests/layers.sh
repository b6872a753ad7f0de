#!/bin/sh
# Who may include whom:
#
#     runtime/base <- oci-spec <- policies, hooks (never each other) <- runtime <- runtime/cli
#
# usage: layers.sh [FOLDER]      reads the include lines below FOLDER (default: the tree this file is in)
#        layers.sh --self-test   shows that each kind of wrong include is found
#
# Prints "file:line: what is wrong" for each offender; exit status 1 where there is one. With CC set to a compiler and
# its options, every header is compiled alone, too. Includes are also required to name their folder, and libyajl is
# for oci-spec/json.c only, so that it can be replaced.
set -eu

check_includes()
{
        cd "$1"
        find runtime oci-spec policies hooks -name '*.[ch]' -type f | LC_ALL=C sort | xargs awk '
        function layer(path)
        {
                if (path ~ /^runtime\/base\//)
                        return "runtime/base"
                if (path ~ /^runtime\/cli\//)
                        return "runtime/cli"
                sub(/\/.*/, "", path)
                return path
        }
        function complain(what)
        {
                print FILENAME ":" FNR ": " what
                found = 1
        }
        BEGIN {
                height["runtime/base"] = 0
                height["oci-spec"] = 1
                height["policies"] = height["hooks"] = 2
                height["runtime"] = 3
                height["runtime/cli"] = 4
        }
        /^[ \t]*#[ \t]*include[ \t]*</ {
                if ($0 ~ /<yajl\// && FILENAME != "oci-spec/json.c")
                        complain("yajl is for oci-spec/json.c only")
        }
        /^[ \t]*#[ \t]*include[ \t]*"/ {
                split($0, parts, "\"")
                from = layer(FILENAME)
                to = layer(parts[2])
                if (parts[2] !~ /\// || parts[2] ~ /(^|\/)\.\.?\//)
                        complain("\"" parts[2] "\" does not name its folder from the top of the tree")
                else if (!(to in height))
                        complain("\"" parts[2] "\" is in no layer")
                else if (height[to] > height[from])
                        complain(from " is below " to " and must not include \"" parts[2] "\"")
                else if (height[to] == height[from] && to != from)
                        complain(from " and " to " must not include each other (\"" parts[2] "\")")
        }
        END { exit found }'
}

check_headers()
{
        cd "$1"
        failed=0
        for header in $(find runtime oci-spec policies hooks -name '*.h' -type f | LC_ALL=C sort); do
                # Words on purpose: a compiler and its options.
                # shellcheck disable=SC2086
                if ! printf '#include "%s"\n' "$header" | $2 -I. -fsyntax-only -x c -; then
                        echo "$header: does not compile alone"
                        failed=1
                fi
        done
        return $failed
}

# A tree of one file of each layer, $1 of which has the line $2.
try()
{
        tree=$(mktemp -d)
        for file in runtime/base/a.h oci-spec/a.h policies/a.h hooks/a.h runtime/a.h runtime/cli/a.h; do
                mkdir -p "$tree/${file%/*}"
                echo '#pragma once' >"$tree/$file"
        done
        mkdir -p "$tree/${1%/*}"
        echo "$2" >>"$tree/$1"
        said=$("$0" "$tree" 2>&1) && status=0 || status=$?
        rm -r "$tree"
}

must_pass()
{
        try "$@"
        [ $status = 0 ] && [ -z "$said" ] && return
        echo "layers.sh --self-test: refused in $1: $2 ($said)"
        exit 1
}

must_fail()
{
        try "$@"
        case "$status $said" in
        "1 $1:2: "*) return ;;
        esac
        echo "layers.sh --self-test: not found in $1: $2 (status $status, said: $said)"
        exit 1
}

self_test()
{
        compiler=${CC-}
        unset CC
        must_pass runtime/cli/a.h '#include "runtime/a.h"'
        must_pass runtime/a.h '#include "policies/a.h"'
        must_pass runtime/a.h '#include "hooks/a.h"'
        must_pass policies/a.h '#include "oci-spec/a.h"'
        must_pass hooks/a.h '#include "runtime/base/a.h"'
        must_pass oci-spec/a.h '#include "oci-spec/b.h"'
        must_pass oci-spec/a.h '#include <sys/mount.h>'

        must_fail runtime/base/a.h '#include "oci-spec/a.h"'
        must_fail runtime/base/a.h '#include "runtime/a.h"'
        must_fail oci-spec/a.h '#include "policies/a.h"'
        must_fail oci-spec/a.h ' # include  "runtime/a.h" /* so */'
        must_fail policies/a.h '#include "runtime/a.h"'
        must_fail policies/a.h '#include "hooks/a.h"'
        must_fail hooks/a.h '#include "policies/a.h"'
        must_fail runtime/a.h '#include "runtime/cli/a.h"'
        must_fail runtime/a.h '#include "b.h"'
        must_fail runtime/a.h '#include "../policies/a.h"'
        must_fail runtime/a.h '#include "runtime/../runtime/cli/a.h"'
        must_fail runtime/a.h '#include "tests/a.h"'
        must_fail runtime/a.h '#include <yajl/yajl_parse.h>'

        # A header that needs another one first.
        CC=${compiler:-cc}
        export CC
        try runtime/a.h 'size_t missing(void);'
        [ $status = 1 ] && return
        echo "layers.sh --self-test: a header that does not compile alone was not found ($said)"
        exit 1
}

if [ "${1-}" = --self-test ]; then
        self_test
        exit 0
fi
folder=${1-$(dirname "$0")/..}
status=0
(check_includes "$folder") || status=1
if [ -n "${CC-}" ]; then
        (check_headers "$folder" "$CC") || status=1
fi
exit $status
