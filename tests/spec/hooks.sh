#!/bin/bash
# POSIX-platform hooks of all six kinds (runtime-spec 1.3, config.md and runtime.md "Lifecycle"): order, state, args, env,
# time-outs and what a failure does. createContainer hooks, which the built-in policy refuses, run under tests/tools/runb-hooks.
. "$(dirname "$0")/../lib.sh"
need jq python3
is_runb || skip_all "needs the status of 1.3 and its failures"
: "${builddir:=$(dirname "$RUNB")}"
allowed=$builddir/tests/tools/runb-hooks
allowing() { "$allowed" --root "$T/state" "$@"; }

# write_hooks FOLDER: a script a kind that notes its name, arguments, environment and state
write_hooks()
{
        local kind
        mkdir -p "$1"
        for kind in prestart createRuntime createContainer poststart poststop; do
                cat > "$1/$kind" << END
#!/bin/sh
echo $kind >> "$1/order"
/bin/cat > "$1/$kind.state"
echo "\$# \$0 \$1 \$2" > "$1/$kind.args"
/usr/bin/env > "$1/$kind.env"
END
                chmod 755 "$1/$kind"
        done
}
hooks='.hooks = ([["prestart", "createRuntime", "createContainer", "poststart", "poststop"][] | {key: ., value: [{path: ($t + "/h/" + .),
        args: ["zero", "one", "two words"], env: ["KIND=\(.)"], timeout: 20}]}] | from_entries)'

all_kinds()
{
        [ -x "$allowed" ] || skip_case "$allowed is not built"
        write_hooks "$T/h"
        bundle all "$hooks"' | .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "cat > /tmp/state; env > /tmp/env"], env: ["KIND=s"]}] |
                .process.args = ["sh", "-c", "cat /tmp/state; sleep 1000"] | .annotations = {"a.b": "c"}' --arg t "$T"
        allowing create --bundle "$B" --pid-file "$T/all.pid" all < /dev/null > "$T/all.out" 2>&1
        want_same "$(tr '\n' ' ' < "$T/h/order")" "prestart createRuntime createContainer "
        allowing start all
        wait_for 5 test -s "$T/all.out"
        want_same "$(tr '\n' ' ' < "$T/h/order")" "prestart createRuntime createContainer poststart "
        allowing delete --force all
        want_same "$(tr '\n' ' ' < "$T/h/order")" "prestart createRuntime createContainer poststart poststop "
        cp "$T/all.out" "$T/h/startContainer.state"
        for pair in prestart:creating createRuntime:creating createContainer:creating startContainer:created poststart:running poststop:stopped; do
                kind=${pair%:*} file=$T/h/${pair%:*}.state
                want_same "$kind $(jq -r .status "$file")" "$kind ${pair#*:}"
                want_same "$(jq -c '[.id, .bundle, .annotations]' "$file")" "[\"all\",\"$B\",{\"a.b\":\"c\"}]"
                want_match "$(jq -r .ociVersion "$file")" '^1\.'
                case $kind in
                poststop) want_same "$(jq .pid "$file")" null;;
                # Seen from inside.
                createContainer|startContainer) want_same "$(jq .pid "$file")" 1;;
                *) want_same "$(jq .pid "$file")" "$(cat "$T/all.pid")";;
                esac
                [ $kind = startContainer ] && continue
                want_same "$(grep -c "^KIND=$kind\$" "$T/h/$kind.env")" 1
                # Nothing but the hook's own, and what its shell sets.
                want_same "$(grep -Ev '^(KIND|PWD|OLDPWD|SHLVL|_)=' "$T/h/$kind.env")" ""
                want_match "$(cat "$T/h/$kind.args")" '^2 .* one two words$'
        done
}
check "all six kinds run in the order of the lifecycle, each with the state of its moment, its args and its env alone" all_kinds

listed_order()
{
        rm -f "$T/numbers"
        printf '#!/bin/sh\necho $1 >> %s\n' "$T/numbers" > "$T/note"; chmod 755 "$T/note"
        bundle listed '.hooks.createRuntime = [range(5) | {path: ($t + "/note"), args: ["n", "\(.)"]}]' --arg t "$T"
        run rt run --bundle "$B" listed
        want_rc 0
        want_same "$(tr -d '\n' < "$T/numbers")" 01234
}
check "hooks of one kind run in the listed order" listed_order

