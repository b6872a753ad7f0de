#!/bin/bash
# cgroups: host v2
# The administrator's policy file: which files count, who chooses a profile, and that each member of it holds.
. "$(dirname "$0")/../lib.sh"
need jq
is_runb || skip_all "other runtimes have no policy file"

# Every folder above has to be root's alone, which $T's may not be.
P=/run/policy
mkdir -p $P
# policy [JQ-FILTER]: $P/policy.json
policy() { jq -n "{version: 1, revision: \"r1\"} | ${1:-.}" > $P/policy.json; chmod 600 $P/policy.json; }
untrusted() { policy ".profiles.untrusted = $1"; }
rp() { rt --policy $P/policy.json "$@"; }
# p_run NAME SCRIPT [JQ-FILTER]: runs a shell script under the policy
p_run()
{
        bundle "$1" "(${3:-.}) | .process.args = [\"/bin/sh\", \"-c\", \$c]" --arg c "$2"
        run rp run --bundle "$B" "$1"
}
is_refused() { want_rc 1; want_out ""; want_err_has "$1"; [ ! -e "$T/state/${2:-none}" ] || fail "$2 was left behind"; }

within()
{
        untrusted '{}'
        p_run within 'echo fine'
        want_rc 0
        want_out fine
        bundle within2 '.process.args = ["/bin/sleep", "100"]'
        rp create --bundle "$B" within2 < /dev/null > /dev/null
        want_same "$(jq -r '.profile + " " + .policyRevision + " " + .profileChosenBy' "$T/state/within2/state.json")" \
                "untrusted r1 defaultProfile"
        want_same "sha256:$(sha256sum < "$T/state/within2/policy.json" | cut -d' ' -f1)" "$(jq -r .policyDigest "$T/state/within2/state.json")"
        rp delete --force within2
}
check "a policy file that only names the profile changes nothing for a build" within

bad_files()
{
        untrusted '{limits: {wal: "30m"}}'
        p_run bad 'echo ran'
        is_refused "$P/policy.json: profiles.untrusted.limits.wal: unknown key" bad
        echo '{"version": 1, "version": 1}' > $P/policy.json
        p_run bad 'echo ran'
        is_refused "$P/policy.json: " bad
        echo '{"version": 1, "profiles": {"untrusted": {"limits": {"pids": 1' > $P/policy.json
        p_run bad 'echo ran'
        is_refused "$P/policy.json: " bad
        : > $P/policy.json
        p_run bad 'echo ran'
        is_refused "$P/policy.json: " bad
        head -c 50000000 /dev/zero | tr '\0' ' ' > $P/policy.json
        p_run bad 'echo ran'
        is_refused "policy file $P/policy.json: longer than 1048576 bytes" bad
        rm $P/policy.json
        p_run bad 'echo ran'
        is_refused "policy file $P/policy.json: no such file or directory" bad
        mkfifo $P/policy.json
        p_run bad 'echo ran'
        is_refused "policy file $P/policy.json: is no regular file" bad
        rm $P/policy.json
        run rt --policy "" run --bundle "$B" bad
        is_refused "--policy is empty" bad
}
check "an unknown key, a doubled one, a truncated, empty, huge or missing file refuse every create" bad_files

others()
{
        policy
        chown 1000 $P/policy.json
        p_run others 'echo ran'
        is_refused "policy file $P/policy.json: belongs to uid 1000" others
        chown 0 $P/policy.json; chmod 620 $P/policy.json
        p_run others 'echo ran'
        is_refused "policy file $P/policy.json: others than its owner can write to it" others
        policy; mkdir -p $P/sub; chmod 775 $P; cp -p $P/policy.json $P/sub/
        run rt --policy $P/sub/policy.json run --bundle "$B" others
        chmod 755 $P
        is_refused "its folder $P: others than its owner can write to it" others
        chown 1000 $P/sub
        run rt --policy $P/sub/policy.json run --bundle "$B" others
        is_refused "its folder $P/sub: belongs to uid 1000" others
        ln -sf policy.json $P/link.json; ln -sfn $P /run/policy-link
        run rt --policy $P/link.json run --bundle "$B" others
        is_refused "policy file $P/link.json: is a symbolic link" others
        run rt --policy /run/policy-link/policy.json run --bundle "$B" others
        is_refused "policy file /run/policy-link: is a symbolic link" others
        run rt --policy $P/../policy/policy.json run --bundle "$B" others
        is_refused "write the path without" others
        run rp run --bundle "$B" others
        want_rc 0
}
check "a file, or a folder above it, that others could have written, and a link on the way, refuse every create" others

