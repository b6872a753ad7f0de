#!/bin/bash
# podman, as root, with the tested runtime.
. "$(dirname "$0")/lib.sh"
need jq expect
podman_start

run_plain()
{
        run pod run --rm localhost/bb sh -c 'id -u; echo err >&2; exit 7'
        want_rc 7
        want_out 0
        want_err err
        out=$(echo in | pod run -i --rm localhost/bb cat)
        want_out in
}
check "podman run: output, input and exit code" run_plain

run_errors()
{
        run pod run --rm localhost/bb nope
        want_rc 127
        run pod run --rm localhost/bb /etc
        want_rc 126
        run pod run --rm --name again localhost/bb true
        want_rc 0
}
check "podman run: 127 for a missing program, 126 for one that cannot be executed" run_errors

run_terminal()
{
        run "$lib_dir/tools/pty.py" 40x100 podman --root "$E/root" --runroot "$E/runroot" --tmpdir "$E/tmp" \
                --storage-driver overlay --cgroup-manager cgroupfs --runtime "$RUNB" \
                run -it --rm localhost/bb sh -c 'test -t 0 && echo terminal; sleep 0.5; stty size; read x; echo "read $x"; exit 3'
        want_rc 3
        want_out_has terminal
        want_out_has "40 100"
        want_out_has "read typed"
}
check "podman run -it: a terminal with its size, input and exit code" run_terminal

mkdir -p "$T/data"
pod run -d --name long -v "$T/data:/host:ro" localhost/bb sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done' > "$T/long.log" 2>&1 ||
        sed "s/^/# /" "$T/long.log"

running() { want_same "$(pod inspect -f '{{.State.Status}}' long)" running; }
check "podman run -d: the container is running" running

reports()
{
        pod run -d --name reported -v "$T/data:/data" --tmpfs /scratch --memory 100m --read-only --hostname h localhost/bb sleep 1000
        reports_hold /run/runb
        pod rm -f -t 0 reported
}
check "podman run: runb report finds both as they were made" reports

exec_plain()
{
        run pod exec long sh -c 'echo hello; id -u; exit 4'
        want_rc 4
        want_out "hello
0"
        run pod exec -u 1000 -w /tmp -e A=b long sh -c 'id -u; pwd; echo $A'
        want_out "1000
/tmp
b"
        run pod exec long nope
        want_rc 127
        out=$(echo typed | pod exec -i long cat)
        want_out typed
        run pod exec -d long touch /tmp/detached
        want_rc 0
        wait_for 5 pod exec long test -e /tmp/detached
}
check "podman exec: output, user, folder, environment, exit codes, -d" exec_plain

# podman says --cgroup-manager disabled to its runtime, and asks for no limits itself.
no_cgroup()
{
        run pod run --rm --cgroups=disabled localhost/bb cat /proc/self/cgroup
        want_rc 0
        want_out_has :/
        run pod run --rm --cgroups=disabled --pids-limit 10 localhost/bb true
        want_failure
}
check "podman run --cgroups=disabled" no_cgroup

exec_terminal()
{
        run "$lib_dir/tools/pty.py" 30x90 podman --root "$E/root" --runroot "$E/runroot" --tmpdir "$E/tmp" \
                --storage-driver overlay --cgroup-manager cgroupfs --runtime "$RUNB" \
                exec -it long sh -c 'test -t 0 && echo terminal; sleep 0.5; stty size; read x; echo "read $x"; exit 6'
        want_rc 6
        want_out_has terminal
        want_out_has "30 90"
        want_out_has "read typed"
}
check "podman exec -it: a terminal with its size, input and exit code" exec_terminal

top_stats()
{
        run pod top long
        want_rc 0
        want_out_has sleep
        run pod stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' long
        want_rc 0
        want_out_has long
}
check "podman top and stats" top_stats

pause_unpause()
{
        pod pause long
        want_same "$(pod inspect -f '{{.State.Status}}' long)" paused
        pod unpause long
        want_same "$(pod inspect -f '{{.State.Status}}' long)" running
}
check "podman pause and unpause" pause_unpause

update()
{
        pod update --help 2>&1 | grep -q -- --memory || skip_case "this podman has no update"
        run pod update --memory 100m long
        want_rc 0
        cgroup=$(awk -F: '/memory/ {print $3} /^0::/ {v2 = $3} END {}' "/proc/$(pod inspect -f '{{.State.Pid}}' long)/cgroup" | head -n 1)
        want_same "$(cat "/sys/fs/cgroup/memory$cgroup/memory.limit_in_bytes" 2>/dev/null || cat "/sys/fs/cgroup$cgroup/memory.max")" 104857600
}
check "podman update --memory" update

health()
{
        pod run -d --name healthy --health-cmd 'test -e /tmp/ok' --health-interval disable localhost/bb sh -c 'sleep 1000'
        run pod healthcheck run healthy
        want_rc 1
        pod exec healthy touch /tmp/ok
        run pod healthcheck run healthy
        want_rc 0
        pod rm -f -t 0 healthy
}
check "podman healthcheck" health

