#!/bin/bash
# What engines rely on before any container exists: global options, --version, features, checkpoint, the error log.
. "$(dirname "$0")/../lib.sh"
need jq
json() { tail -n 1 "$T/log.json" | jq -r "$1"; }

version_has_the_lines()
{
        run env -i "$RUNB" --version
        want_rc 0
        want_err ""
        want_match "$(sed -n 1p "$T/out")" '^[a-z]+ version [0-9][^ ]*$'
        want_same "$(grep -c version "$T/out")" 1
        grep -q '^commit: .' "$T/out"
        grep -q '^spec: [0-9]' "$T/out"
        run "$RUNB" -v
        want_rc 0
}
check "--version prints name, commit and spec, needing nothing" version_has_the_lines

features_document()
{
        run env -i setpriv --reuid 65534 --regid 65534 --clear-groups "$(everybodys_runb)" features
        want_rc 0
        want_err ""
        jq -e '.ociVersionMin and .ociVersionMax and (.linux.namespaces | index("user"))' "$T/out"
        jq -e '(.hooks | length) == 6 and .linux.cgroup.v1 and .linux.cgroup.v2 and .linux.seccomp.enabled' "$T/out"
        jq -e '.linux.capabilities | index("CAP_CHOWN")' "$T/out"
        is_runb || return 0 # runc 1.1 knows none of this
        jq -e '.linux.mountExtensions.idmap.enabled == true' "$T/out"
        jq -e '.mountOptions | index("rro")' "$T/out"
}
cp "$RUNB" "$T/for-all" && chmod 755 "$T/for-all"
check "features is one JSON document on stdout, nothing on stderr, for any user without an environment" features_document

checkpoint_is_refused()
{
        run "$RUNB" checkpoint --help
        want_failure
}
is_runb && check "checkpoint --help fails, so that engines see there is no checkpoint" checkpoint_is_refused

root_is_made()
{
        run "$RUNB" --root "$T/new/state" list
        want_rc 0
        run "$RUNB" --root="$T/new/state2" list
        want_rc 0
        bundle root
        run "$RUNB" --root "$T/new/state3" run --bundle "$B" root
        want_rc 0
        want_same "$(stat -c %a "$T/new/state3" | tail -c 3)" "$(stat -c %a "$T/new/state3" | grep -o '\(00\|11\)$')"
        run "$RUNB" -root "$T/new/state3" list
        want_rc 0
}
check "--root DIR, --root=DIR and -root DIR are taken; a missing folder is made, for the owner alone" root_is_made

log_line()
{
        rm -f "$T/log.json"
        run rt --log "$T/log.json" --log-format json create --bundle "$T/nowhere" x
        want_failure
        want_same "$(wc -l < "$T/log.json")" 1
        want_same "$(json .level)" error
        jq -e '.time | sub("\\.[0-9]+"; "") | sub("[+-][0-9:]+$"; "Z") | fromdateiso8601' "$T/log.json"
        want_err_has "$(json .msg)"
        run rt --log-format=json --log="$T/log.json" create --bundle "$T/nowhere" x
        want_same "$(wc -l < "$T/log.json")" 2
}
check "--log-format json writes one error line with level, msg and time, appended; the text is on stderr too" log_line

silent_flags()
{
        bundle silent
        run rt --rootless=false --criu /usr/sbin/criu run --bundle "$B" --no-subreaper silent
        want_rc 0
        is_runb && want_err ""
        return 0
}
check "--rootless=, --criu and --no-subreaper are accepted without a word" silent_flags

unknown_flag()
{
        bundle unknown
        run rt run --no-such-flag --bundle "$B" unknown
        want_failure
        run rt --no-such-flag list
        want_failure
        run rt no-such-command
        want_failure
        want_same "$(rt list -q)" ""
}
check "an unknown flag or command fails" unknown_flag

default_root() # surprise 1
{
        bundle default-root '.process.args = ["/bin/sleep", "1000"]'
        (export XDG_RUNTIME_DIR= && "$RUNB" create --bundle "$B" dr) < /dev/null > /dev/null
        env -i XDG_RUNTIME_DIR= "$RUNB" start dr
        env -i XDG_RUNTIME_DIR=/nonexistent "$RUNB" state dr | jq -e '.status == "running"'
        env -i "$RUNB" kill dr 9
        wait_for 5 sh -c "[ \$('$RUNB' state dr | jq -r .status) = stopped ]"
        env -i XDG_RUNTIME_DIR= "$RUNB" delete --force dr
        [ ! -e /nonexistent ]
}
check "without --root, real root finds the same state whatever XDG_RUNTIME_DIR says" default_root

spec_document()
{
        mkdir "$T/spec"
        cd "$T/spec"
        run "$RUNB" spec
        want_rc 0
        jq -e '.ociVersion and .process.args and .root.path' config.json
        run "$RUNB" spec
        want_failure # it is there already
        cp -a "$T/busybox" rootfs
        jq '.process.terminal = false | .process.args = ["echo", "made"] | del(.process.rlimits)' config.json > c && mv c config.json
        run rt run spec
        want_rc 0
        want_out made
}
check "spec writes a config.json that runs, and never over another" spec_document

finish
