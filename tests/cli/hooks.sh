#!/bin/bash
# Hooks of a real container: when they run, with which state, as whom, and what their failure does.
. "$(dirname "$0")/../lib.sh"
need jq
is_runb || skip_all "the hooks of other runtimes are not tested here"

host_hooks()
{
        mkdir "$T/log"
        for kind in prestart createRuntime poststart poststop; do
                printf '#!/bin/sh\n/bin/cat > %s\n' "$T/log/$kind" > "$T/$kind.sh"
                chmod 755 "$T/$kind.sh"
        done
        bundle host '.process.args = ["true"] | .hooks = ([["prestart", "createRuntime", "poststart", "poststop"][] |
                {key: ., value: [{path: ($t + "/" + . + ".sh"), timeout: 10}]}] | from_entries)' --arg t "$T"
        run rt run --bundle "$B" host
        want_rc 0
        for kind in prestart:creating createRuntime:creating poststart:running poststop:stopped; do
                want_same "$(jq -r .status "$T/log/${kind%:*}")" "${kind#*:}"
                want_same "$(jq -r .id "$T/log/${kind%:*}")" host
                want_same "$(jq -r .bundle "$T/log/${kind%:*}")" "$B"
        done
        want_match "$(jq .pid "$T/log/prestart")" '^[1-9][0-9]*$'
}
check "scripts run as prestart, createRuntime, poststart and poststop with the state of that moment on stdin" host_hooks

inside()
{
        bundle inside '.process.args = ["cat", "/tmp/hook"] | .root.readonly = false | .hooks.startContainer = [{
                path: "/bin/sh", args: ["sh", "-c", $c], env: ["PATH=/bin", "FOO=bar"]}]' \
                --arg c 'cat > /dev/null; (echo "$FOO $SECRET"; grep -E "^(NoNewPrivs|Seccomp|CapInh|CapAmb):" /proc/self/status
                        cat /proc/self/uid_map) > /tmp/hook'
        SECRET=1 run rt run --bundle "$B" inside
        want_rc 0
        want_same "$(sed -n 1p "$T/out")" "bar "
        want_out_has "NoNewPrivs:	1"
        want_out_has "Seccomp:	2"
        want_out_has "CapInh:	0000000000000000"
        want_out_has "CapAmb:	0000000000000000"
        want_other "$(awk 'END { print $2 }' "$T/out")" 0
}
check "a startContainer hook has the build's ids, no_new_privs and filter, and exactly its environment" inside

failures()
{
        for kind in prestart createRuntime startContainer; do
                bundle "bad$kind" '.process.args = ["echo", "ran"] | .hooks[$k] = [{path: "/bin/sh",
                        args: ["sh", "-c", "echo o; echo e >&2; exit 4"]}]' --arg k $kind
                run rt run --bundle "$B" "bad$kind"
                want_rc 1
                want_out ""
                want_err_has "error running $kind hook #0: exit status 4"
        done
        for kind in prestart createRuntime poststart; do
                bundle "late$kind" '.process.args = ["/bin/sleep", "1000"] | .hooks[$k] = [{path: "/bin/sleep", args: ["sleep", "100"], timeout: 1}]' \
                        --arg k $kind
                run timeout 20 "$RUNB" --root "$T/state" run --bundle "$B" "late$kind"
                want_rc 1
                want_err_has "error running $kind hook #0: hook ran past specified timeout of 1.0s"
        done
        bundle latestop '.process.args = ["true"] | .hooks.poststop = [{path: "/bin/sleep", args: ["sleep", "100"], timeout: 1}]'
        run timeout 20 "$RUNB" --root "$T/state" run --bundle "$B" latestop
        want_rc 0
        bundle late '.process.args = ["echo", "ran"] | .hooks.startContainer = [{path: "/bin/sleep", args: ["sleep", "100"], timeout: 1}]'
        run timeout 20 "$RUNB" --root "$T/state" run --bundle "$B" late
        want_rc 1
        want_err_has "hook ran past specified timeout of 1.0s"
        want_same "$(rt list -q)" ""
}
check "a hook that fails or overstays ends the container before its program, with runc's words" failures

create_container() # would run with the host's power in a tree that the image shaped
{
        bundle cc '.hooks.createContainer = [{path: "/bin/true"}]'
        run rt run --bundle "$B" cc
        want_rc 1
        want_err_has "hooks.createContainer"
        want_same "$(rt list -q)" ""
}
check "a createContainer hook is refused by name" create_container

poststop_warns()
{
        bundle stop '.process.args = ["true"] | .hooks.poststop = [{path: "/bin/false"}]'
        run rt run --bundle "$B" stop
        want_rc 0
        want_err ""
        want_same "$(rt list -q)" ""
}
check "a poststop hook that fails is a warning only" poststop_warns

finish
