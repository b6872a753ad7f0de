#!/bin/bash
# The spellings of options, the help of every command, and what is said about a call that cannot be understood.
. "$(dirname "$0")/../lib.sh"
need jq
is_runb || skip_all "only runb's own words are compared here"

commands() { "$RUNB" help | sed -n '/^commands:/,/^$/p' | awk '/^  [a-z]/ { print $1 }'; }
long_options() { grep -oE -- "(  |-[a-z], )--[a-z][a-z0-9-]*" "$1" | grep -oE -- "--[a-z][a-z0-9-]*" | sort -u; }

help_of_all()
{
        want_match "$(commands | wc -l)" '^(9|[1-9][0-9])$'
        for command in "" $(commands); do
                for flag in --help -help -h; do
                        run "$RUNB" $command $flag
                        want_rc 0
                        want_err ""
                        want_match "$(sed -n 1p "$T/out")" "^usage: runb .*$command"
                        grep -q -- '-h, --help' "$T/out"
                        want_same "$(awk 'length > 100' "$T/out")" ""
                done
                run "$RUNB" help $command
                want_rc 0
        done
        run "$RUNB"
        want_rc 0
        want_out_has "commands:"
}
check "--help, -help and -h of every command are complete, on stdout, with exit code 0" help_of_all

help_needs_nothing()
{
        run env -i "$RUNB" --root /nonexistent/x --log-format json create --help
        want_rc 0
        [ ! -e /nonexistent ]
}
check "--help needs no environment and makes no state folder" help_needs_nothing

help_to_full_disk()
{
        run sh -c '"$1" --help > /dev/full' sh "$RUNB"
        want_rc 1
        want_err_has "no space left on device"
}
check "an output that cannot be written is an error" help_to_full_disk

unknown()
{
        for command in "" $(commands); do
                for flag in --no-such-flag -no-such-flag --no-such-flag=x -Z; do
                        run "$RUNB" --root "$T/state" $command $flag
                        want_failure
                        want_out ""
                        want_match "$(wc -l < "$T/err")" '^1$'
                        want_err_has "flag provided but not defined: ${flag%%=*}"
                        want_err_has "$command --help"
                done
        done
        run "$RUNB" no-such-command
        want_rc 1
        want_err 'unknown command "no-such-command"; `runb help` lists the commands'
        run "$RUNB" help no-such-command
        want_rc 1
}
check "an unknown flag or command is named in one line, with exit code 1 and the place of help" unknown

missing_values()
{
        for flag in --root --log --log-format --cgroup-manager --rootless --criu; do
                run "$RUNB" $flag
                want_rc 1
                want_err_has "flag needs an argument: $flag"
        done
        run "$RUNB" spec --bundle
        want_rc 1
        want_err_has "flag needs an argument: --bundle"
        run "$RUNB" spec -b
        want_rc 1
        run "$RUNB" restore --lsm-mount-context
        want_rc 1
        want_err_has "flag needs an argument"
}
check "a flag without its value says so in Go's words" missing_values

spellings()
{
        for flag in "--bundle DIR" "--bundle=DIR" "-bundle DIR" "-bundle=DIR" "-b DIR" "-b=DIR"; do
                rm -rf "$T/spelled" && mkdir "$T/spelled"
                run "$RUNB" spec ${flag/DIR/$T/spelled}
                want_rc 0
                [ -s "$T/spelled/config.json" ]
        done
        for flag in --rootless --rootless=true -rootless --rootless=1 --rootless=T; do
                rm -f "$T/spelled/config.json"
                "$RUNB" spec $flag -b "$T/spelled"
                jq -e '.linux.resources == null' "$T/spelled/config.json"
        done
        rm -f "$T/spelled/config.json"
        "$RUNB" spec --rootless=false -b "$T/spelled"
        jq -e '.linux.resources != null' "$T/spelled/config.json"
        run "$RUNB" spec --rootless=maybe
        want_rc 1
        want_err_has 'invalid value "maybe" for flag --rootless'
}
check "every spelling of a flag and of its value is taken" spellings

