#!/bin/bash
# cgroups: host v2
# What the audit log says of what was lost or is not known: after a crash of the machine, where nothing can be written, of an end that
# nobody saw; and records as long as they can get.
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "other runtimes have no audit log"
need jq python3
P=/run/policy
A=/run/audit
L=$A/log
mkdir -p $P
CASE_TIMEOUT=120
policy() { jq -n "{version: 1, revision: \"r1\", audit: ({path: \"$L\"} + ${1:-{\}}), profiles: {untrusted: {}}} | ${2:-.}" > $P/policy.json; chmod 600 $P/policy.json; }
rp() { rt --policy $P/policy.json "$@"; }
fresh() { rm -rf $A; mkdir -p $A; policy "$@"; }
audit() { "$RUNB" --policy $P/policy.json audit "$@"; }
keyed() { fresh "$@"; audit init > "$T/key"; }
quick() { sh_bundle "$1" true; run rp run --bundle "$B" "$1"; want_rc 0; }
save() { cp $L "$T/good"; cp $L.chain "$T/good.chain"; }
restore() { cp "$T/good" $L; cp "$T/good.chain" $L.chain; }
zeros() { head -c "$1" /dev/zero; }
recovered() { jq -rR "fromjson? | select(.event == \"recover\") | $1" $L; }
# Every line is a record, but for those that are named; and what comes after the crash is whole.
readable() { jq -c .seq "$1" > /dev/null 2>&1; }

power_loss()
{
        local n size head
        keyed
        quick p1
        size=$(stat -c %s $L) n=$(wc -l < $L)
        quick p2
        save
        # Zeros where the last records were, and the chain knows of those: as ext4 and xfs show it after a crash.
        { head -c "$size" "$T/good"; zeros $(($(stat -c %s "$T/good") - size)); } > $L
        run audit verify --key "$T/key"
        want_rc 1
        want_out_has "records were cut off"
        quick p3
        readable $L || fail "a record stands in one line with zeros: $(tail -n +$((n + 1)) $L | head -n 1 | tr '\0' 0 | cut -c1-100)"
        want_same "$(recovered '[.zeroBytes, .missingBytes] | unique | tostring')" "[$(($(stat -c %s "$T/good") - size))]"
        run audit verify --key "$T/key"
        want_rc 1
        want_out_has "records $((n + 1)) to $(wc -l < "$T/good") before it are missing"
        want_same "$(grep -c 'missing\|cut\|edited' <<< "$out")" 1
        # In the middle of a record; the zeros begin where a block did.
        restore
        { head -c $((size + 100)) "$T/good"; zeros 5000; } > $L
        quick p4
        want_same "$(tail -n 1 $L | jq -r .event)" delete
        want_same "$(recovered '.zeroBytes')" 5000
        # Zeros behind what the chain knows: nothing was lost that was noted.
        restore
        zeros 8192 >> $L
        run audit verify --key "$T/key"
        want_rc 0
        quick p5
        want_same "$(recovered '"\(.zeroBytes) \(.missingBytes)"')" "8192 null"
        run audit verify --key "$T/key"
        want_rc 0
        # The file is as long as it was before, or ends within a line.
        restore
        truncate -s $((size + 100)) $L
        quick p6
        want_same "$(recovered '.missingBytes')" $(($(stat -c %s "$T/good") - size - 100))
        run audit verify --key "$T/key"
        want_rc 1
        # The chain file never came to the disk.
        fresh
        quick p7
        zeros 512 > $L.chain
        quick p8
        want_same "$(recovered '.chainLost')" true
        run audit verify
        want_rc 0
}
check "zeros at the end, as a crash of the machine leaves them, are cut off and told, and swallow no record" power_loss

alarm()
{
        [ ! -e /dev/log ] || skip_case "somebody listens on /dev/log"
        python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/dev/log")
with open(sys.argv[1], "ab", buffering=0) as f:
    while True:
        f.write(s.recv(65536) + b"\n")' "$T/syslog" &
        trap "kill $!; rm -f /dev/log" EXIT
        wait_for 10 test -S /dev/log
        fresh '{onError: "warn"}'
        quick a1
        [ ! -s "$T/syslog" ] || fail "$(cat "$T/syslog")"
        # A log that cannot be opened; its record of a gap is told when it can.
        mv $A $A.away
        sh_bundle a2 true
        run rp run --bundle "$B" a2
        want_rc 0
        want_err ""
        wait_for 10 grep -q "^<83>runb\[[0-9]*\]: audit file $L: no such file or directory" "$T/syslog"
        want_same "$(wc -l < "$T/syslog")" 1
        mv $A.away $A
        quick a3
        want_same "$(jq -r 'select(.event == "gap") | .lost > 2' $L)" true
        want_same "$(wc -l < "$T/syslog")" 1
        # Where nobody listens it is as before.
        kill $!; rm -f /dev/log; trap - EXIT
        mv $A $A.away
        quick a4
        mv $A.away $A
}
check "where onError is warn, the host's system log gets a line, once a call; the engine sees nothing" alarm