default_path()
{
        cp -a /etc "$T/etc"; rm -rf "$T/etc/runb"; mkdir "$T/etc/runb"; chmod 755 "$T/etc" "$T/etc/runb"
        untrusted '{env: {deny: ["X"]}}'; cp $P/policy.json "$T/etc/runb/"
        bundle default '.process.args = ["/bin/sleep", "100"]'
        # A gone folder, a link that leads nowhere, and a file.
        cat > "$T/default.sh" <<'END'
set -e
mount --bind "$T/etc" /etc
"$RUNB" --root "$T/state" create --bundle "$B" default < /dev/null > /dev/null
jq -r .policyRevision "$T/state/default/state.json"
"$RUNB" --root "$T/state" delete --force default
mv /etc/runb /etc/elsewhere
ln -s /nowhere /etc/runb
"$RUNB" --root "$T/state" create --bundle "$B" default < /dev/null 2>&1 || echo refused
rm /etc/runb
"$RUNB" --root "$T/state" create --bundle "$B" default < /dev/null > /dev/null
jq -r .policyRevision "$T/state/default/state.json"
"$RUNB" --root "$T/state" delete --force default
END
        export RUNB T B
        run unshare -m --propagation private bash "$T/default.sh"
        want_same "$(sed -n 1p "$T/out")" r1
        want_out_has "policy file /etc/runb: is a symbolic link"
        want_same "$(tail -n 2 "$T/out" | tr '\n' ' ')" "refused built-in "
}
check "/etc/runb/policy.json counts without an option, and a link that leads nowhere is no missing file" default_path

one_call()
{
        command -v strace > /dev/null || skip_case "strace is not installed"
        bundle quiet '.process.args = ["true"]'
        run strace -f -o "$T/trace" -e trace=file "$RUNB" --root "$T/state" run --bundle "$B" quiet
        want_rc 0
        want_same "$(grep -c 'policy\.json\|/etc/runb' "$T/trace")" 1
}
[ -e /etc/runb ] || check "without a file a start asks once, and nothing is kept" one_call

choice()
{
        local f='.select = {argv0: {"runb-release": "release"}, match: [{annotation: {ns: "branch"}, profile: "branch"}],
                annotation: {key: "user", allow: {untrusted: ["small"]}}} | .profiles.small = {rootfs: "read-only"}'
        policy "$f"
        chosen() # ID JQ-FILTER [OPTION]...
        {
                local id=$1 filter=$2; shift 2
                bundle "$id" "($filter) | .process.args = [\"/bin/sleep\", \"100\"]"
                "${CALLED:-$RUNB}" --root "$T/state" --policy $P/policy.json "$@" create --bundle "$B" "$id" < /dev/null > /dev/null
                jq -r '.profile + ": " + .profileChosenBy' "$T/state/$id/state.json"
                rt delete --force "$id"
        }
        want_same "$(chosen c1 .)" "untrusted: defaultProfile"
        want_same "$(chosen c2 . --profile release)" "release: --profile"
        want_same "$(chosen c3 '.annotations.ns = "branch"')" "branch: select.match"
        ln -sf "$RUNB" "$T/runb-release"
        want_same "$(CALLED=$T/runb-release chosen c4 .)" "release: select.argv0"
        want_same "$(CALLED=$T/runb-release chosen c5 '.annotations.ns = "branch"')" "release+branch: select.argv0 and select.match"
        want_same "$(chosen c6 '.annotations.user = "small"')" "untrusted+small: defaultProfile and the annotation"
        bundle c7 '.annotations.user = "branch"'
        run rp run --bundle "$B" c7
        is_refused 'refused by profile "untrusted" (select.annotation): the annotation user asks for "branch"' c7
        run rp --profile nightly run --bundle "$B" c7
        is_refused '--profile: /run/policy/policy.json has no profile "nightly"' c7
        run rt --profile branch run --bundle "$B" c7
        is_refused 'without a policy file there is only the profile "untrusted"' c7
}
check "--profile, the name, the engine's annotations and the user's choose, in this order, and only the first can widen" choice

