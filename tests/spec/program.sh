#!/bin/bash
# process: what is executed, where, with which environment, descriptors and terminal (runtime-spec 1.3, config.md).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
need jq python3

# in_container NAME FILTER COMMAND...: runs it in /bin/sh; $rc, $out, $err.
in_container()
{
        local name=$1
        bundle "$name" ".process.args = [\"/bin/sh\", \"-c\", \$c] | ($2)" --arg c "$3"
        run rt run --bundle "$B" "$name" < /dev/null
}

cwd()
{
        in_container cwd1 '.process.cwd = "/etc"' 'pwd'
        want_out /etc
        in_container cwd2 '.process.cwd = "/made/for/it"' 'pwd; stat -c "%u %g %a" /made /made/for /made/for/it'
        want_out "/made/for/it
0 0 755
0 0 755
0 0 755"
        in_container cwd3 '.process.cwd = "/home" | .process.user = {uid: 1000, gid: 1000}' 'pwd; id -u'
        want_out "/home
1000"
        in_container cwd4 '.root.readonly = true | .process.cwd = "/nowhere"' 'pwd'
        is_runb && want_out /nowhere
        refused_by_runb cwd5 '.process.cwd = "tmp"' 'process.cwd: "tmp" is not an absolute path'
        refused_by_runb cwd6 'del(.process.cwd)' 'process.cwd'
        in_container cwd7 '.process.cwd = "/etc/passwd"' 'pwd'
        want_rc 1
        is_runb && want_err_has 'chdir to cwd ("/etc/passwd") set in config.json failed: not a directory'
        # Links of the image stay inside.
        bundle cwd8 '.process.cwd = "/link/deep" | .process.args = ["/bin/pwd", "-P"]'
        rm -rf "$T/outside"; ln -sfn "$T/outside" "$B/rootfs/link"
        run rt run --bundle "$B" cwd8
        [ ! -e "$T/outside" ] || fail "a folder of the host was made"
}
check "cwd is entered, made where it is missing (0755, container root's), and refused where it is no folder" cwd

cwd_of_exec()
{
        start_sleeper cwdx
        run rt exec --cwd /etc cwdx pwd
        want_out /etc
        run rt exec --cwd /not/there cwdx pwd
        want_failure
        [ ! -e "$B/rootfs/not" ] || fail "exec made a folder"
        rt delete --force cwdx
}
check "the cwd of exec is entered and never made" cwd_of_exec

environment()
{
        bundle env '.process.env = ["PATH=/bin", "A=1", "B=x y=z", "A=2", "EMPTY="] | .process.args = ["env"]'
        SECRET=1 run rt run --bundle "$B" env
        want_same "$(grep -v ^HOME= "$T/out" | sort)" "A=2
B=x y=z
EMPTY=
PATH=/bin"
        want_same "$(grep -c ^HOME=/root$ "$T/out")" 1
        refused_by_runb env2 '.process.env = ["A=1", "NAME"]' "process.env[1]: invalid environment variable: missing '='"
        refused_by_runb env3 '.process.env = ["=1"]' "process.env[0]: invalid environment variable: the name is empty"
        refused_by_runb env4 '.process.env = [1]' "process.env[0]"
        in_container env5 'del(.process.env)' 'env'
        want_rc 0
        in_container env6 '.process.user = {uid: 1000, gid: 1000} | .process.env = ["PATH=/bin"]' 'echo $HOME'
        want_out /home
}
check "env is exactly what config.json says and HOME, the last of two values; entries without a name are refused" environment

exec_environment()
{
        start_sleeper envx '.process.env = ["PATH=/bin", "A=1", "B=1"]'
        run rt exec --env A=2 --env HOME=/h --env C=3 --env C=4 envx env
        want_same "$(sort "$T/out")" "A=2
B=1
C=4
HOME=/h
PATH=/bin"
        for entry in NAME =1; do
                run rt exec --env $entry envx env
                want_failure
                is_runb && want_err_has "--env: invalid environment variable"
        done
        rt delete --force envx
}
check "exec --env sets a variable once, instead of config.json's" exec_environment

