#!/bin/bash
# docker's daemon with the tested runtime: containers through containerd's shim, builds by both of its builders.
. "$(dirname "$0")/lib.sh"
need jq
docker_start
d import - localhost/bb:latest < "$(busybox_tar)" > "$T/import.log" 2>&1 || skip_all "docker cannot import an image: $(tail -n 1 "$T/import.log")"

run_plain()
{
        run d run --rm --network none localhost/bb sh -c 'id -u; echo err >&2; exit 7'
        want_rc 7
        want_out 0
        want_err err
        out=$(echo in | d run -i --rm --network none localhost/bb cat)
        want_out in
        run d run --rm --network none localhost/bb nope
        want_rc 127
        run d run --rm --network none localhost/bb /etc
        want_rc 126
}
check "docker run: output, input, exit codes, 127 and 126" run_plain

run_terminal()
{
        run "$lib_dir/tools/pty.py" 40x100 $docker_client run -it --rm --network none localhost/bb \
                sh -c 'test -t 0 && echo terminal; sleep 0.5; stty size; read x; echo "read $x"; exit 3'
        want_rc 3
        want_out_has terminal
        want_out_has "40 100"
        want_out_has "read typed"
}
check "docker run -it: a terminal with its size, input and exit code" run_terminal

life()
{
        d run -d --name long --network none localhost/bb sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'
        run d exec long sh -c 'echo hello; exit 4'
        want_rc 4
        want_out hello
        run d exec -u 1000 -w /tmp -e A=b long sh -c 'id -u; pwd; echo $A'
        want_out "1000
/tmp
b"
        run d exec long nope
        want_match "$rc" "^12[67]$" # docker 20.10 says 126, 28 says 127
        run d top long
        want_out_has sleep
        reports_hold "$E/dk"
        d pause long
        want_same "$(d inspect -f '{{.State.Status}}' long)" paused
        d unpause long
        run d stats --no-stream long
        want_rc 0
        run d stop -t 10 long
        want_same "$(d inspect -f '{{.State.Status}} {{.State.ExitCode}}' long)" "exited 5"
        d start long
        d kill long
        wait_for 10 eval '[ "$(d inspect -f "{{.State.Status}} {{.State.ExitCode}}" long)" = "exited 137" ]'
        d start long
        d rm -f long
        want_same "$(d ps -aq)" ""
}
check "docker run -d, exec, top, pause, unpause, stats, stop, start, kill, rm -f" life

updating()
{
        d run -d --name up --network none --memory 64m localhost/bb sleep 1000
        run d update --memory 128m --memory-swap 256m --pids-limit 100 up
        want_rc 0
        id=$(d inspect -f '{{.Id}}' up)
        want_same "$(cat /sys/fs/cgroup/memory/docker/$id/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/docker/$id/memory.max)" 134217728
        d rm -f up
}
check "docker update" updating

copying()
{
        d run --name cp --network none localhost/bb sh -c 'echo inside > /tmp/f; rm /usr/share/doc/base.txt; chown 33:33 /etc/group'
        run d diff cp
        want_out_has "A /tmp/f"
        want_out_has "D /usr/share/doc/base.txt"
        d cp cp:/tmp/f "$T/copied"
        want_same "$(cat "$T/copied")" inside
        d commit cp localhost/committed
        run d run --rm --network none localhost/committed sh -c 'cat /tmp/f; stat -c %u:%g /etc/group; ls /usr/share/doc'
        want_out "inside
33:33"
        d rm -f cp
}
check "docker cp, diff and commit see what a stopped container wrote" copying

volumes()
{
        d run --rm --network none -v vol:/data localhost/bb sh -c 'echo kept > /data/f; chown 33:44 /data/f'
        run d run --rm --network none -v vol:/data:ro localhost/bb sh -c 'cat /data/f; stat -c %u:%g /data/f; touch /data/g 2>/dev/null || echo refused'
        want_out "kept
33:44
refused"
        d volume rm vol
}
check "docker volumes keep files and their owners; :ro holds" volumes

build() # 0|1: DOCKER_BUILDKIT
{
        mkdir -p "$T/ctx"
        echo copied > "$T/ctx/file"
        cat > "$T/ctx/Dockerfile" << EOD
FROM localhost/bb:latest
ENV PATH=/bin
RUN echo "built:x:5000:5000::/home/built:/bin/sh" >> /etc/passwd && mkdir -p /home/built && chown 5000:5000 /home/built
USER built
RUN touch /home/built/f && id -u > /home/built/id
USER root
RUN echo first > /etc/replaced
COPY file /etc/replaced
RUN rm /usr/share/doc/base.txt && mkdir /shared && chgrp 33 /shared && chmod 2775 /shared && touch /shared/f
EOD
        DOCKER_BUILDKIT=$1 run $docker_client build --network none --no-cache -t localhost/built "$T/ctx"
        want_rc 0
        run d run --rm --network none localhost/built sh -c 'cat /home/built/id /etc/replaced; stat -c %u:%g /home/built/f /shared/f; ls /usr/share/doc'
        want_out "5000
copied
5000:5000
0:33"
        printf 'FROM localhost/bb:latest\nENV PATH=/bin\nRUN exit 9\n' > "$T/ctx/Dockerfile"
        DOCKER_BUILDKIT=$1 run $docker_client build --network none --no-cache "$T/ctx"
        want_failure
        want_match "$out$err" '(exit code:|code:) 9'
}
check "docker build, classic builder" build 0
buildkit()
{
        build 1
        is_runb || return 0
        # It is the tested runtime that ran the steps.
        printf 'FROM localhost/bb:latest\nENV PATH=/bin\nRUN cat /proc/self/uid_map > /map\n' > "$T/ctx/Dockerfile"
        DOCKER_BUILDKIT=1 $docker_client build --network none --no-cache -t localhost/map "$T/ctx"
        run d run --rm --network none localhost/map cat /map
        want_other "$(awk '{print $2}' "$T/out")" 0
}
check "docker build, BuildKit" buildkit

docker_end
finish