lost_told()
{
        mkdir -p $A; mount -t tmpfs -o size=64k,mode=700 tmpfs $A
        trap 'umount -l $A' EXIT
        policy '{onError: "warn"}'
        quick l0
        cat /dev/zero > $A/filler 2> /dev/null || :
        local n=0
        until audit verify | grep -q "records could not be written (no space left on device), which the next record will tell"; do
                quick l1
                n=$((n + 1)); [ $n -lt 100 ] || fail "nothing is lost"
        done
        rm $A/filler
        quick l2
        run audit verify
        want_rc 0
        want_out_without "could not be written"
}
check "verify says how many records could not be written, as long as no record does" lost_told

long_records()
{
        keyed
        # As long as the engine's requests can be: more than a line may have, if all of it were told.
        bundle long '.process.args = ["/bin/true"] | .mounts += [range(1100) | {destination: ("/m/\(.)" + ("/" + "\u0001" * 200) * 10), type: "tmpfs", source: "tmpfs"}]'
        run rp run --bundle "$B" long
        local longest
        longest=$(awk '{ if (length($0) > n) n = length($0) } END { print n + 0 }' $L)
        [ "$longest" -gt 500000 ] || fail "the longest has $longest bytes"
        [ "$longest" -lt 4194304 ] || fail "the longest has $longest bytes"
        run audit verify --key "$T/key"
        want_rc 0
        want_same "$(jq -r 'select(.event == "create") | .mountCount >= 1100 and (.mounts | length) < .mountCount' $L)" true
}
check "a record of a request as long as can be is one that verify reads" long_records

end_seen()
{
        fresh '{}' '.profiles.untrusted = {limits: {wall: "100s"}}'
        sh_bundle e1 true
        run rp run --bundle "$B" e1; want_rc 0
        want_same "$(jq -c 'select(.event == "exit" and .id == "e1") | .endSeen' $L)" true
        # The guard has seen it, hours before delete comes.
        bundle e2 '.process.args = ["/bin/sleep", "1000"]'
        rp run --detach --bundle "$B" e2 < /dev/null > /dev/null 2>&1
        # One that comes too late has not seen it.
        watching() { ls -l "/proc/$(head -c 32 "$T/state/e2/guard" | tr -d '\0')/fd" 2> /dev/null | grep -q timerfd; }
        wait_for 60 watching
        run rp kill e2 KILL; want_rc 0
        noted() { [ "$(tail -c +33 "$T/state/e2/guard" | wc -c)" -gt 3 ]; }
        wait_for 60 noted
        ended=$(tail -c +33 "$T/state/e2/guard") created=$(jq .createdMs "$T/state/e2/state.json")
        run rp delete e2; want_rc 0
        want_same "$(jq -c 'select(.event == "exit" and .id == "e2") | [.endSeen, .wallMs]' $L)" "[true,$((ended - created))]"
        # Nobody is there: the guard was killed.
        bundle e3 '.process.args = ["/bin/sleep", "1000"]'
        rp run --detach --bundle "$B" e3 < /dev/null > /dev/null 2>&1
        watching=$(head -c 32 "$T/state/e3/guard" | tr -d '\0')
        kill -KILL "$watching"
        wait_for 60 eval '[ ! -e "/proc/$watching/stat" ] || grep -q ") [ZX] " "/proc/$watching/stat"'
        run rp delete --force e3; want_rc 0
        want_same "$(jq -c 'select(.event == "exit" and .id == "e3") | .endSeen' $L)" false
}
check "the record of an end says whether anybody saw it: run does, a guard does, else it is told when it is deleted" end_seen

other_hands()
{
        local what
        fresh
        chmod 777 $A
        sh_bundle f true
        run rp run --bundle "$B" f
        want_rc 1
        want_err_has "everybody can write to the folder $A, and take it away; chmod o-w it"
        chmod 1777 $A
        quick f2
        # Both files: a link, a pipe, somebody else's, one that others write to.
        for what in $L $L.chain; do
                fresh
                touch "$T/elsewhere"; chmod 600 "$T/elsewhere"
                ln -s "$T/elsewhere" $what
                run rp run --bundle "$B" f
                want_rc 1
                want_err_has "too many levels of symbolic links"
                want_same "$(stat -c %s "$T/elsewhere")" 0
                rm -f $A/*; mkfifo $what; chmod 600 $what
                run rp run --bundle "$B" f
                want_rc 1
                want_err_has "is no regular file"
                rm -f $A/*; touch $what; chmod 600 $what; chown 1234 $what
                run rp run --bundle "$B" f
                want_rc 1
                want_err_has "belongs to uid 1234"
                rm -f $A/*; touch $what; chmod 666 $what
                run rp run --bundle "$B" f
                want_rc 1
                want_err_has "chmod"
                rm -f $A/*
        done
        # The folder of the state is as it was.
        want_same "$(ls "$T/state" 2> /dev/null)" ""
}
check "a log, a chain file or a folder that others shape is refused with the remedy, and nothing is made" other_hands
finish