copy_running()
{
        echo "from the host" > "$T/f"
        pod run -d --name cpr localhost/bb sh -c 'echo "from inside" > /tmp/inside; touch /tmp/made; sleep 1000'
        wait_for 5 pod exec cpr test -e /tmp/made
        run pod cp cpr:/tmp/inside "$T/copied"
        want_rc 0
        want_same "$(cat "$T/copied")" "from inside"
        run pod diff cpr
        want_out_has "A /tmp/inside"
        run pod commit -q cpr localhost/committed-running
        want_rc 0
        want_same "$(pod run --rm localhost/committed-running cat /tmp/inside)" "from inside"
        pod rm -f -t 0 cpr
}
check "podman cp out of, diff and commit of a running container see what it wrote" copy_running

copy_into_running()
{
        # podman writes as the host's root, who has no id in a root file system that is id-mapped for the build: the
        # kernel says EOVERFLOW. Nothing is half there, and exec is the way in.
        is_runb || skip_case "only a mapped root file system has this limit"
        echo "from the host" > "$T/f"
        pod run -d --name cpi localhost/bb sleep 1000
        run pod cp "$T/f" cpi:/tmp/given
        want_failure
        want_err_has "value too large for defined data type"
        run pod exec cpi test -e /tmp/given
        want_rc 1
        pod exec -i cpi sh -c 'cat > /tmp/given' < "$T/f"
        run pod exec cpi cat /tmp/given
        want_out "from the host"
        pod rm -f -t 0 cpi
}
check "podman cp into a running container fails and leaves nothing; exec -i brings the file in" copy_into_running

copy_stopped()
{
        echo "from the host" > "$T/f"
        pod run --name cps localhost/bb sh -c 'echo "from inside" > /tmp/inside; rm /usr/share/doc/base.txt; chown 33:33 /etc/group; chmod 2775 /home'
        pod cp "$T/f" cps:/tmp/given
        run pod diff cps
        want_out_has "A /tmp/inside"
        want_out_has "D /usr/share/doc/base.txt"
        want_out_has "C /etc/group"
        want_out_has "A /tmp/given"
        pod commit -q cps localhost/committed
        run pod run --rm localhost/committed sh -c 'cat /tmp/inside /tmp/given; test ! -e /usr/share/doc/base.txt && stat -c "%u:%g" /etc/group && stat -c %a /home'
        want_out "from inside
from the host
33:33
2775"
        pod start cps
        pod rm -f -t 0 cps
}
check "podman cp into, diff and commit of a stopped container" copy_stopped

stop_kill()
{
        run pod stop -t 10 long
        want_rc 0
        want_same "$(pod inspect -f '{{.State.Status}} {{.State.ExitCode}}' long)" "exited 5"
        pod start long
        pod kill -s KILL long
        wait_for 5 sh -c "[ $(pod inspect -f '{{.State.Status}}' long) != running ] || true"
        wait_for 10 eval '[ "$(pod inspect -f "{{.State.Status}} {{.State.ExitCode}}" long)" = "exited 137" ]'
        pod start long
        run pod rm -f -t 0 long
        want_rc 0
        run pod inspect long
        want_failure
}
check "podman stop, kill, start again, rm -f" stop_kill

userns_auto()
{
        # The ids podman hands out are those of the user `containers`.
        cp /etc/subuid "$T/subuid"; cp /etc/subgid "$T/subgid"
        grep -q ^containers: "$T/subuid" || echo containers:2147483648:1048576 >> "$T/subuid"
        grep -q ^containers: "$T/subgid" || echo containers:2147483648:1048576 >> "$T/subgid"
        mount --bind "$T/subuid" /etc/subuid
        mount --bind "$T/subgid" /etc/subgid
        run pod run --rm --userns=auto localhost/bb sh -c 'cat /proc/self/uid_map; id -u; touch /new; stat -c %u /new'
        umount /etc/subuid /etc/subgid
        want_rc 0
        want_out_without "         0          0"
        want_match "$(sed -n 1p "$T/out" | tr -s ' ')" '^ 0 21[0-9]+ [0-9]+'
        want_same "$(sed -n '$p' "$T/out")" 0
}
check "podman run --userns=auto: the engine's own mapping is used" userns_auto

read_only()
{
        run pod run --rm --read-only localhost/bb sh -c 'touch /x; echo "root $?"; touch /tmp/x && echo tmp'
        want_out_has "root 1"
        want_out_has tmp
}
check "podman run --read-only" read_only

volumes()
{
        pod volume create vol
        pod run --rm -v vol:/data localhost/bb sh -c 'echo kept > /data/f; chown 33:44 /data/f'
        run pod run --rm -v vol:/data:ro localhost/bb sh -c 'cat /data/f; stat -c %u:%g /data/f; touch /data/g 2>/dev/null || echo refused'
        want_out "kept
33:44
refused"
        run pod run --rm --tmpfs /scratch localhost/bb sh -c 'touch /scratch/x && echo written'
        want_out written
        pod volume rm vol
}
check "podman volumes keep files and their owners; :ro and tmpfs hold" volumes