arguments()
{
        bundle args '.process.args = ["printf", "<%s>\\n", "", "a b", "*", "$HOME"]'
        run rt run --bundle "$B" args
        want_out '<>
<a b>
<*>
<$HOME>'
        refused_by_runb args2 '.process.args = []' 'process.args: must not be empty'
        refused_by_runb args3 '.process.args = ["a", 3]' 'process.args[1]'
        bundle args4 '.process.args = ["nosuch"]'
        run rt create --bundle "$B" args4
        want_rc 1
        want_err_has 'executable file not found in $PATH'
}
check "args reach the program as they are; an empty list and a missing program are errors of create" arguments

without_program()
{
        local edit
        for edit in 'del(.process)' 'del(.process.args)'; do
                bundle none "$edit"
                run rt run --bundle "$B" none
                want_rc 1
                want_err_has "cannot run a container without process"
                want_same "$(rt list -q)" ""
                rt create --bundle "$B" none < /dev/null > /dev/null 2>&1
                want_same "$(rt state none | jq -r .status)" created
                run rt start none
                want_rc 1
                want_err_has "cannot start a container without process"
                want_same "$(rt state none | jq -r .status)" created
                run rt delete --force none
                want_rc 0
        done
}
check "create needs no program; start and run do, and a start without one changes nothing" without_program

terminal()
{
        bundle tty '.process.terminal = true | .process.consoleSize = {height: 31, width: 97} |
                .process.args = ["sh", "-c", $c]' \
                --arg c 'tty; stty size; stat -c "%t:%T" -L /dev/console; stat -c "%t:%T" -L $(tty); stat -c %u:%g $(tty | sed s,/0,,)/0; test -c /dev/tty && echo ctty > /dev/tty'
        timeout 30 "$lib_dir/tools/console.py" "$T/tty.sock" "$RUNB" --root "$T/state" create --bundle "$B" \
                --console-socket "$T/tty.sock" tty -- "$RUNB" --root "$T/state" start tty > "$T/tty.out" 2>&1
        tr -d '\r' < "$T/tty.out" > "$T/tty.txt"
        cat "$T/tty.txt"
        grep -qx '31 97' "$T/tty.txt"
        grep -qx '/dev/pts/0' "$T/tty.txt"
        grep -qx ctty "$T/tty.txt"
        # The same device under both names.
        want_same "$(grep -c '^88:0$' "$T/tty.txt")" 2
        grep -qx 0:5 "$T/tty.txt"
        rt delete --force tty
        in_container notty '.process.consoleSize = {height: 31, width: 97}' 'test -e /dev/console || echo none; tty'
        want_out_has none
        refused_by_runb size '.process.terminal = true | .process.consoleSize = {height: 31}' 'process.consoleSize.width'
        bundle nosock '.process.terminal = true'
        run rt create --bundle "$B" nosock
        want_rc 1
        want_err_has "cannot allocate tty if runc will detach without setting console socket" ||
                want_err_has "cannot allocate tty if runb will detach without setting console socket"
}
check "a terminal is /dev/pts/0 and /dev/console, controlling, of the consoleSize; without one there is no /dev/console" terminal

descriptors()
{
        bundle fds '.process.args = ["sh", "-c", "for f in /proc/self/fd/*; do echo ${f##*/}; done"]'
        exec 7< /etc/hostname 8> "$T/eight"
        run rt run --bundle "$B" fds
        # The shell's own folder is the one more.
        want_same "$(grep -c . "$T/out")" 4
        want_out_has "0
1
2"
        bundle fds2 '.process.args = ["sh", "-c", "cat <&3; cat <&4; (: <&5) 2> /dev/null || echo closed; echo $LISTEN_FDS $LISTEN_PID"]'
        echo three > "$T/3"; echo four > "$T/4"; echo five > "$T/5"
        run rt run --preserve-fds 2 --bundle "$B" fds2 3< "$T/3" 4< "$T/4" 5< "$T/5"
        want_out "three
four
closed"
        run sh -c 'LISTEN_FDS=2 LISTEN_PID=$$ exec "$@"' - "$RUNB" --root "$T/state" run --bundle "$B" fds2 3< "$T/3" 4< "$T/4" 5< "$T/5"
        want_out "three
four
closed
2 1"
}
check "descriptors 0 to 2 alone are open, and those of --preserve-fds and LISTEN_FDS" descriptors

finish
