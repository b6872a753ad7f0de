#!/bin/bash
# From what was let out in audit mode to a list: it can be read, and a build that has it works as before, and reaches no more.
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "asks for egress rules"
. "$(dirname "$0")/egress_lib.sh"
for port in 443 8080 80 53 81 82; do serve "$outside" serve $port; done
wait_for_neighbour 443
named() { unshare -m sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' - "$T/hosts.host" "$@"; }
echo '203.0.113.5 pkg.example.org' > "$T/hosts.host"
echo '10.77.0.2 inner.example.org' >> "$T/hosts.host"
echo '203.0.113.6 other.example.org' >> "$T/hosts.host"
try_named() { inside_bundle "$@"; run named "$RUNB" --root "$T/state" --policy "$P/policy.json" run --bundle "$B" "$1"; }
build='tool tcp 203.0.113.5 443; tool tcp 203.0.113.5 80; tool tcp 203.0.113.6 80; tool tcp 203.0.113.6 81; tool tcp 203.0.113.6 82; tool tcp 203.0.113.6 443
        tool udp 10.77.0.2 443; tool tcp 2001:db8::2 8080'
rest='tool udp 203.0.113.6 443; tool tcp 203.0.113.5 8080; tool udp 10.77.0.2 53'

learnt()
{
        clear_table
        with_audit '{egress: {mode: "audit", allow: [{host: "pkg.example.org", ports: [1]}, {host: "inner.example.org", ports: [1]}, {host: "nowhere.invalid", ports: [1]}]}}'
        try_named a "$build; tool udp 10.77.0.2 53; tool tcp 169.254.169.254 80; cat /etc/hosts"
        want_lines answer answer answer answer answer answer answer answer answer EHOSTUNREACH $'203.0.113.5\tpkg.example.org' $'10.77.0.2\tinner.example.org'
        want_same "$(last_record | jq -c '[.passed[] | select(.name) | [.name, .port]]')" \
                '[["inner.example.org",53],["inner.example.org",443],["pkg.example.org",80],["pkg.example.org",443]]'
        run rt policy learn /run/policy/audit.jsonl
        want_rc 0
        want_err_has 'left out: 10.77.0.2 udp 53: the DNS is closed'
        echo "$out" > "$T/learnt.json"
        want_same "$(jq -c '.profiles.untrusted.egress.allow[]' <<< "$out")" "$(printf '%s\n' \
                '{"host":"pkg.example.org","ports":[80,443]}' '{"cidr":"10.77.0.2/32","ports":[443],"protocol":"udp"}' \
                '{"cidr":"203.0.113.6/32","ports":["80-82",443]}' '{"cidr":"2001:db8::2/128","ports":[8080]}')"
        run rt policy lint "$T/learnt.json"; want_rc 0; want_out_has 'is in order'
        # Pasted, it lets out that and no more.
        clear_table
        cp "$T/learnt.json" "$P/policy.json"; chmod 600 "$P/policy.json"
        try_named b "$build; $rest"
        want_lines answer answer answer answer answer answer answer answer EPERM EHOSTUNREACH EPERM
}
check "what audit mode let out becomes a list that lets out the same" learnt

options()
{
        clear_table
        with_audit '{egress: {mode: "audit"}}'
        try c 'tool tcp 203.0.113.5 443'
        try d 'tool tcp 203.0.113.6 443; tool tcp 169.254.169.254 80'
        echo '{"event":"egress","id":"cut","profile":"untrusted","passed":[{"addr' >> /run/policy/audit.jsonl
        run rt policy learn --id d /run/policy/audit.jsonl
        want_rc 0; want_err_has 'left out: 1 lines that are no whole records'
        want_same "$(jq -c '[.profiles[].egress.allow[].cidr]' <<< "$out")" '["203.0.113.6/32"]'
        run rt policy learn --id c --id d --refused /run/policy/audit.jsonl
        want_same "$(jq -c '[.profiles[].egress.allow[].cidr]' <<< "$out")" '["203.0.113.5/32","203.0.113.6/32"]'
        want_err_has 'left out: 169.254.169.254 tcp 80: it is closed always'
        run named "$RUNB" policy learn --host other.example.org /run/policy/audit.jsonl
        want_rc 0
        want_same "$(jq -c '[.profiles[].egress.allow[] | .host, .cidr]' <<< "$out")" '["other.example.org",null,null,"203.0.113.5/32"]'
        # Without a file: that of the policy.
        sed -i '$d' /run/policy/audit.jsonl
        run rt --policy "$P/policy.json" policy learn --id c; want_rc 0; want_out_has 203.0.113.5
        run rt policy learn --id nobody /run/policy/audit.jsonl; want_rc 2; want_out ""; want_err_has 'no record of the event egress of that container'
        run rt policy learn /run/policy/none; want_rc 2; want_err_has 'read /run/policy/none: no such file or directory'
        run rt policy lint --id c "$P/policy.json"; want_rc 2; want_err_has '--id, --host and --refused are options of learn'
}
check "some containers, host names and what was refused are chosen by options; bad lines are told" options

hostile()
{
        printf '%s\n' '{"event":"egress","id":"x","profile":"a\"}{","passed":[{"address":"203.0.113.5","protocol":"tcp","port":443,"name":"a\",\"b"}]}' \
                '{"event":"egress","id":"x","profile":"p","passed":[{"address":"203.0.113.5 ","protocol":"tcp","port":443}]}' \
                '{"event":"egress","id":"x","profile":"p","passed":[{"address":"203.0.113.5","protocol":"tcp","port":70000}]}' \
                '{"event":"egress","id":"x","profile":"p","passed":[{"address":"203.0.113.5","protocol":"\u001b[2J","port":4}]}' \
                '{"event":"egress","id":"x","profile":"p","passed":{}}' '{"event":"egress"' '"egress"' '["egress"]' > "$T/bad.jsonl"
        run rt policy learn "$T/bad.jsonl"
        want_rc 0
        want_same "$(jq -c '[.profiles | to_entries[] | [.key, .value.egress.allow[0].cidr]]' <<< "$out")" '[["untrusted","203.0.113.5/32"]]'
        ! grep -q $'\033' <<< "$err" || fail "it reaches the terminal"
}
check "a file that somebody else has written to says nothing but addresses, numbers and names" hostile
finish
