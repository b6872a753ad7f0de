#!/bin/bash
# The profile's rootfs "ephemeral" and "read-only" under engines: their trees stay what they were.
. "$(dirname "$0")/lib.sh"
need jq
is_runb || skip_all "other runtimes have no profiles"
podman_start
P=/run/policy.json
profile() { jq -n "{version: 1, profiles: {untrusted: $1}}" > $P; chmod 600 $P; }
flag=policy=$P

podman_ephemeral()
{
        profile '{rootfs: "ephemeral"}'
        run pod --runtime-flag "$flag" run --name eph localhost/bb sh -c 'echo x > /made && rm -r /usr/share/doc && chown 5:5 /etc && ls /made'
        want_rc 0
        want_out /made
        run pod diff eph
        want_out_without made
        want_out_without doc
        run pod commit -q eph localhost/eph
        run pod run --rm localhost/eph ls /usr/share/doc
        want_out base.txt
        pod rm -f -t 0 eph
}
check "podman run: an ephemeral rootfs, of which podman diff and commit see nothing" podman_ephemeral

podman_exec()
{
        profile '{rootfs: "ephemeral"}'
        run pod --runtime-flag "$flag" run -d --name ephd localhost/bb sleep 1000
        want_rc 0
        run pod --runtime-flag "$flag" exec ephd sh -c 'echo x > /made'
        want_rc 0
        run pod --runtime-flag "$flag" exec ephd cat /made
        want_out x
        run pod --runtime-flag "$flag" rm -f -t 0 ephd
        want_rc 0
}
check "podman exec: it sees the same layer" podman_exec

podman_readonly()
{
        profile '{rootfs: "read-only", limits: {scratch: "1M"}}'
        run pod --runtime-flag "$flag" run --rm localhost/bb sh -c 'touch /x; touch /tmp/x /run/x /var/tmp/x && ls /run/.containerenv; dd if=/dev/zero of=/tmp/f bs=1M count=2'
        want_err_has "Read-only file system"
        want_err_has "No space left"
        want_out_has /run/.containerenv
}
check "podman run: a read-only rootfs with places to write to, and what podman mounts in /run" podman_readonly

buildah_run()
{
        command -v buildah > /dev/null || skip_case "buildah is not installed"
        mkdir -p "$T/ctx"
        printf 'FROM localhost/bb\nCOPY kept /kept\nRUN test -e /kept && echo x > /made && ls /made\nRUN ls /kept /made || echo gone\n' > "$T/ctx/Dockerfile"
        echo kept > "$T/ctx/kept"
        profile '{rootfs: "ephemeral"}'
        run bud build --isolation oci --runtime "$RUNB" --runtime-flag "$flag" "${build_ulimits[@]}" --network none --layers=false -t localhost/built "$T/ctx"
        want_rc 0
        want_out_has /made
        want_out_has gone
        run pod run --rm localhost/built sh -c 'cat /kept; ls /made'
        want_out kept
        want_err_has "/made: No such file"
}
check "buildah: what a RUN writes is gone after it, what COPY brought stays" buildah_run

podman_end
finish