global_spellings()
{
        for flags in "--root $T/r" "--root=$T/r" "-root $T/r" "-root=$T/r" "--log $T/l" "--log=$T/l" "-log $T/l" \
                "--log-format json" "--log-format=json" "-log-format text" "--debug" "-debug" "--debug=false" \
                "--systemd-cgroup" "-systemd-cgroup" "--systemd-cgroup=false" "--cgroup-manager cgroupfs" \
                "--cgroup-manager=disabled" "--cgroup-manager systemd" "--rootless true" "--rootless=false" \
                "--rootless=auto" "--criu /usr/sbin/criu" "--criu=/x" \
                "--root $T/r --log $T/l --log-format json --systemd-cgroup" "--log-format=json --log $T/l"; do
                run "$RUNB" $flags features
                want_rc 0
                want_err ""
                run "$RUNB" $flags --version
                want_rc 0
        done
        run "$RUNB" --log-format xml features
        want_rc 1
        want_err_has 'invalid log-format "xml"'
        run "$RUNB" --cgroup-manager none features
        want_rc 1
        run "$RUNB" --rootless perhaps features
        want_rc 1
}
check "global flags are taken in all spellings and orders, --criu without a word" global_spellings

roots()
{
        run "$RUNB" --root "" list
        want_rc 1
        want_err_has "--root is empty"
        run "$RUNB" --root / list
        want_rc 1
        run "$RUNB" --root /// list
        want_rc 1
        cd "$T"
        run "$RUNB" --root relative/state list
        want_rc 0
}
commands | grep -qx list && check "--root is neither empty nor /, and may be relative" roots

log_cannot_be_opened()
{
        run "$RUNB" --log /nonexistent/log no-such-command
        want_rc 1
        want_err_has "open log file /nonexistent/log: no such file or directory"
        run "$RUNB" --log "$T/text.log" no-such-command
        want_rc 1
        want_match "$(cat "$T/text.log")" '^time="[^"]*" level=error msg="unknown command'
}
check "a log file that cannot be opened is an error; the text format is runc's" log_cannot_be_opened

systemd_is_refused()
{
        bundle x
        for command in create run; do
                for flags in --systemd-cgroup "--cgroup-manager systemd"; do
                        run "$RUNB" --root "$T/state" $flags $command --bundle "$B" x
                        want_rc 1
                        want_match "$(wc -l < "$T/err")" '^1$'
                        want_err_has "cgroupfs"
                        [ ! -e "$T/state/x" ]
                done
        done
}
commands | grep -qx create && check "where no systemd runs its cgroups are refused with the remedy, not ignored" systemd_is_refused

counts()
{
        run "$RUNB" spec extra
        want_rc 1
        want_err_has "takes no arguments"
        run "$RUNB" --root "$T/state" pause
        want_rc 1
        want_err_has 'requires exactly 1 argument'
        run "$RUNB" --root "$T/state" pause a b
        want_rc 1
}
check "too few or too many arguments are told with the usage" counts

checkpoint()
{
        run "$RUNB" checkpoint --help
        want_rc 1
        want_err_has "not supported"
        run "$RUNB" restore --bundle x --detach id
        want_rc 1
}
check "checkpoint and restore say that they are not supported" checkpoint

closed_stdio()
{
        "$RUNB" features >&-
        run sh -c 'exec "$1" no-such-command 0<&- 1>&- 2>&-' sh "$RUNB"
        want_rc 1
        "$RUNB" --log "$T/closed.log" no-such-command 0<&- 1>&- 2>&- || :
        want_same "$(wc -l < "$T/closed.log")" 1
        want_match "$(cat "$T/closed.log")" '^time=[^ ]* level=error msg="unknown command'
}
check "a call without stdio does not write messages into files of its own" closed_stdio