create_container()
{
        [ -x "$allowed" ] || skip_case "$allowed is not built"
        cat > "$T/cc.sh" << 'END'
#!/bin/sh
set -e
rootfs=$(sed 's/.*"bundle":"\([^"]*\)".*/\1/')/rootfs
# In the namespaces, on the host's tree, with everything mounted below the rootfs and nothing read-only yet.
[ "$(hostname)" = test ]
[ "$(pwd -P)" = "$(cd $rootfs && pwd -P)" ]
[ -c $rootfs/dev/null ] && [ -e $rootfs/proc/1/stat ]
[ -x /usr/bin/env ]
echo text > $rootfs/etc/by-hook
ln -s by-hook etc/link
mkdir -p $rootfs/extra
# Not mount(8), which looks at the uid and not at the capabilities.
python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).mount(b"extra", sys.argv[1].encode(), b"tmpfs", 0, None) != 0)' $rootfs/extra
echo seen > $rootfs/extra/file
echo "$(umask)" > $rootfs/extra/umask
END
        chmod 755 "$T/cc.sh"
        bundle cc '.hooks.createContainer = [{path: ($t + "/cc.sh"), env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}] | .root.readonly = true |
                .process.args = ["sh", "-c", "stat -c \"%u:%g\" /etc/by-hook; readlink /etc/link; cat /extra/file /extra/umask; touch /x 2> /dev/null || echo readonly; pwd; ls /"]' --arg t "$T"
        run allowing run --bundle "$B" cc
        want_rc 0
        want_out_has "0:0
by-hook
seen
0022
readonly
/
"
        want_same "$(stat -c %u:%g "$B/rootfs/etc/by-hook")" 0:0
        [ ! -e "$B/rootfs/extra/file" ] || fail "the hook's mount reached the host"
        # Nothing of the host is left inside.
        bundle cc2 '.hooks.createContainer = [{path: "/bin/true"}] | .process.args = ["sh", "-c", "wc -l < /proc/self/mountinfo; ls /proc/self/fd | wc -l"]'
        run allowing run --bundle "$B" cc2
        want_rc 0
        with=$out
        bundle cc3 '.process.args = ["sh", "-c", "wc -l < /proc/self/mountinfo; ls /proc/self/fd | wc -l"]'
        run allowing run --bundle "$B" cc3
        want_same "$with" "$out"
        # The build itself gained nothing.
        bundle cc4 '.hooks.createContainer = [{path: "/bin/true"}] | .process.args = ["sh", "-c", "grep -E ^Cap /proc/self/status; cat /proc/self/uid_map | tr -s \" \" | cut -d\" \" -f2"]'
        run allowing run --bundle "$B" cc4
        with=$(grep ^Cap "$T/out")
        bundle cc5 '.process.args = ["grep", "-E", "^Cap", "/proc/self/status"]'
        run allowing run --bundle "$B" cc5
        want_same "$with" "$out"
}
check "a createContainer hook, where a policy allows it, works in the namespaces on the mounted rootfs with the image's ids" create_container

refused_hook()
{
        bundle ref '.hooks.createContainer = [{path: "/bin/true"}]'
        run rt create --bundle "$B" ref
        want_rc 1
        want_err_has 'refused by profile "untrusted" (hooks.createContainer)'
        want_same "$(rt list -q)" ""
}
check "the built-in policy refuses a createContainer hook" refused_hook

creation_failures()
{
        local kind program=$RUNB
        printf '#!/bin/sh\n/bin/cat >> %s\n' "$T/stopped" > "$T/post"; chmod 755 "$T/post"
        for kind in prestart createRuntime createContainer; do
                [ $kind = createContainer ] && program=$allowed
                [ -x "$program" ] || continue
                rm -f "$T/stopped" "$T/second"
                bundle "f$kind" '.hooks[$k] = [{path: "/bin/sh", args: ["sh", "-c", "exit 7"]}, {path: "/usr/bin/touch", args: ["touch", $s]}] |
                        .hooks.poststop = [{path: $p}]' --arg k $kind --arg s "$T/second" --arg p "$T/post"
                run "$program" --root "$T/state" create --bundle "$B" "f$kind"
                want_rc 1
                want_err_has "error running $kind hook #0: exit status 7"
                [ ! -e "$T/second" ] || fail "the second hook ran"
                want_same "$(rt list -q)" ""
                # Step 12 and 13 of the lifecycle: destroyed, then poststop.
                want_same "$kind $(jq -r .status "$T/stopped")" "$kind stopped"
                bundle "t$kind" '.hooks[$k] = [{path: "/bin/sleep", args: ["sleep", "100"], timeout: 1}]' --arg k $kind
                run "$program" --root "$T/state" create --bundle "$B" "t$kind"
                want_rc 1
                want_err_has "error running $kind hook #0: hook ran past specified timeout of 1.0s"
                want_same "$(rt list -q)" ""
        done
}
check "a prestart, createRuntime or createContainer hook that fails or overstays ends the creation, then poststop hooks run" creation_failures

start_failure()
{
        bundle sf '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "exit 3"]}] | .process.args = ["sh", "-c", "echo ran; sleep 1000"]'
        rt create --bundle "$B" sf < /dev/null > "$T/sf.out" 2>&1
        run rt start sf
        want_rc 1
        want_err_has "error running startContainer hook #0: exit status 3"
        wait_for 5 has_status sf stopped
        want_same "$(cat "$T/sf.out")" ""
        run rt delete sf
        want_rc 0
}
check "a startContainer hook that fails ends the container before its program" start_failure

