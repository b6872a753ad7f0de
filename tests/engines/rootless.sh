#!/bin/bash
# podman and buildah of a plain user, with the tested runtime.
. "$(dirname "$0")/lib.sh"
need podman conmon jq slirp4netns
user_start
engine_leaves "^$T/user" 'catatonit|podman|slirp4netns|rootlessport|dbus' '/libpod_parent' "^/run/user"
RUNB=$T/bin/$engine_name containers_conf "$T/user/containers.conf"
sed -i "s|network_config_dir = .*|network_config_dir = \"$T/user/networks\"|" "$T/user/containers.conf"
mkdir -p "$T/user/.config/containers"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' > "$T/user/.config/containers/policy.json"
printf '[storage]\ndriver = "overlay"\n' > "$T/user/.config/containers/storage.conf"
chown -R $user_uid:$user_uid "$T/user"
pod() { as_user podman --cgroup-manager cgroupfs "$@"; }
bud() { as_user buildah "$@"; }
pod import -q --change CMD=/bin/sh --change 'ENV PATH=/bin:/sbin:/usr/bin' "$T/bb.tar" localhost/bb:latest > "$T/import.log" 2>&1 ||
        { tail -n 5 "$T/import.log" | sed 's/^/# /'; skip_all "rootless podman cannot import an image here"; }

run_plain()
{
        run pod run --rm --network none localhost/bb sh -c 'id -u; cat /proc/self/uid_map >&2; exit 7'
        want_rc 7
        want_out 0
        run pod run --rm --network none localhost/bb nope
        want_rc 127
}
check "rootless podman run: output and exit codes" run_plain

run_slirp()
{
        run pod run --rm --network slirp4netns localhost/bb sh -c 'ls /sys/class/net | tr "\n" " "'
        want_rc 0
        want_out_has tap0
}
check "rootless podman run with slirp4netns" run_slirp

life()
{
        pod run -d --name long --network none localhost/bb sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'
        run pod exec long sh -c 'echo hello; exit 4'
        want_rc 4
        want_out hello
        run pod exec -u 1000 long id -u
        want_out 1000
        # From where the engine's runtime sees it: podman's user namespace.
        if is_runb; then
                run as_user podman unshare "$T/bin/$engine_name" --root /run/user/$user_uid/runb/containers report --format json \
                        "$(pod inspect -f '{{.Id}}' long)"
                echo "$out" | jq -c '.checks[] | select(.verdict != "holds")'
                want_rc 0
        fi
        run pod top long
        want_rc 0
        run pod stop -t 10 long
        want_rc 0
        want_same "$(pod inspect -f '{{.State.Status}} {{.State.ExitCode}}' long)" "exited 5"
        pod start long
        pod kill long
        pod rm -f -t 0 long
        want_same "$(pod ps -aq)" ""
}
check "rootless podman run -d, exec, top, stop, start, kill, rm -f" life

files()
{
        pod run --name w --network none localhost/bb sh -c 'echo x > /tmp/f; chown 33:33 /tmp/f; rm /usr/share/doc/base.txt'
        run pod diff w
        want_out_has "A /tmp/f"
        want_out_has "D /usr/share/doc/base.txt"
        pod commit -q w localhost/w
        run pod run --rm --network none localhost/w sh -c 'stat -c %u:%g /tmp/f; ls /usr/share/doc'
        want_out 33:33
        pod rm -f w
}
check "rootless podman diff and commit" files

volumes()
{
        pod run --rm --network none -v vol:/data localhost/bb sh -c 'echo kept > /data/f; chown 33:44 /data/f'
        run pod run --rm --network none -v vol:/data:ro localhost/bb sh -c 'cat /data/f; stat -c %u:%g /data/f'
        want_out "kept
33:44"
}
check "rootless podman volumes keep owners" volumes

build()
{
        cat > "$T/user/Dockerfile" << EOD
FROM localhost/bb
RUN echo "built:x:5000:5000::/home/built:/bin/sh" >> /etc/passwd && mkdir -p /home/built && chown 5000:5000 /home/built
USER built
RUN touch ~/f && id -u > ~/id
USER root
RUN rm /usr/share/doc/base.txt && mkdir /shared && chgrp 33 /shared && chmod 2775 /shared && touch /shared/f
EOD
        run pod build --isolation oci --network none --no-cache -t localhost/built -f "$T/user/Dockerfile" "$T/user/tmp"
        want_rc 0
        run pod run --rm --network none localhost/built sh -c 'cat /home/built/id; stat -c %u:%g /home/built/f /shared/f; ls /usr/share/doc'
        want_out "5000
5000:5000
0:33"
}
check "rootless podman build" build

plain_user()
{
        # The runtime called by a plain user, with no engine around it.
        bundle plain '.process.args = ["sh", "-c", "id -u; touch /made; stat -c %u /made"]'
        cp -r "$B" "$T/user/plain"
        if ! is_runb; then
                as_user sh -c "cd && rm -rf r && mkdir r && cd r && '$T/bin/$engine_name' spec --rootless"
                jq -s '.[0] * {process: .[1].process} | .process.rlimits = [] | .process.terminal = false | .root.readonly = false' \
                        "$T/user/r/config.json" "$B/config.json" > "$T/user/plain/config.json"
        fi
        chown -R $user_uid:$user_uid "$T/user/plain"
        run as_user "$T/bin/$engine_name" --root "$T/user/state" run --bundle "$T/user/plain" plain
        want_rc 0
        want_out "0
0"
}
check "a plain user may run a bundle without an engine" plain_user

image_build()
{
        is_runb || skip_case "other runtimes have no profiles"
        mkdir -p /run/user/$user_uid/law
        echo '{"version": 1}' > /run/user/$user_uid/law/policy.json
        chmod 600 /run/user/$user_uid/law/policy.json
        chown -R $user_uid:$user_uid /run/user/$user_uid/law
        local law="--runtime-flag policy=/run/user/$user_uid/law/policy.json --runtime-flag profile=image-build"
        local script='mkdir -p /m /p; mount -t tmpfs t /m && echo mounted; umount -l /proc 2>/dev/null || echo locked
                mount -o remount,bind,rw /proc/sys 2>/dev/null || echo read-only
                unshare -p -f sh -c "mount -t proc p /p && cd /p && echo pids [0-9]*"'
        run pod $law run --rm --network none --cap-add SYS_ADMIN localhost/bb sh -c "$script"
        want_rc 0
        want_out "mounted
locked
read-only
pids 1"
        run pod run --rm --network none --cap-add SYS_ADMIN localhost/bb mount -t tmpfs t /mnt
        want_failure
}
check "the profile image-build under rootless podman: its own mounts work, ours are locked" image_build

pod rm -fa -t 0 > /dev/null 2>&1
# podman's own pause process and mounts of the user's storage.
for pid in $(cat /run/user/$user_uid/libpod/tmp/pause.pid 2>/dev/null); do kill "$pid"; done
user_end
finish
