#!/bin/bash
# The engines of Debian testing with the runb of this machine: the cases of the engines' own files, in a root made by
# tests/engines/make-newer.sh.
: "${RUNB:?names the runtime under test}" "${T:?is set by tests/enclose.sh}"
: "${RUNB_TEST_CACHE:=/var/tmp/runb-test-cache}"
here=$(cd "$(dirname "$0")" && pwd)
source=${here%/tests/engines}
root=$RUNB_TEST_CACHE/newer
base=$T    # of one file only, inside

inside() # FILE: pivots, since in a chroot no user namespace can be made (unshare(2), EPERM)
{
        mount --bind "$root" "$root" && cd "$root" && mkdir -p old || return 1
        for folder in /dev /proc /run /sys "$base" "$source" "$(dirname "$RUNB")" "$RUNB_TEST_CACHE"; do
                mkdir -p ".$folder" && mount --rbind "$folder" ".$folder" || return 1
        done
        pivot_root . old && cd / && umount -l /old || return 1
        exec bash "$here/$1.sh"
}

if [ "${1-}" = --inside ]; then
        inside "$2"
        exit 1
fi
[ -d "$root" ] || { echo "SKIP newer.sh: no Debian testing in $RUNB_TEST_CACHE; tests/engines/make-newer.sh makes it"; exit 77; }
failed=0
for file in containerd cri docker podman egress egress_rootless; do
        export T=$base/$file TMPDIR=$base/$file/tmp HOME=$base/$file/home
        mkdir -p "$T" "$HOME" && mkdir -m 1777 "$TMPDIR"
        echo "# $file"
        unshare --mount --propagation private bash "$here/newer.sh" --inside "$file" | sed -E "s/^(PASS|FAIL|SKIP) /\1 Debian testing: /"
        case ${PIPESTATUS[0]} in 0 | 77) ;; *) failed=1;; esac
        cat "$T/engine-leaves" >> "$base/engine-leaves" 2>/dev/null
done
exit $failed