poststart_failure()
{
        bundle pf '.hooks.poststart = [{path: "/bin/false"}] | .process.args = ["sleep", "1000"]'
        rt create --bundle "$B" --pid-file "$T/pf.pid" pf < /dev/null > /dev/null 2>&1
        run rt start pf
        want_rc 1
        want_err_has "error running poststart hook #0: exit status 1"
        wait_for 5 has_status pf stopped
        run rt delete pf
        want_rc 0
        bundle pf2 '.hooks.poststart = [{path: "/bin/false"}] | .process.args = ["sleep", "1000"]'
        run timeout 20 "$RUNB" --root "$T/state" run --bundle "$B" pf2
        want_rc 1
        want_err_has "error running poststart hook #0: exit status 1"
        want_same "$(rt list -q)" ""
}
check "a poststart hook that fails fails the start and ends the container" poststart_failure

poststop_failure()
{
        rm -f "$T/after"
        bundle ps '.hooks.poststop = [{path: "/bin/false"}, {path: "/usr/bin/touch", args: ["touch", $t]}] | .process.args = ["sleep", "1000"]' --arg t "$T/after"
        rt create --bundle "$B" ps < /dev/null > /dev/null 2>&1
        run rt delete --force ps
        want_rc 0
        want_out ""
        [ -e "$T/after" ] || fail "the next hook did not run"
        want_same "$(rt list -q)" ""
}
check "a poststop hook that fails is a warning: the others run and the container is gone" poststop_failure

# /proc/PID/exe, by which docker names itself, is what that process executes now.
other_by_now() # KIND
{
        local pid
        mkdir -p "$T/open"; chmod 777 "$T/open"
        cp /bin/busybox "$T/open/busybox"; chown 1000:1000 "$T/open/busybox"; chmod 755 "$T/open/busybox"
        rm -f "$T/fooled" "$T/turn"; mkfifo "$T/turn"
        /bin/sh -c "read -r line < $T/turn; exec $T/open/busybox sleep 1000" &
        pid=$!
        bundle "$1-now" '.hooks[$k] = [{path: "/proc/\($p)/exe", args: ["sh", "-c", "cat > \($t)/fooled"]}] | .process.args = ["sleep", "1000"]' \
                --arg k "$1" --arg p $pid --arg t "$T"
        rt create --bundle "$B" "$1-now" < /dev/null > /dev/null 2> "$T/err" || { cat "$T/err"; kill $pid; return 1; }
        echo > "$T/turn"
        wait_for 5 eval "readlink /proc/$pid/exe | grep -q open/busybox"
        run rt start "$1-now"
        if [ "$1" = poststart ]; then
                kill $pid
                want_rc 1
                want_err_has "hooks.poststart[0].path: /proc/$pid/exe can be written by others than root by now"
                wait_for 5 has_status "$1-now" stopped
        fi
        rm -f "$T/log"
        run rt --debug --log "$T/log" delete --force "$1-now"
        kill $pid 2> /dev/null || true
        want_rc 0
        [ "$1" = poststart ] || { cat "$T/log"; grep -q "poststop hook #0: /proc/$pid/exe can be written by others than root by now" "$T/log"; }
        [ ! -e "$T/fooled" ] || fail "the other file ran"
}
# There it has a path that is another file's here, or nobody's.
of_another_tree()
{
        local holder
        command -v unshare > /dev/null || skip_case "unshare is not installed"
        rm -f "$T/inside"
        unshare -m sh -c "mount -t tmpfs tmpfs /opt; cp /bin/busybox /opt/hook; touch $T/inside; exec sleep 1000" &
        holder=$!
        wait_for 5 test -e "$T/inside"
        wait_for 5 eval "readlink /proc/$holder/exe | grep -q sleep"
        bundle tree '.hooks.createRuntime = [{path: "/proc/\($p)/root/opt/hook", args: ["touch", "\($t)/fooled"]}]' --arg p $holder --arg t "$T"
        run rt create --bundle "$B" tree
        kill $holder
        want_rc 1
        want_err_has "(hooks)"
        [ ! -e "$T/fooled" ] || fail "the hook of another mount namespace ran"
}
check "a poststart hook whose name leads to another file by now is not run, and the container ends" other_by_now poststart
check "a poststop hook whose name leads to another file by now is not run" other_by_now poststop
check "a hook in another mount namespace is refused, whatever its path there" of_another_tree

invalid()
{
        local n=0 case
        while IFS='|' read -r filter text; do
                n=$((n + 1))
                bundle "inv$n" "$filter"
                run rt create --bundle "$B" "inv$n"
                want_rc 1
                want_err_has "$text"
        done << 'END'
.hooks.prestart = [{path: "bin/true"}]|hooks.prestart[0].path
.hooks.poststop = [{}]|hooks.poststop[0].path
.hooks.createRuntime = [{path: "/bin/true", timeout: 0}]|hooks.createRuntime[0].timeout
.hooks.createRuntime = [{path: "/bin/true", timeout: -1}]|hooks.createRuntime[0].timeout
.hooks.poststart = {}|hooks.poststart
.hooks.prestart = [{path: "/bin/true", args: [1]}]|hooks.prestart[0].args[0]
.hooks.createRuntime = [{path: "/nothing/there"}]|hooks.createRuntime[0].path
END
        want_same "$(rt list -q)" ""
}
check "a relative path, a timeout below 1 and a wrong type are refused by name" invalid

finish