completions_are_complete()
{
        for shell in bash zsh fish; do
                "$RUNB" completion $shell > "$T/completion.$shell"
                for command in "" $(commands); do
                        "$RUNB" $command --help > "$T/help"
                        for option in $(long_options "$T/help"); do
                                grep -q -e "$option\b" -e "-l ${option#--}\b" "$T/completion.$shell" ||
                                        fail "$shell: $command $option"
                        done
                        grep -q "$command" "$T/completion.$shell"
                done
        done
        bash -n "$T/completion.bash"
        ! command -v zsh || zsh -n "$T/completion.zsh"
        ! command -v fish || fish -n "$T/completion.fish"
        run "$RUNB" completion tcsh
        want_rc 1
}
check "completions know every option of every command" completions_are_complete

completions_know_no_more()
{
        . <("$RUNB" completion bash)
        for command in "" $(commands); do
                "$RUNB" $command --help > "$T/help"
                COMP_WORDS=(runb $command -) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                _runb
                [ ${#COMPREPLY[@]} -gt 0 ]
                for option in "${COMPREPLY[@]}"; do
                        grep -qE -- "(^|[ ,])$option([ ,]|\$)" "$T/help" || fail "bash offers $option for runb $command"
                done
                for option in $(grep -oE -- '(^| )-[a-zA-Z],|--[a-z][a-z0-9-]*' <(sed -n '/options:/,/^commands:/p' "$T/help" |
                                cut -c 1-30) | tr -d ' ,'); do
                        case " ${COMPREPLY[*]} " in *" $option "*) ;; *) fail "bash does not offer $option for runb $command";; esac
                done
        done
}
check "bash offers a command's options and no others" completions_know_no_more

bash_completes()
{
        . <("$RUNB" completion bash)
        COMP_WORDS=(runb --root /x spe) COMP_CWORD=3
        _runb
        want_same "${COMPREPLY[*]}" spec
        COMP_WORDS=(runb spec --bu) COMP_CWORD=2
        _runb
        want_same "${COMPREPLY[*]}" --bundle
}
check "bash completes commands and options" bash_completes

bash_completes_words()
{
        local words=()
        . <("$RUNB" completion bash)
        offers() { COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=(); _runb; want_same "${COMPREPLY[*]}" "$wanted"; }
        wanted="show" offers runb policy sh
        wanted="diff" offers runb --policy /x --profile y --log /z policy di
        wanted="" offers runb policy lint sh
        wanted="bash" offers runb completion ba
        wanted="json" offers runb check --format js
        wanted="table json" offers runb explain --format ''
        wanted="--profile" offers runb selftest --prof
        wanted="--findings" offers runb state --f
        # Each word that a synopsis has, and nothing that is none.
        COMP_WORDS=(runb policy '') COMP_CWORD=2 COMPREPLY=(); _runb
        for word in "${COMPREPLY[@]}"; do
                case $word in -*) continue;; esac
                run "$RUNB" policy "$word"
                case $err in *"unknown"*"$word"*) fail "runb policy $word: $err";; esac
                words+=("$word")
        done
        want_same "${#words[@]}" "$("$RUNB" policy --help | grep -o '|' | wc -l | awk '{ print $1 + 1 }')"
}
check "bash completes the words of policy, and formats" bash_completes_words

manual_is_complete()
{
        local manual=${srcdir:-$(dirname "$0")/../..}/contrib/man
        for command in "" $(commands); do
                page=$manual/runb${command:+-$command}.8
                [ -s "$page" ] || fail "no $page"
                "$RUNB" $command --help > "$T/help"
                for option in $(long_options "$T/help"); do
                        grep -q -- "${option//-/\\\\-}" "$page" || fail "$page lacks $option"
                done
        done
        # and no option that is not there: an OPTIONS entry of a page, a word of a completion
        for command in "" $(commands); do
                "$RUNB" $command --help > "$T/help"
                for option in $(sed -n '/^\.TP/{n;p}' "$manual/runb${command:+-$command}.8" | sed 's/\\-/-/g;s/\\f[A-Z]//g' |
                                grep -o -- '--[a-z][a-z0-9-]*' | sort -u); do
                        grep -q -- "$option\b" "$T/help" || fail "runb-$command(8) has $option, runb $command --help has not"
                done
        done
        ! command -v mandoc || mandoc -T lint -W error "$manual"/*.8
}
check "the manual names every option of every command" manual_is_complete

finish
