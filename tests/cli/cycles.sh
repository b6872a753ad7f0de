#!/bin/bash
# 500 containers one after the other: what each leaves behind adds up until it is seen.
# cgroups: v1 v2
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "only runb promises this"
need jq
CASE_TIMEOUT=600
P=/run/policy
mkdir -p $P

processes() { ls -d /proc/[0-9]* | wc -l; }
# All that a container has, by name, without what the first one makes for good: filters, locks, folders of lists.
everything()
{
        find /sys/fs/cgroup -mindepth 1 -type d
        cut -d' ' -f5 /proc/self/mountinfo
        find /run/runb "$T/state" \( -path '*/cache*' -o -name lock \) -prune -o -type f -print 2> /dev/null
        find "$T/state" -mindepth 1 -type d 2> /dev/null
        ip link 2> /dev/null | grep -o '^[0-9]*: [^:]*'
        ipcs -a 2> /dev/null | grep '^0x'
}
no_more() { [ "$(processes)" -le "$1" ]; }

# cycle N: in three ways of ending
cycle()
{
        local id=c$1

        case $(($1 % 3)) in
        0) rp run --bundle "$B" $id > /dev/null;;
        1) rp create --bundle "$B" $id < /dev/null > /dev/null 2>&1 && rt delete $id;;
        2) rp create --bundle "$B" $id < /dev/null > /dev/null 2>&1 && rt start $id && rt delete --force $id;;
        esac
}
cycles() # N POLICY-OPTION...
{
        local n=$1 before i
        shift
        rp() { "$RUNB" --root "$T/state" "$@"; }
        [ $# = 0 ] || rp() { "$RUNB" --root "$T/state" --policy $P/policy.json "$@"; }
        bundle cy '.process.args = ["/bin/true"]'
        for i in 0 1 2; do cycle $i; done
        everything | sort > "$T/before"
        before=$(processes)
        for ((i = 3; i < n; i++)); do
                cycle $i || { fail "container $i"; return 1; }
        done
        wait_for 60 no_more "$before"
        everything | sort | diff "$T/before" - || fail "this was left"
}
check "500 containers leave not one cgroup, mount, process, lease, file or interface" cycles 500
jq -n --arg t "$T" '{version: 1, revision: "t", audit: {path: "/run/policy/audit.jsonl"},
        profiles: {untrusted: {limits: {wall: "1000s", concurrent: 2}}}}' > $P/policy.json
check "100 with a deadline, a number at once and an audit file leave no guard and no slot either" cycles 100 policy
finish