caps()
{
        untrusted '{capabilities: ["CAP_CHOWN", "CAP_KILL"]}'
        p_run caps 'grep CapBnd /proc/self/status' '.process.capabilities.bounding = ["CAP_CHOWN", "CAP_SETUID"]'
        want_rc 0
        want_out "CapBnd:	0000000000000001"
        p_run caps2 'grep CapBnd /proc/self/status' '.process.capabilities.bounding = ["CAP_KILL"]'
        want_out "CapBnd:	0000000000000020"
}
check "capabilities are cut to the profile's, and those within stay" caps

setuid_files()
{
        local script='cp /bin/busybox /tmp/s; chmod 4755 /tmp/s && echo setuid; grep CapBnd /proc/self/status'
        untrusted '{}'
        p_run setuid "$script" '.root.readonly = false | .process.capabilities.bounding = ["CAP_SETFCAP"]'
        want_out_has setuid
        want_out_has 0000000080000000
        untrusted '{seccomp: {setuidFiles: false}}'
        p_run setuid2 "$script" '.root.readonly = false | .process.capabilities.bounding = ["CAP_SETFCAP"]'
        want_out_without setuid
        want_out_has 0000000000000000
}
check "without setuidFiles chmod sets no setuid bit, and there is no capability to give files some" setuid_files

user_namespaces()
{
        untrusted '{}'
        p_run userns 'unshare -U true && echo nested'
        want_out ""
        untrusted '{seccomp: {userNamespaces: true}}'
        p_run userns2 'unshare -U true && echo nested'
        want_out nested
}
check "user namespaces inside are the profile's to give" user_namespaces

readonly_rootfs()
{
        untrusted '{}'
        p_run ro 'touch /x && echo written' '.root.readonly = false'
        want_out written
        untrusted '{rootfs: "read-only"}'
        p_run ro2 'touch /x && echo written' '.root.readonly = false'
        want_out ""
        want_err_has "Read-only file system"
}
check "a read-only rootfs, whatever the engine asks" readonly_rootfs

