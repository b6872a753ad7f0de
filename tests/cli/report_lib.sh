# Sourced by report*.sh: containers that hold, and hands that weaken them.
is_runb || skip_all "only runb promises this"
need jq nsenter nft prlimit setpriv unshare
[ "$(id -u)" = 0 ] || skip_all "needs root (to weaken what it made)"
P=/run/policy
mkdir -p $P

policy() { jq -cn "{version: 1, revision: \"t\", profiles: {untrusted: $1}}" > $P/policy.json; chmod 600 $P/policy.json; }
rp() { rt --policy $P/policy.json "$@"; }
# sleeper ID [JQ-FILTER]: with the policy file where there is one
sleeper()
{
        bundle "$1" "(${2:-.}) | .process.args = [\"/bin/sleep\", \"1000\"]"
        if [ -e $P/policy.json ]; then
                rp create --bundle "$B" "$1" < /dev/null > /dev/null 2> "$T/$1.err"
        else
                rt create --bundle "$B" "$1" < /dev/null > /dev/null 2> "$T/$1.err"
        fi || { cat "$T/$1.err"; return 1; }
        rt start "$1"
        pid=$(rt state "$1" | jq .pid)
        is_sleeping() { [ "$(cat /proc/$pid/comm)" = sleep ]; }
        wait_for 20 is_sleeping
}
# With its pid namespace: mount(8) of the image looks into /proc/self.
lacking() { rt delete -f w; skip_case "$1"; }
in_mounts() { nsenter -t "$pid" -m -p "$@"; }
cgroup_of() { jq -r --arg f "$2" '.cgroups[] | select(test($f))' "$T/state/$1/state.json"; }
cgroup_file() # ID FILE: where it is
{
        local folder
        for folder in $(jq -r '.cgroups[]' "$T/state/$1/state.json"); do [ -e "$folder/$2" ] && echo "$folder/$2" && return; done
        return 1
}
join_cgroup() { local folder; for folder in $(jq -r '.cgroups[]' "$T/state/$1/state.json"); do echo "$2" > "$folder/cgroup.procs"; done; }
want_holding() # ID
{
        run rt report --format json "$1"
        want_rc 0
        want_same "$(echo "$out" | jq -r '.verdict, ([.checks[] | select(.verdict != "holds" and .verdict != "not read")] | length)' | xargs)" "holds 0"
}
# want_weak ID CONTROL WORDS: that control alone, or those named with blanks between them
want_weak()
{
        run rt report --format json "$1"
        want_rc 3
        want_same "$(echo "$out" | jq -r '.verdict')" "does not hold"
        want_same "$(echo "$out" | jq -r '[.checks[] | select(.verdict != "holds" and .verdict != "not read") | .control] | unique | join(" ")')" "$2"
        out=$(echo "$out" | jq -r '.checks[] | select(.verdict != "holds" and .verdict != "not read") | .text')
        want_out_has "$3"
}
# weakened CONTROL WORDS COMMAND...: of a container that holds
weakened()
{
        local control=$1 words=$2
        shift 2
        rt delete -f w
        sleeper w
        want_holding w
        "$@"
        want_weak w "$control" "$words"
        rt delete -f w
}
# join_as NSENTER-OPTION... COMMAND...: a process of the host in the container's namespaces, but for those left out; nsenter waits
# for it outside. $joined
join_as()
{
        nsenter -t "$pid" -p "$@" > "$T/join.log" 2>&1 < /dev/null 9>&- & entering=$!
        has_joined() { joined=$(cat /proc/$entering/task/$entering/children); joined=${joined%% *}; [ "$(cat "/proc/$joined/comm")" = sleep ]; }
        wait_for 20 has_joined || { cat "$T/join.log"; return 1; }
        has_joined
}
end_joined() { kill_tree $entering || true; wait $entering 2> /dev/null || true; }
