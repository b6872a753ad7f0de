#!/bin/bash
# What `make install` lays down, with another prefix: the documents name the program where it is, the configuration can be
# read, and what the EXAMPLES of the manual have runs as it is printed.
. "$(dirname "$0")/../lib.sh"
need jq make groff
is_runb || skip_all "runb's own files"
src=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${builddir:-$src/build}
[ -f "$build/Makefile" ] || skip_all "no build tree ($build); builddir names it"

dest=$T/dest prefix=/opt/installed
make -s -C "$build" install DESTDIR="$dest" prefix=$prefix > "$T/make.log" 2>&1 || { tail -n 20 "$T/make.log"; exit 1; }
doc=$dest$prefix/share/doc/runb man=$dest$prefix/share/man

all_is_there()
{
        local command file
        for command in $("$RUNB" help | sed -n '/^commands:/,/^$/p' | awk '/^  [a-z]/ { print $1 }'); do
                [ -s "$man/man8/runb-$command.8" ] || fail "no page of $command"
                grep -q "^\.BR runb.-$command (8)$" "$man/man8/runb.8" || fail "runb(8) does not name $command"
        done
        # The second column of the README's table: each is installed beside it.
        for file in $(awk -F'|' 'NR > 3 && /^\|/ { print $3 }' "$doc/README.md" | grep -oE '`[^`]+`' | tr -d '`' | grep -v '^\.timer$'); do
                [ -s "$doc/$file" ] || fail "README.md names $file, which is not there"
        done
        [ -s "$doc/systemd/runb-reap.timer" ]
        [ -x "$doc/sign-with-file.sh" ]
        for file in "$man"/*/*; do
                want_same "$(groff -t -man -Tutf8 -ww -z "$file" 2>&1)" ""
        done
}
check "every command has a page, and the files that the README names are there" all_is_there

paths_are_right()
{
        run grep -rnE '/usr/(local/)?bin/runb|/usr/share/doc/runb|/usr/\{' "$doc" "$man"
        want_rc 1
        want_same "$(jq -r .runtimes.runb.path "$doc/docker-daemon.json")" $prefix/bin/runb
        grep -qx "runb = \[\"$prefix/bin/runb\"\]" "$doc/containers.conf.d/runb.conf"
        grep -qx "runtime_path = \"$prefix/bin/runb\"" "$doc/crio.conf.d/50-runb.conf"
        grep -qx " *BinaryName = \"$prefix/bin/runb\"" "$doc/containerd-config.toml"
        grep -qx "ExecStart=$prefix/bin/runb reap" "$doc/systemd/runb-reap.service"
        grep -q "^profile runb $prefix/bin/runb " "$doc/apparmor/runb"
        grep -q "$prefix/share/doc/runb/threat" "$man/man8/runb.8"
}
check "configuration and manual name the program and the documents where they are" paths_are_right

# The program under its own names, from here on. The machine's /tmp, /srv, /root and /etc/runb stay out of it.
mkdir -p $prefix "$T/tests" 2> /dev/null
mount --bind "$lib_dir" "$T/tests" && lib_dir=$T/tests # which may lie in one of them
for folder in /tmp /srv /root; do mount -t tmpfs -o mode=0755 t $folder; done
mkdir -p "$T/opt" && cp -a "$dest$prefix/." "$T/opt/" && mount --bind "$T/opt" $prefix
cp -a /etc "$T/etc" && rm -rf "$T/etc/runb" && mkdir -m 755 "$T/etc/runb" && chmod 755 "$T/etc" && mount --bind "$T/etc" /etc
trap 'cd /; umount -l /etc '"$prefix"' /tmp /srv /root "$T/tests"; rmdir '"$prefix" EXIT
PATH=$prefix/bin:$PATH

# What the page's EXAMPLES print, one command a line.
examples()
{
        sed -n '/^\.SH EXAMPLES/,/^\.SH SEE/p' "$man"/man8/"$1".8 | sed -n '/^\.\(nf\|EX\)/,/^\.\(fi\|EE\)/p' |
                sed -e '/^\.[a-zA-Z]/d' -e 's/^\\&//' -e 's/\\-/-/g' -e "s/\\\\(aq/'/g"
}
# as_printed PAGE: runs them all
as_printed()
{
        examples "$1" > "$T/examples.sh"
        [ -s "$T/examples.sh" ] || fail "$1(8) has no examples"
        run bash -euo pipefail "$T/examples.sh" < /dev/null
        want_rc 0
        want_err "${2-}"
}

# The same for a shell: what edits its line by itself is not told of the end of input by a terminal.
as_a_person()
{
        local pid
        examples "$1" > "$T/examples.sh"
        [ -p "$T/typed" ] || mkfifo "$T/typed"
        bash -euo pipefail "$T/examples.sh" < "$T/typed" > "$T/shown" 2>&1 &
        pid=$!
        exec 7> "$T/typed"
        wait_for 30 grep -q '/.* # ' "$T/shown"
        echo "echo $((6 * 7))" >&7
        wait_for 30 grep -q '^42' "$T/shown"
        echo exit >&7
        exec 7>&-
        wait $pid || fail "$1(8): exit code $?: $(cat "$T/shown")"
}

containers()
{
        bundle build '.process.args = ["/bin/sh", "-c", "echo made > /tmp/made; exec sleep 1000"]'
        cp -a "$B" /srv/build
        echo '{"version": 1}' > /etc/runb/policy.json
        chmod 600 /etc/runb/policy.json
        as_printed runb-check
        want_out_has '"runs"'
        cd /
        as_printed runb-create
        wait_for 20 test -s /srv/build/rootfs/tmp/made
        as_a_person runb-exec
        as_printed runb-update
        run runb delete --force b1
        want_rc 0
        tar -C "$T/busybox" -cf /tmp/image.tar .
        as_a_person runb-run
}
check "EXAMPLES of check, create, exec, update and run" containers

with_policy()
{
        jq -n '{version: 1, audit: {path: "/root/audit.jsonl"}, profiles: {untrusted: {egress: {mode: "audit"}}}}' > /etc/runb/policy.json
        chmod 600 /etc/runb/policy.json
        # Another host, by ssh: a folder.
        mkdir -p "$T/vault" "$T/bin"
        printf '#!/bin/sh\nshift\ncd "%s" && exec sh -c "$*"\n' "$T/vault" > "$T/bin/ssh"
        chmod 755 "$T/bin/ssh"
        PATH=$T/bin:$PATH
        runb run --bundle /srv/build --detach b0 < /dev/null > /dev/null
        runb delete --force b0
        as_printed runb-audit
        want_out_has "whole: "
        jq '.revision = "new"' /etc/runb/policy.json > /root/policy.new
        chmod 600 /root/policy.new
        examples runb-policy > "$T/examples.sh"
        run bash "$T/examples.sh"
        want_out_has '"new"'
        openssl genpkey -algorithm ed25519 -out /etc/runb/evidence.key
        chmod 600 /etc/runb/evidence.key
        runb run --bundle /srv/build --detach b1 < /dev/null > /dev/null
        wait_for 20 runb exec b1 test -s /tmp/made
        as_printed runb-evidence
        jq -e '.signatures[0].sig and (.payload | @base64d | fromjson | .subject[0].name == "/tmp/made")' /root/b1.dsse.json
        as_printed runb-egress
        as_printed runb-contain
        runb delete --force b1
}
check "EXAMPLES of audit, policy, evidence, egress and contain" with_policy

completion()
{
        mkdir -p /root/.config/fish/completions
        HOME=/root as_printed runb-completion
        [ -s /root/.config/fish/completions/runb.fish ]
        . "$dest$prefix/share/bash-completion/completions/runb"
        COMP_WORDS=(runb sta) COMP_CWORD=1
        _runb
        want_same "${COMPREPLY[*]}" "start state"
}
check "EXAMPLES of completion; what is installed for bash completes" completion

example_policy()
{
        sed -n '/^\.SH EXAMPLE$/,/^\.SH "SEE/p' "$man/man5/runb-policy.json.5" | sed -n '/^\.nf/,/^\.fi/p' |
                sed -e '/^\.[a-zA-Z]/d' -e 's/\\-/-/g' > /root/example.json
        run runb policy lint /root/example.json
        want_rc 0
        # The links of profiles.md, and its policy, in the installed page.
        awk '/^```json/ && !n++ { inside = 1; next } /^```/ { inside = 0 } inside' "$doc/profiles.md" > /etc/runb/policy.json
        chmod 600 /etc/runb/policy.json
        eval "$(grep -oE 'for p in branch[^`]*' "$doc/profiles.md")"
        for name in branch image release; do
                run runb-$name check --format json --bundle /srv/build
                want_same "$(jq -r '.profile + " " + .profileChosenBy' "$T/out")" "${name/#image/image-build} select.argv0"
        done
}
check "the example of runb-policy.json(5) is a policy; profiles.md's links choose its profiles" example_policy

finish
