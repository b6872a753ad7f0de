#!/bin/bash
# process.user, capabilities and noNewPrivileges (runtime-spec 1.3, config.md "User", "Linux Process").
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
need jq
is_runb || runc_only=1

in_container()
{
        local name=$1
        bundle "$name" ".process.args = [\"/bin/sh\", \"-c\", \$c] | ($2)" --arg c "$3"
        run rt run --bundle "$B" "$name" < /dev/null
}
finding() # CONTAINER PROPERTY: "asked -> got" of the record
{
        jq -r --arg p "$2" '.findings[] | select(.property == $p) | "\(.asked) -> \(.got)"' "$T/state/$1/state.json"
}

ids()
{
        in_container ids '.process.user = {uid: 1000, gid: 50}' 'grep -E "^(Uid|Gid|Groups):" /proc/self/status | tr -s "\t " " "'
        want_out "Uid: 1000 1000 1000 1000
Gid: 50 50 50 50
Groups: " || want_out "Uid: 1000 1000 1000 1000
Gid: 50 50 50 50
Groups:"
        in_container ids2 '.process.user = {uid: 3, gid: 4, additionalGids: [20, 7]}' 'grep ^Groups /proc/self/status | tr -s "\t " " "; id -G'
        want_out_has "Groups: 7 20"
        refused_by_runb ids3 '.process.user = {uid: -1, gid: 0}' 'process.user.uid'
        refused_by_runb ids4 '.process.user = {uid: 4294967295, gid: 0}' 'process.user.uid'
        if is_runb; then
                refused_by_runb ids5 'del(.process.user.gid)' 'process.user.gid'
                refused_by_runb ids6 '.process.user = {uid: 70000, gid: 0}' 'process.user.uid: 70000'
                refused_by_runb ids7 '.process.user = {uid: 0, gid: 70000}' 'process.user.gid: 70000'
                refused_by_runb ids8 '.process.user = {uid: 0, gid: 0, additionalGids: [70000]}' 'process.user.additionalGids: 70000'
        fi
}
check "the ids are the process's four, the groups exactly the listed ones; ids outside the map are refused" ids

file_mask()
{
        in_container um1 '.process.user.umask = 63' 'umask; touch /tmp/f; stat -c %a /tmp/f'
        want_out "0077
600"
        in_container um2 '.process.user.umask = 0' 'umask'
        want_out 0000
        # runc's and crun's when it is absent; the specification has the caller's, which is an engine's affair.
        (umask 077; in_container um3 . 'umask'; want_out 0022)
        is_runb || return 0
        refused_by_runb um4 '.process.user.umask = 512' 'process.user.umask'
        refused_by_runb um5 '.process.user.umask = -1' 'process.user.umask'
}
check "the umask is config.json's, and 0022 without one" file_mask

sets()
{
        in_container caps '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"], permitted: ["CAP_CHOWN", "CAP_KILL"],
                effective: ["CAP_KILL"]} | .process.user = {uid: 7, gid: 7}' 'grep ^Cap /proc/self/status | tr -s "\t" " "'
        # A program of another user than root has none left after exec, capabilities(7); the bounding set stays.
        want_out "CapInh: 0000000000000000
CapPrm: 0000000000000000
CapEff: 0000000000000000
CapBnd: 00000000000000a1
CapAmb: 0000000000000000"
        in_container caps2 '.process.noNewPrivileges = true | .process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"], permitted: ["CAP_CHOWN", "CAP_KILL"],
                effective: ["CAP_KILL"]}' 'grep -E "^Cap(Bnd|Prm|Eff)" /proc/self/status | tr -s "\t" " "'
        # As root exec fills them, with no_new_privs from the permitted set.
        want_out "CapPrm: 0000000000000021
CapEff: 0000000000000021
CapBnd: 00000000000000a1"
        in_container caps3 'del(.process.capabilities)' 'grep ^Cap /proc/self/status | tr -s "\t" " "'
        want_same "$(grep -c ' 0000000000000000$' "$T/out")" 5
}
check "the capability sets are config.json's; without the member there are none" sets

cut()
{
        is_runb || skip_case "policy"
        start_sleeper cut '.process.capabilities = (["CAP_CHOWN", "CAP_SYS_ADMIN"] as $c | {bounding: $c, effective: $c, permitted: $c,
                inheritable: $c, ambient: $c})'
        want_same "$(finding cut process.capabilities.bounding)" "CAP_CHOWN,CAP_SYS_ADMIN -> CAP_CHOWN"
        want_same "$(finding cut process.capabilities.inheritable)" "CAP_CHOWN,CAP_SYS_ADMIN -> none"
        want_same "$(finding cut process.capabilities.ambient)" "CAP_CHOWN,CAP_SYS_ADMIN -> none"
        run rt exec cut grep ^Cap /proc/self/status
        want_same "$(awk '{ print $2 }' "$T/out" | sort | uniq -c | awk '{ print $1, $2 }')" "2 0000000000000000
3 0000000000000001"
        rt delete --force cut
}
check "capabilities beyond the profile's are cut with a finding a set" cut

unknown_capability()
{
        is_runb || skip_case "other runtimes warn"
        for set in bounding effective permitted inheritable ambient; do
                refused_by_runb "unknown$set" ".process.capabilities.$set += [\"CAP_FLY\"]" \
                        'process.capabilities: there is no capability "CAP_FLY"; see capabilities(7)'
        done
        refused_by_runb lower '.process.capabilities.bounding = ["cap_chown"]' '"cap_chown"'
}
check "a capability that no Linux has is one line of an error" unknown_capability

no_new_privileges()
{
        in_container nnp '.process.noNewPrivileges = true' 'grep NoNewPrivs /proc/self/status'
        want_out "NoNewPrivs:	1"
        is_runb || return 0
        start_sleeper nnp2 '.process.noNewPrivileges = false'
        want_same "$(finding nnp2 process.noNewPrivileges)" "false -> true"
        run rt exec nnp2 grep NoNewPrivs /proc/self/status
        want_out "NoNewPrivs:	1"
        rt delete --force nnp2
}
check "no_new_privs is set, and where config.json says false that is a finding" no_new_privileges

exec_takes_over()
{
        start_sleeper over '.process.user.umask = 23 | .process.capabilities = (["CAP_CHOWN", "CAP_KILL"] | {bounding: ., effective: ., permitted: .})'
        echo '{"cwd": "/", "args": ["sh", "-c", "umask; grep CapBnd /proc/self/status"], "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}}' > "$T/p.json"
        run rt exec --process "$T/p.json" over
        # The umask: runc since 1.2.
        want_out "$(is_runb && echo 0027 || echo 0022)
CapBnd:	0000000000000021"
        jq '.user.umask = 18 | .capabilities = {bounding: ["CAP_KILL"]}' "$T/p.json" > "$T/p2.json"
        run rt exec --process "$T/p2.json" over
        is_runb && want_out "0022
CapBnd:	0000000000000020"
        rt delete --force over
}
check "a process.json without umask and capabilities has the container's" exec_takes_over

finish
