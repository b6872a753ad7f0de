#!/bin/bash
# Network namespaces that have egress rules already: a pod's, in which containers live by them, and those that an engine pools,
# in which nobody lives any more.
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "asks for egress rules"
. "$(dirname "$0")/egress_lib.sh"
serve "$outside" serve 443; serve "$outside" serve 8080
wait_for_neighbour 443

profiles() # JQ-OBJECT of profiles, [AUDIT]
{
        jq -cn "{version: 1, revision: \"test\", profiles: $1} + ${2:-{\}}" > "$P/policy.json"
        chmod 600 "$P/policy.json"
}
# live ID PROFILE [COMMAND]: a container that stays
live()
{
        inside_bundle "$1" "${3:-sleep 600}"
        "$RUNB" --root "$T/state" --policy "$P/policy.json" --profile "$2" run --bundle "$B" --detach "$1" < /dev/null > "$T/out.$1" 2>&1 9>&- ||
                fail "$1 does not run: $(cat "$T/out.$1")"
}
end() { "$RUNB" --root "$T/state" delete --force "$1"; }
as() { inside_bundle "$2" "$3"; run rt --policy "$P/policy.json" --profile "$1" run --bundle "$B" "$2"; }
open443='{egress: {allow: [{cidr: "203.0.113.5/32", ports: [443]}]}}'
open8080='{egress: {allow: [{cidr: "203.0.113.5/32", ports: [8080]}]}}'

# Told by the namespace's containers, or else by its rules.
is_stranger() # PROFILE ID
{
        is_refused "profile \"$1\"" "$2"
        want_match "$err" 'namespaces\.network\): .* is that of container|has the egress rules of another profile than'
}

another_profile()
{
        clear_table
        profiles "{untrusted: {}, branch: $open443}"
        live a untrusted
        as branch b 'tool tcp 203.0.113.5 443'
        is_stranger branch b
        want_same "$(in_ns "$knock" tcp 203.0.113.5 443)" EHOSTUNREACH
        as untrusted b 'tool tcp 203.0.113.5 443'; want_lines EHOSTUNREACH
        end a
        as branch b 'tool tcp 203.0.113.5 443'; want_lines answer
        # The stricter one by the rules of a looser one, too.
        live a branch
        as untrusted b 'tool tcp 203.0.113.5 443'
        is_stranger untrusted b
        end a
}
check "a container of another profile than that of a living one is refused, and goes when that has ended" another_profile

not_started_yet()
{
        clear_table
        profiles "{untrusted: {}, branch: $open443}" '{audit: {path: "/run/policy/audit.jsonl"}}'
        rm -f /run/policy/audit.jsonl
        inside_bundle c true
        run rt --policy "$P/policy.json" --profile untrusted create --bundle "$B" c; want_rc 0
        as branch d true
        is_stranger branch d
        jq -e 'select(.event == "create" and .outcome == "refused" and .id == "d")' /run/policy/audit.jsonl > /dev/null || fail "not in the audit file"
        run rt start c; want_rc 0
        end c
}
check "one that was created counts as living, and the audit file tells of the refusal" not_started_yet

another_version()
{
        clear_table
        profiles "{branch: $open443}"
        live a branch
        profiles "{branch: $open8080}"
        as branch b true
        is_refused 'of another version of it' b
        # Whoever lives by the rules goes on.
        run rt exec a tool tcp 203.0.113.5 443; want_lines answer
        end a
        as branch b 'tool tcp 203.0.113.5 443; tool tcp 203.0.113.5 8080'; want_lines EHOSTUNREACH answer
        profiles "{branch: $open443}"
        as branch b 'tool tcp 203.0.113.5 443; tool tcp 203.0.113.5 8080'; want_lines answer EHOSTUNREACH
}
check "a policy that has changed holds for a namespace in which nobody lives, and is refused where somebody does" another_version

counts()
{
        clear_table
        profiles "{branch: $open443}"
        live a branch 'tool udp 203.0.113.6 53; tool tcp 203.0.113.5 443; sleep 600'
        wait_for 10 grep -q answer "$T/out.a"
        as branch b true; want_rc 0
        run rt egress --format json a
        want_same "$(jq -c '[.refused[].address, .passed[].address]' <<< "$out")" '["203.0.113.6","203.0.113.5"]'
        end a
        live a branch
        run rt egress --format json a
        want_same "$(jq -c '[.refused, .passed]' <<< "$out")" '[[],[]]'
        end a
}
check "what was counted stays when another container of the pod comes, and begins anew when nobody lives there" counts

named() { unshare -m sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' - "$T/hosts.host" "$@"; }
addresses()
{
        clear_table
        allow '{host: "pkg.example.org", ports: [443]}, {cidr: "203.0.113.7/32", ports: [443]}'
        echo '203.0.113.5 pkg.example.org' > "$T/hosts.host"
        inside_bundle a 'sleep 600'
        named "$RUNB" --root "$T/state" --policy "$P/policy.json" run --bundle "$B" --detach a < /dev/null > "$T/out.a" 2>&1 9>&- || fail "$(cat "$T/out.a")"
        echo '203.0.113.6 pkg.example.org' > "$T/hosts.host"
        inside_bundle b 'cat /etc/hosts; tool tcp 203.0.113.5 443; tool tcp 203.0.113.6 443; tool tcp 203.0.113.6 8080; tool tcp 198.51.100.9 443; sleep 600'
        named "$RUNB" --root "$T/state" --policy "$P/policy.json" run --bundle "$B" --detach b < /dev/null > "$T/out.b" 2>&1 9>&- || fail "$(cat "$T/out.b")"
        wait_for 10 eval '[ "$(wc -l < "$T/out.b")" = 5 ]'
        want_same "$(cat "$T/out.b")" "$(printf '%s\n' $'203.0.113.6\tpkg.example.org' answer answer EHOSTUNREACH EHOSTUNREACH)"
        # Both are content with the rules.
        run rt exec a tool tcp 203.0.113.5 443; want_lines answer
        run rt exec b tool tcp 203.0.113.6 443; want_lines answer
        in_ns nft 'add element inet runb allowed4 { 203.0.113.6 . tcp . 80 }'
        run rt exec b true; want_rc 255; want_err_has 'its set allowed4 is not the one that was installed'
        end a; end b
}
check "a host name that has got another address opens that one, too, and does not close the first" addresses

at_once()
{
        local i
        clear_table
        profiles "{untrusted: {}, branch: $open443}"
        as untrusted old true; want_rc 0        # a table is there
        for i in 1 2 3 4; do
                inside_bundle "u$i" 'sleep 600'
                inside_bundle "b$i" 'sleep 600'
        done
        for i in 1 2 3 4; do
                for profile in untrusted branch; do
                        id=${profile:0:1}$i
                        "$RUNB" --root "$T/state" --policy "$P/policy.json" --profile "$profile" run --bundle "$T/$id" --detach "$id" < /dev/null > "$T/out.$id" 2>&1 9>&- &
                        made+=($!)
                done
        done
        wait "${made[@]}" || true
        local u=0 b=0
        for i in 1 2 3 4; do [ -e "$T/state/u$i" ] && u=$((u + 1)); [ -e "$T/state/b$i" ] && b=$((b + 1)); done
        [ $u = 0 ] || [ $b = 0 ] || fail "$u of one profile and $b of the other live in one network namespace"
        for i in 1 2 3 4; do end "u$i"; end "b$i"; done
}
check "of two profiles that come at once at most one gets in" at_once
finish