secrets()
{
        echo hush > "$T/secret"
        pod secret create hush "$T/secret"
        run pod run --rm --secret hush localhost/bb cat /run/secrets/hush
        want_out hush
        pod secret rm hush
}
check "podman secrets" secrets

network_none()
{
        run pod run --rm --network none localhost/bb sh -c 'ls /sys/class/net; ip addr show lo | grep -c "inet 127"'
        want_rc 0
        want_out "lo
1"
}
check "podman --network none: loopback, and up" network_none

network_bridge()
{
        pod network create inner > /dev/null || skip_case "no bridge networks here"
        (RUNB=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v runc || echo "$RUNB") && pod run --rm --network inner localhost/bb true) || skip_case "podman's bridge network does not start here, with any runtime"
        run pod run --rm --network inner localhost/bb sh -c 'ls /sys/class/net | tr "\n" " "; ip -o -4 addr show eth0'
        want_rc 0
        want_out_has "eth0 lo"
        want_out_has "inet 10."
}
check "podman --network bridge: an interface with an address" network_bridge

host_namespaces()
{
        local kind
        mkdir -p -m 755 /run/law
        jq -n '{version: 1, exceptions: [{id: "EX-1", profile: "untrusted", expires: "2099-12-31", reason: "r", approvedBy: "a",
                allow: ["network.host", "pid.host", "ipc.host", "uts.host"]}]}' > /run/law/policy.json
        chmod 644 /run/law/policy.json
        run pod run --rm --network host localhost/bb true
        want_failure
        want_err_has '"network.host"'
        PODMAN_OPTIONS="--runtime-flag policy=/run/law/policy.json"
        run pod run --rm --network host --pid host --ipc host --uts host localhost/bb sh -c \
                'for i in net pid ipc uts user; do readlink /proc/self/ns/$i; done; echo x > /dev/shm/left && rm /dev/shm/left && echo shared'
        want_rc 0
        for kind in net pid ipc uts; do want_out_has "$(readlink /proc/self/ns/$kind)"; done
        want_out_without "$(readlink /proc/self/ns/user)"
        want_out_has shared
        pod run -d --name hosts --network host --pid host localhost/bb sleep 1000
        run pod exec hosts readlink /proc/self/ns/pid
        want_out "$(readlink /proc/self/ns/pid)"
        pod rm -f -t 0 hosts
}
check "podman --network, --pid, --ipc and --uts host: by exceptions alone" host_namespaces

play_kube()
{
        cat > "$T/pod.yaml" << EOY
apiVersion: v1
kind: Pod
metadata: { name: pair }
spec:
  containers:
  - { name: one, image: localhost/bb, imagePullPolicy: Never, command: [/bin/sh, -c, "while :; do echo from-one | /bin/nc -l -p 7000; done"] }
  - { name: two, image: localhost/bb, imagePullPolicy: Never, command: [/bin/sleep, "1000"] }
EOY
        run pod play kube --network none "$T/pod.yaml"
        want_rc 0
        for name in pair-one pair-two; do want_same "$(pod inspect -f '{{.State.Status}}' $name)" running; done
        want_same "$(pod exec pair-one readlink /proc/self/ns/net)" "$(pod exec pair-two readlink /proc/self/ns/net)"
        if is_runb; then
                # One range for the pod.
                want_same "$(pod exec pair-one cat /proc/self/uid_map)" "$(pod exec pair-two cat /proc/self/uid_map)"
        fi
        wait_for 10 eval '[ "$(pod exec pair-two /bin/nc 127.0.0.1 7000 < /dev/null)" = from-one ]'
        pod pod rm -f -t 0 pair
        # podman 5 keeps one more, of no pod, until `play kube --down`.
        want_same "$(pod ps -a --format '{{.Names}}' | grep '^pair')" ""
}
check "podman play kube: two containers of a pod share network and ids" play_kube

build()
{
        mkdir -p "$T/ctx"
        echo copied > "$T/ctx/file"
        cat > "$T/ctx/Dockerfile" << EOD
FROM localhost/bb
RUN echo "built:x:5000:5000::/home/built:/bin/sh" >> /etc/passwd && mkdir -p /home/built && chown 5000:5000 /home/built
USER built
RUN touch ~/f && id -u > ~/id
USER root
RUN echo first > /etc/replaced
COPY file /etc/replaced
RUN rm /usr/share/doc/base.txt && mkdir /shared && chgrp 33 /shared && chmod 2775 /shared && touch /shared/f
EOD
        local layers
        for layers in true false; do
                run pod build --network none "${build_ulimits[@]}" --layers=$layers --isolation oci --no-cache -t localhost/built "$T/ctx"
                want_rc 0
                run pod run --rm localhost/built sh -c 'cat /home/built/id /etc/replaced; stat -c %u:%g /home/built/f /shared/f; ls /usr/share/doc'
                want_out "5000
copied
5000:5000
0:33"
        done
        run pod build --network none "${build_ulimits[@]}" --no-cache -t localhost/failing - << EOD
FROM localhost/bb
RUN exit 9
EOD
        want_failure
        want_match "$out$err" '(status|code):? 9'
}
check "podman build, with and without layers: users, COPY over a RUN's file, removal, setgid folders, a failing step" build

podman_end
finish