sources()
{
        mkdir -p /run/shared/secret /run/shared/public; echo key > /run/shared/secret/key; chmod 755 /run/shared /run/shared/*
        local mount='.mounts += [{destination: "/in", type: "bind", source: $s, options: ["rbind", "ro"]}]'
        bound() { bundle bound "$mount | .process.args = [\"ls\", \"/in\"]" --arg s "$1"; run rp run --bundle "$B" bound; }
        untrusted '{mounts: {denySources: ["/run/shared/secret/**"]}}'
        bound /run/shared/public
        want_rc 0
        bound /run/shared/secret
        is_refused '(mounts.sources): /run/shared/secret is denied by "/run/shared/secret/**"; drop the mount, or ask for an exception "mount:/run/shared/secret" (policy r1)' bound
        bound /run/shared
        is_refused 'holds what "/run/shared/secret/**" denies' bound
        ln -sfn /run/shared/secret /run/shared/public-link
        bound /run/shared/public-link
        is_refused '/run/shared/secret is denied' bound
        untrusted '{mounts: {denySources: ["/run/shared/secret/**"], allow: ["/run/shared/secret"]}}'
        bound /run/shared/secret
        want_rc 0
        want_out key
}
check "denied sources, folders that hold them and links to them are refused, listed ones pass" sources

exception()
{
        mkdir -p /run/excepted/sub; chmod 755 /run/excepted /run/excepted/sub
        local mount='.mounts += [{destination: "/in", type: "bind", source: "/run/excepted", options: ["bind", "ro"]}]'
        local f='.profiles.untrusted.mounts.denySources = ["/run/excepted/**"] | .exceptions = [{id: "EX-7", profile: "untrusted",
                allow: ["mount:/run/excepted"], expires: $d, reason: "test", approvedBy: "me"}]'
        excepted() { jq -n --arg d "$1" "{version: 1} | $f" > $P/policy.json; bundle excepted "$mount | .process.args = [\"/bin/sleep\", \"100\"]"
                     run rp create --bundle "$B" excepted < /dev/null; }
        excepted "$(date -u -d yesterday +%F)"
        is_refused '/run/excepted is denied' excepted
        want_err_has "exception EX-7 renewed, which ended with $(date -u -d yesterday +%F): exceptions[0].expires of $P/policy.json"
        bundle excepted "$mount | .process.args = [\"/bin/sleep\", \"100\"]"
        jq -n --arg d "$(date -u +%F)" "{version: 1} | $f" > $P/policy.json
        rp create --bundle "$B" excepted < /dev/null > /dev/null
        want_match "$(jq -c '.findings[] | select(.action == 2)' "$T/state/excepted/state.json")" 'exception EX-7 until'
        rt delete --force excepted
}
check "a dated exception holds until its day ends, and is recorded at each use" exception

env_names()
{
        local spec='.process.env += ["GH_TOKEN=hunter2", "PLAIN=1"]'
        untrusted '{env: {deny: ["*_TOKEN"]}}'
        p_run env 'echo "${GH_TOKEN-gone} $PLAIN"' "$spec"
        want_out "gone 1"
        untrusted '{env: {deny: ["*_TOKEN"], onMatch: "refuse"}}'
        p_run env2 'echo ran' "$spec"
        is_refused 'the environment variable GH_TOKEN is one that the policy denies' env2
        case $err in *hunter2*) fail "the value was told";; esac
        p_run env3 'echo ran' '.process.env += ["PLAIN=1"]'
        want_out ran
}
check "denied names of the environment are stripped, or refused where the profile has it so; values are told nowhere" env_names

rlimits()
{
        untrusted '{limits: {nofile: 100, fsize: "1M", core: 0}}'
        p_run rlimits 'ulimit -n; ulimit -Hn; ulimit -f; ulimit -c' '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 50, hard: 5000}]'
        want_rc 0
        want_same "$(echo $out)" "50 100 2048 0"        # 1 byte of core is no block
        p_run rlimits2 'ulimit -n; ulimit -Hn' '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 50, hard: 60}]'
        want_same "$(echo $out)" "50 60"
        start_sleeper rlimits3
        run rp exec rlimits3 sh -c 'ulimit -Hn; ulimit -Hf'
        want_same "$(echo $out)" "100 2048"
        rt delete --force rlimits3
}
check "limits of open files and of file sizes are filled in and lowered, in exec, too" rlimits

cgroup_file() { find /sys/fs/cgroup -path "*$1*" -name "$2" -exec cat {} + 2>/dev/null | head -n 1; }
cgroup_limits()
{
        untrusted '{limits: {memory: "64M", pids: 20, cpus: "0.5"}}'
        bundle limits '.process.args = ["/bin/sleep", "100"] | .linux.cgroupsPath = "/policy-limits" | .linux.resources.pids.limit = 1000'
        rp create --bundle "$B" limits < /dev/null > "$T/limits.out" 2>&1 || {
                grep -q "the controller is not available" "$T/limits.out" || { cat "$T/limits.out"; return 1; }
                [ ! -e "$T/state/limits" ] || fail "limits was left behind"
                skip_case "needs the memory, pids and cpu controllers (the create was refused, as it must be)"
        }
        want_same "$(cgroup_file policy-limits pids.max)" 20
        want_same "$(cgroup_file policy-limits memory.max)$(cgroup_file policy-limits memory.limit_in_bytes)" 67108864
        run rp update --pids-limit 10 limits
        want_rc 0
        want_same "$(cgroup_file policy-limits pids.max)" 10
        run rp update --pids-limit 500 --memory 1G limits
        want_rc 0
        want_same "$(cgroup_file policy-limits pids.max)" 20
        want_same "$(cgroup_file policy-limits memory.max)$(cgroup_file policy-limits memory.limit_in_bytes)" 67108864
        run rp update --cpu-period 1000 limits
        want_err_has '(limits.cpus): a quota of CPU time counts in its period'
        rt delete --force limits
}
check "limits of the cgroup are filled in and lowered; update goes down and up to the profile's, no further" cgroup_limits

hooks()
{
        mkdir -p /run/hooks.d /run/other.d; cp /bin/true /run/hooks.d/h; cp /bin/true /run/other.d/h; chmod 755 /run/hooks.d /run/other.d
        untrusted '{hooks: {allowPaths: ["/run/hooks.d/"]}}'
        p_run hooks 'echo ran' '.hooks.prestart = [{path: "/run/hooks.d/h"}]'
        want_rc 0
        p_run hooks2 'echo ran' '.hooks.prestart = [{path: "/run/other.d/h"}]'
        is_refused '(hooks.allowPaths): hook /run/other.d/h is not in the profile' hooks2
        untrusted '{}'
        p_run hooks3 'echo ran' '.hooks.prestart = [{path: "/run/other.d/h"}]'
        want_rc 0
}
check "hooks outside of allowPaths are refused" hooks

ranges()
{
        local etc=$T/etc
        mkdir -p "$etc"
        touch /etc/subuid /etc/subgid 2>/dev/null || skip_case "no /etc/subuid to mount over"
        printf 'ada:100000:65536\n' > "$etc/subid"
        mount --bind "$etc/subid" /etc/subuid; mount --bind "$etc/subid" /etc/subgid
        trap 'umount /etc/subuid /etc/subgid' EXIT
        policy '.ids.subidUser = "builds"'
        p_run none 'echo ran'
        want_rc 1
        want_err_has 'ids.subidUser: /etc/subuid and /etc/subgid have no entry for "builds"'
        want_same "$(rt list -q)" ""
        run rp check --bundle "$B"
        want_rc 1
        want_out_has 'ids.subidUser'
        run rp doctor --format json
        want_rc 3
        jq -e '.facts | any(.name == "ids.ranges" and .state == "missing" and (.found | contains("builds")))' "$T/out"
        printf 'builds:400000000:70000\n' >> "$etc/subid"
        p_run theirs 'cat /proc/self/uid_map'
        want_rc 0
        want_match "$out" '^ *0 +400000000 +65536$'
        policy '.ids = {subidUser: "builds", size: 100000}'
        p_run large 'echo ran'
        want_rc 1
        want_err_has 'give user builds a larger one'
        policy '.'
        p_run nobodys 'cat /proc/self/uid_map'
        want_match "$out" '^ *0 +[0-9]{10} +65536$'
}
check "ids.subidUser: its ranges, or a refusal that names it" ranges

rootless()
{
        local user="setpriv --reuid 1234 --regid 1234 --clear-groups env -u XDG_RUNTIME_DIR"
        rm -rf /run/u1234; mkdir -m 700 /run/u1234 /run/u1234/xdg
        bundle rootless '.process.args = ["sh", "-c", "echo ran"]'
        cp -a "$B" /run/u1234/bundle
        untrusted '{env: {deny: ["PATH"]}}'; cp $P/policy.json /run/u1234/
        chown -R 1234:1234 /run/u1234
        own() { run $user XDG_RUNTIME_DIR=/run/u1234/xdg "$(everybodys_runb)" --root /run/u1234/state --policy "$1" run --bundle /run/u1234/bundle own; }
        own /run/u1234/nothing.json
        want_err_has "policy file /run/u1234/nothing.json: no such file"
        chmod 666 /run/u1234/policy.json
        own /run/u1234/policy.json
        want_err_has "policy file /run/u1234/policy.json: others than its owner can write to it"
        chmod 600 /run/u1234/policy.json
        own /run/u1234/policy.json
        case $err in *"policy file"*) fail "the caller's own file was not taken";; esac
        # root's, whom the user namespace of a plain user does not know
        chmod 644 $P/policy.json
        own $P/policy.json
        case $err in *"policy file"*) fail "root's file was not taken";; esac
}
check "a plain user's own policy file counts, and root's" rootless

later()
{
        untrusted '{capabilities: ["CAP_CHOWN", "CAP_KILL"]}'
        start_sleeper_p() { bundle "$1" '.process.args = ["/bin/sleep", "100"]'; rp create --bundle "$B" "$1" < /dev/null > /dev/null; rt start "$1"; }
        start_sleeper_p later
        run rp exec --cap CAP_CHOWN --cap CAP_SETUID later grep CapBnd /proc/self/status
        want_out_has 0000000000000021
        # Wider today: what it was created with holds.
        untrusted '{capabilities: ["CAP_CHOWN", "CAP_SETUID"]}'
        run rp exec --cap CAP_CHOWN --cap CAP_SETUID --cap CAP_KILL later grep CapBnd /proc/self/status
        want_out_has 0000000000000001
        # Narrower today: today's.
        untrusted '{capabilities: []}'
        run rp exec --cap CAP_CHOWN later grep CapBnd /proc/self/status
        want_out_has 0000000000000000
        untrusted '{limits: {wal: 1}}'
        run rp exec later true
        want_err_has "unknown key"
        want_failure
        run rp update --pids-limit 5 later
        want_err_has "unknown key"
        want_failure
        untrusted '{}'
        echo '{"version": 1}' > "$T/state/later/policy.json"
        run rp exec later true
        want_err_has "is not the one that the container was created with"
        run rt delete --force later
        want_rc 0
}
check "exec and update judge by what the container was created with, narrowed by today's file" later

own_profile()
{
        local asked
        policy '.profiles = {untrusted: {}, branch: {}} | .select.annotation = {key: "dev.runb.profile", allow: {branch: ["untrusted"]}}'
        bundle own '.process.args = ["/bin/sleep", "100"] | .annotations = {"dev.runb.profile": "untrusted"}'
        rp --profile branch create --bundle "$B" own < /dev/null > /dev/null
        rp --profile branch start own
        want_same "$(rt state --findings own | jq -r .profile)" branch+untrusted
        for asked in branch untrusted; do
                run rp --profile $asked exec own echo ran
                want_rc 0
                want_out ran
        done
        for asked in release branch+untrusted bran ''; do
                run rp --profile "$asked" exec own echo ran
                want_failure
                want_err_has 'created with the profile "branch+untrusted"'
                run rp --profile "$asked" update --cpu-share 100 own
                want_failure
                want_err_has 'created with the profile "branch+untrusted"'
        done
        # What judges nothing is not in the way: engines hand it to each call.
        run rp --profile release state own
        want_rc 0
        run rp --profile release delete --force own
        want_rc 0
}
check "exec and update take --profile where it is one that the container was created with, and no other" own_profile

found()
{
        local plain
        untrusted '{}'
        bundle found '.process.args = ["/bin/sleep", "100"]'
        rp create --bundle "$B" found < /dev/null > /dev/null
        plain=$(rp state found)
        want_same "$(jq -c 'keys' <<< "$plain")" '["bundle","created","id","ociVersion","owner","pid","rootfs","status"]'
        run rp state --findings found
        want_rc 0
        want_same "$(jq -cS 'del(.profile, .profileChosenBy, .policyRevision, .findings)' "$T/out")" "$(jq -cS . <<< "$plain")"
        jq -e '.profile == "untrusted" and .profileChosenBy == "defaultProfile" and .policyRevision == "r1" and
                (.findings | any(.rule == "egress" and .action == "tightened" and .got != ""))' "$T/out"
        rp delete --force found
}
check "state has what policy found for who asks, and the OCI state alone for engines" found

several()
{
        local both='.profiles = {untrusted: {}, branch: {}} | .select.annotation = {key: "dev.runb.profile", allow: {branch: ["untrusted"]}} |
                .exceptions = [{id: "EX-1", profile: "branch", expires: "2099-12-31", reason: "r", approvedBy: "a", allow: ["noNewPrivileges"]},
                {id: "EX-2", profile: "untrusted", expires: "2099-12-30", reason: "r", approvedBy: "a", allow: ["noNewPrivileges"]}]'
        local ask='.process.noNewPrivileges = false | .annotations = {"dev.runb.profile": "untrusted"}'
        policy "$both | del(.exceptions[1])"
        bundle several "$ask | .process.args = [\"grep\", \"NoNewPrivs\", \"/proc/self/status\"]"
        run rp --profile branch run --bundle "$B" several
        want_out_has $'NoNewPrivs:\t1'
        policy "$both"
        run rp --profile branch run --bundle "$B" several
        want_out_has $'NoNewPrivs:\t0'
        # exec is judged by what was kept of both.
        bundle several2 "$ask | .process.args = [\"/bin/sleep\", \"100\"]"
        rp --profile branch create --bundle "$B" several2 < /dev/null > /dev/null
        rp start several2
        rp state --findings several2 | jq -e '.findings | any(.action == "allowed" and .got == "exception EX-1 and EX-2 until 2099-12-30")'
        run rp exec several2 grep NoNewPrivs /proc/self/status
        want_out_has $'NoNewPrivs:\t0'
        policy "$both | del(.exceptions[0])"
        run rp exec several2 grep NoNewPrivs /proc/self/status
        want_out_has $'NoNewPrivs:\t1'
        rp delete --force several2
}
check "a narrowed profile has the exceptions that each of its profiles has" several

audit()
{
        mkdir -p /run/audit; rm -f /run/audit/log
        policy '.audit = {path: "/run/audit/log"} | .profiles.untrusted.env.deny = ["*_TOKEN"]'
        p_run audit 'echo ran' '.process.env += ["GH_TOKEN=hunter2"]'
        want_rc 0
        want_same "$(stat -c %a /run/audit/log)" 600
        want_same "$(jq -r '[.event, .id, .profile, .policy, .outcome] | join(" ")' /run/audit/log)" "policy   r1 
create audit untrusted r1 allowed
start audit untrusted r1 
egress audit untrusted r1 allowed
exit audit untrusted r1 
delete audit untrusted r1 "
        want_same "$(jq -r '.findings[]? | select(.rule == "env") | .action + " " + .asked' /run/audit/log)" "tightened GH_TOKEN"
        if grep -q hunter2 /run/audit/log; then fail "the value was told"; fi
        p_run audit2 'echo ran' 'del(.linux.namespaces[] | select(.type == "network"))'
        is_refused "(namespaces.network)" audit2
        want_same "$(tail -n 1 /run/audit/log | jq -r '[.event, .id, .outcome] | join(" ")')" "create audit2 refused"
        printf '{"cut' >> /run/audit/log
        p_run audit3 'echo ran'
        want_same "$(tail -n 1 /run/audit/log | jq -r .id)" audit3
        for i in 1 2 3 4 5 6; do rp run --bundle "$B" "many$i" > /dev/null & done
        wait
        want_same "$(tail -n 30 /run/audit/log | jq -r .id | sort -u | tr '\n' ' ')" "many1 many2 many3 many4 many5 many6 "
}
check "what was decided is a line of the audit file, names only" audit

audit_errors()
{
        policy '.audit = {path: "/run/nowhere/log"}'
        p_run unwritten 'echo ran'
        is_refused "audit file /run/nowhere/log: no such file or directory; without a record nothing is made" unwritten
        policy '.audit = {path: "/run/nowhere/log", onError: "warn"}'
        p_run unwritten2 'echo ran'
        want_rc 0
        want_out ran
        ln -s /dev/null /run/audit-link
        policy '.audit = {path: "/run/audit-link"}'
        p_run unwritten3 'echo ran'
        is_refused "audit file /run/audit-link" unwritten3
        touch /run/audit-other; chown 1000 /run/audit-other; chmod 600 /run/audit-other
        policy '.audit = {path: "/run/audit-other"}'
        p_run unwritten4 'echo ran'
        is_refused "audit file /run/audit-other: belongs to uid 1000, who is not root" unwritten4
        chmod 666 /run/audit-other; chown 0 /run/audit-other
        p_run unwritten5 'echo ran'
        is_refused "audit file /run/audit-other: others than its owner can write to it" unwritten5
}
# Whoever may read a file can lock it.
audit_locked()
{
        touch /run/audit-locked; chmod 644 /run/audit-locked
        policy '.audit = {path: "/run/audit-locked"}'
        exec 8< /run/audit-locked
        flock -s 8
        p_run locked 'echo ran'
        exec 8<&-
        want_rc 0
        want_same "$(jq -r ".id // empty" /run/audit-locked | sort -u)" locked
}
CASE_TIMEOUT=20
check "an audit file that a reader keeps locked stops no build" audit_locked
CASE_TIMEOUT=60
check "an audit file that cannot be written refuses, or warns where the policy has it so" audit_errors

commands()
{
        policy '.profiles.untrusted.limits.pids = 7'
        run rt --policy $P/policy.json policy show
        want_rc 0
        want_out_has 'profiles.untrusted.limits: { "wall": "30m", "pids": 7, "core": 1 }'
        run rt policy lint $P/policy.json
        want_rc 0
        want_out_has 'revision r1 is in order'
        want_out_without 'profiles.image-build.seccomp.base'
        cp $P/policy.json $P/old.json
        run rt policy diff $P/old.json $P/policy.json
        want_rc 0
        want_out ""
        policy '.profiles.untrusted.limits.pids = 8'
        run rt policy diff $P/old.json $P/policy.json
        want_rc 1
        want_same "$(wc -l < "$T/out")" 2
        echo '{"version": 2}' > $P/policy.json
        run rt policy lint $P/policy.json
        want_rc 2
        want_err_has "this runb reads version 1, not 2"
        run rt policy schema
        want_same "$(jq -r .required[0] "$T/out")" version
        run rt policy undo
        want_rc 2
}
check "runb policy shows, lints and compares" commands

finish
