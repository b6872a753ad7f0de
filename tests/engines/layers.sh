#!/bin/bash
# An image of 120 layers, as the engines store it: podman and docker mount it by relative names ("l/ABC..."), containerd by
# names that are relative to the snapshots' folder, since the page of options that mount(2) takes is too small for absolute ones.
. "$(dirname "$0")/lib.sh"
need python3
CASE_TIMEOUT=300
python3 "$lib_dir/tools/image.py" "$(busybox_tar)" localhost/many:latest "$T/many.tar" 120
script='set -e; cat /layers/1 /layers/119 /layers/top; ls /layers | wc -l; rm /layers/50; echo new > /layers/top; mkdir /made
        chown 33:33 /layers/1; cat /layers/top; test ! -e /layers/50; grep -c . /proc/self/mountinfo > /dev/null'
wanted="1
119
119
120
new"

podman_start
on_podman()
{
        run pod load -q -i "$T/many.tar"
        want_rc 0
        run pod run --name many --network none localhost/many sh -c "$script"
        want_rc 0
        want_out "$wanted"
        # podman 4.3's diff of such an image is wrong with runc, too; what it mounts is not.
        local at; at=$(pod mount many)
        want_same "$(cat "$at/layers/top") $(stat -c %u "$at/layers/1" "$at/made" | paste -sd,) $(ls "$at/layers" | wc -l)" "new 33,0 119"
        [ ! -e "$at/layers/50" ] || fail "a removed file is there"
        pod umount many
        pod rm many
}
check "podman runs an image of 120 layers, and sees what was written" on_podman
podman_end

if command -v dockerd > /dev/null && command -v containerd > /dev/null; then
        docker_start
        engine_leaves '/default$'       # containerd's, for its namespace of that name
        on_docker()
        {
                run d load -q -i "$T/many.tar"
                want_rc 0
                run d run --name many --network none localhost/many sh -c "$script"
                want_rc 0
                want_out "$wanted"
                run d diff many
                want_out_has "D /layers/50"
                want_out_has "C /layers/top"
                want_out_has "A /made"
                d rm many
        }
        check "docker runs an image of 120 layers, and its diff is right" on_docker
        on_containerd()
        {
                run c image import "$T/many.tar"
                want_rc 0
                run c run --rm --runc-binary "$RUNB" localhost/many:latest many sh -c "$script"
                want_rc 0
                want_out "$wanted"
                # the root read-only
                run c run --rm --read-only --runc-binary "$RUNB" localhost/many:latest view sh -c 'cat /layers/top; ! touch /x 2> /dev/null'
                want_rc 0
                want_out 119
        }
        check "containerd runs an image of 120 layers" on_containerd
        docker_end
else
        say_skip "docker and containerd run an image of 120 layers" "docker is not installed"
fi
finish
