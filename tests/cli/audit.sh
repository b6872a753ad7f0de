#!/bin/bash
# cgroups: host v2
# The audit log: what is in it, that it is a chain, and what happens to it by kills, full disks and other hands.
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "other runtimes have no audit log"
need jq python3
P=/run/policy
A=/run/audit
L=$A/log
mkdir -p $P
tools=$lib_dir/tools

# policy MEMBERS-OF-AUDIT [JQ-FILTER]
policy() { jq -n "{version: 1, revision: \"r1\", audit: ({path: \"$L\"} + ${1:-{\}}), profiles: {untrusted: {}}} | ${2:-.}" > $P/policy.json; chmod 600 $P/policy.json; }
rp() { rt --policy $P/policy.json "$@"; }
fresh() { rm -rf $A; mkdir -p $A; policy "$@"; }
audit() { "$RUNB" --policy $P/policy.json audit "$@"; }
keyed() { fresh "$@"; audit init > "$T/key"; }
files() { ls $L.0* 2> /dev/null; ls $L; }
events() { jq -r '.event' $L | tr '\n' ' '; }
quick() { sh_bundle "$1" "${2:-true}"; run rp run --bundle "$B" "$1"; }
# Ours and the other verifier agree that all is well.
is_whole()
{
        run audit verify --key "$T/key" "$@"
        want_rc 0
        want_out_has "whole: "
        python3 "$tools/audit_check.py" "$T/key" $(files) > "$T/other" || fail "the other verifier disagrees"
        want_same "$(cut -d' ' -f1 "$T/other")" "$(audit head)"
        want_out_has "$(sed 's/.* \([0-9]* MACs\)$/\1/' "$T/other") checked"
}
is_broken() # WHAT-IS-SAID [OPTION]...
{
        local said=$1
        shift
        run audit verify "$@"
        want_rc 1
        want_out_has "$said"
        want_out_has "NOT WHOLE"
}

life()
{
        keyed '{annotations: ["dev.example/job"]}'
        bundle life '.process.args = ["/bin/sh", "-c", "exit 3"] | .process.env += ["MORE=1"]
                | .annotations = {"dev.example/job": "job 7", "dev.example/other": "no", "io.kubernetes.cri.sandbox-id": "pod-1"}
                | .mounts += [{destination: "/in", type: "bind", source: "/usr/share", options: ["rbind", "ro"]}]'
        run rp run --bundle "$B" life
        want_rc 3
        is_whole
        cat $L
        want_same "$(events)" "init policy create start egress exit delete "
        one() { jq -r "select(.event == \"$1\") | $2" $L; }
        want_same "$(one create '[.id, .profile, .chosenBy, .policy, .outcome, .podId, .annotations["dev.example/job"]] | join(" ")')" \
                "life untrusted defaultProfile r1 allowed pod-1 job 7"
        want_same "$(jq -r 'select(.annotations != null) | .annotations | length' $L | sort -u)" 1
        want_same "$(one create .policyDigest)" "sha256:$(sha256sum < $P/policy.json | cut -d' ' -f1)"
        want_same "$(one policy .policyDigest)" "$(one create .policyDigest)"
        want_same "$(jq -r .runb.digest $L | sort -u)" "sha256:$(sha256sum < "$RUNB" | cut -d' ' -f1)"
        want_same "$(jq -r .bootId $L | sort -u)" "$(cat /proc/sys/kernel/random/boot_id)"
        want_same "$(jq -r .host $L | sort -u)" "$(cat /proc/sys/kernel/hostname)"
        # RFC 8785, which jq -S is for a document without fractions and letters beyond ASCII
        want_same "$(one create .configDigest)" "sha256:$(jq -jcS . "$B/config.json" | sha256sum | cut -d' ' -f1)"
        want_same "$(one create '.process | "\(.argCount) \(.env | sort | join(" ")) \(.uid) \(.gid)"')" "3 HOME MORE PATH 0 0"
        want_same "$(one create .process.argDigest)" "sha256:$(printf '/bin/sh\0-c\0exit 3\0' | sha256sum | cut -d' ' -f1)"
        want_same "$(one create '.mounts[] | select(.target == "/in") | "\(.type) \(.source) \(.readonly)"')" "bind /usr/share true"
        want_same "$(one create '.idMap.uid[0][0], .idMap.uid[0][2]' | tr '\n' ' ')" "0 65536 "
        want_match "$(one create .rootfs.kind)" "id-mapped mount|second overlay"
        want_same "$(one create '.limits.pids')" 4096
        want_same "$(one create '.caller.uid')" 0
        want_same "$(one create '.caller.executable')" "$(readlink -f /proc/$$/exe)"
        want_same "$(one create '.findings | length > 3')" true
        want_same "$(one start '.namespaces | keys | join(" ")')" "cgroup ipc mnt net pid time user uts"
        want_other "$(one start .namespaces.user)" "$(stat -Lc %i /proc/self/ns/user)"
        want_other "$(one start .namespaces.net)" "$(stat -Lc %i /proc/self/ns/net)"
        want_same "$(one exit '[.reason, .exitStatus] | join(" ")')" "end 3"
        # All of one container have the same time of creation.
        want_same "$(jq -r 'select(.id == "life") | .created' $L | sort -u | wc -l)" 1
        want_same "$(jq -r .time $L | grep -cvE '^20[0-9-]{8}T[0-9:]{8}\.[0-9]{9}Z$')" 0
        want_same "$(jq -r '.bootMs > 0' $L | sort -u)" true
        want_same "$(stat -c %a $L $L.chain | tr '\n' ' ')" "600 600 "
}
check "a life of a container is records of what was made, by whom and by which policy; another verifier agrees" life

exec_and_update()
{
        fresh
        bundle ex '.process.args = ["/bin/sleep", "1000"]'
        rp create --bundle "$B" ex < /dev/null > /dev/null 2>&1
        want_same "$(events)" "policy create "
        rp start ex
        want_same "$(events)" "policy create start "
        rp exec --env SECRET_NAME=hunter2 ex /bin/echo hunter2 > /dev/null
        want_same "$(jq -r 'select(.event == "exec") | "\(.process.argCount) \(.process.env | index("SECRET_NAME") != null) \(.process.argDigest)"' $L)" \
                "2 true sha256:$(printf '/bin/echo\0hunter2\0' | sha256sum | cut -d' ' -f1)"
        run rp update --pids-limit 99 ex
        if [ $rc = 0 ]; then want_same "$(jq -r 'select(.event == "update") | "\(.outcome) \(.limits.pids)"' $L)" "allowed 99"; fi
        if grep -q hunter2 $L; then fail "a value was told"; fi
        policy '{}' '.revision = "r2"'
        rp exec ex /bin/true
        want_same "$(jq -r 'select(.event == "policy") | .policy' $L | tr '\n' ' ')" "r1 r2 "
        want_same "$(jq -s -r '[.[] | select(.event == "policy")] | .[1].policyDigestBefore == .[0].policyDigest' $L)" true
        rp delete --force ex
        want_same "$(jq -r 'select(.event == "exit") | .reason' $L)" end
        want_same "$(tail -n 1 $L | jq -r .event)" delete
}
check "exec, update and another policy file are records, and so is what was started by somebody else than its creator" exec_and_update

marker()
{
        local m=XYZZY-7f3a
        keyed '{annotations: ["dev.example/job"]}' '.profiles.untrusted = {env: {deny: ["*_TOKEN"]}}'
        mkdir -p "$T/secret"; echo $m > "$T/secret/file"
        bundle m '.process.args = ["/bin/sh", "-c", "echo $m; cat /run/secret/file; exit 1", $m] | .process.env += ["A=" + $m, "GH_TOKEN=" + $m]
                | .annotations = {"dev.example/secret": $m, "dev.example/job": "j"}
                | .mounts += [{destination: "/run/secret", type: "bind", source: $s, options: ["rbind", "ro"]},
                              {destination: "/t", type: "tmpfs", source: $m, options: ["size=1m"]}]' --arg m "$m" --arg s "$T/secret"
        run rp run --bundle "$B" m
        want_rc 1
        want_out_has $m
        bundle m2 '.process.args = ["/bin/sleep", "1000"]'
        rp run --detach --bundle "$B" m2 < /dev/null > /dev/null 2>&1
        rp exec --env B=$m m2 /bin/echo $m > /dev/null
        rp delete --force m2
        # A refused one is told with the reason.
        bundle m3 'del(.linux.namespaces[] | select(.type == "network")) | .process.args = [$m] | .process.env = ["A=" + $m]
                | .annotations = {"dev.example/secret": $m}' --arg m "$m"
        run rp run --bundle "$B" m3
        want_rc 1
        is_whole
        [ "$(wc -l < $L)" -gt 10 ] || fail "too few records to be true"
        if grep -rn $m $A; then fail "the marker is in the log"; fi
}
check "what environment, arguments, annotations and secrets hold is nowhere in the log" marker

init()
{
        fresh '{chain: true}'
        quick before
        want_rc 1
        want_err_has "the policy has \"chain\", and there is no key yet; run \`runb audit init\`; without a record nothing is made"
        run audit init
        want_rc 0
        want_match "$out" '^runb-audit-key:[0-9]+:[0-9a-f]{64}$'
        echo "$out" > "$T/key"
        run audit init
        want_rc 2
        want_err_has "there is a key since record"
        quick after
        want_rc 0
        is_whole
        # What could not be recorded before is told.
        want_same "$(jq -r 'select(.event == "gap") | .lost' $L)" 1
        # Another key, and the second key of the same chain
        echo "runb-audit-key:1:$(printf '%064d' 1)" > "$T/wrong"
        is_broken "was edited: its MAC is not the one of what it says" --key "$T/wrong"
        echo rubbish > "$T/wrong"
        run audit verify --key "$T/wrong"
        want_rc 2
        want_err_has "is no key"
        # The key that was handed out is not on this machine any more, and neither is any older than the next one.
        if grep -c "$(cut -d: -f3 "$T/key" | sed 's/../\\x&/g')" -aP $L.chain; then fail "the first key is still there"; fi
}
check "without a key chain: true refuses; init hands it out once, and it is nowhere afterwards" init

# A log of ten or so records, and what is done to it.
sample() { keyed '{}'; quick s1; quick s2; want_rc 0; is_whole; cp $L "$T/good"; cp $L.chain "$T/good.chain"; }
restore() { cp "$T/good" $L; cp "$T/good.chain" $L.chain; }
tampered()
{
        sample
        sed -i '5s/"untrusted"/"Untrusted"/' $L
        is_broken "$L: line 5 (sequence 5): was edited" --key "$T/key"
        is_broken "$L: line 6 (sequence 6): does not continue record 5 (line 5 of $L), which was edited or replaced"
        restore
        sed -i 5d $L
        is_broken "$L: line 5 (sequence 6): record 5 before it is missing" --key "$T/key"
        is_broken "$L: line 5 (sequence 6): record 5 before it is missing"
        restore
        sed -i 5,7d $L
        is_broken "$L: line 5 (sequence 8): records 5 to 7 before it are missing" --key "$T/key"
        restore
        sed -i '5{h;d};6G' $L
        is_broken "$L: line 6 (sequence 5): is out of order" --key "$T/key"
        restore
        sed -i '5p' $L
        is_broken "$L: line 6 (sequence 5): is out of order" --key "$T/key"
        restore
        sed -i '5s/^/{"no":"record"}\n/' $L
        is_broken "$L: line 5 (sequence 5): is no record" --key "$T/key"
        restore
        sed -i '1d' $L
        is_broken "the log begins with record 2" --key "$T/key"
        restore
        # The last one, of which no later one has the hash.
        sed -i '$s/"policy":"r1"/"policy":"r9"/' $L
        is_broken "(sequence $(wc -l < $L)): was edited" --key "$T/key"
        is_broken "is not the last record that was written"
        rm $L.chain
        run audit verify; want_rc 0
        is_broken "was edited" --key "$T/key"
        restore
        # Taken back and written anew, without the MACs: nobody has the old keys.
        head -n 4 "$T/good" > $L; sed -n '5,$p' "$T/good" | sed 's/,"mac":"[0-9a-f]*"}$/}/' >> $L
        is_broken "(sequence 5): has no MAC" --key "$T/key"
}
check "verify names what was edited, removed, reordered, repeated and put in" tampered

truncated()
{
        local head n
        sample
        n=$(wc -l < $L)
        head=$(audit head)
        want_same "$head" "$n:$(tail -n 1 $L | tr -d '\n' | sha256sum | cut -d' ' -f1)"
        run audit verify --key "$T/key" --head "$head"; want_rc 0
        run audit verify --head "${head#*:}"; want_rc 0
        sed -i '$d' $L; sed -i '$d' $L
        is_broken "the log ends at record $((n - 2)), and the chain stands at $n: 2 records were cut off" --key "$T/key"
        # Somebody who takes the chain file away as well: only a head that was noted elsewhere tells.
        rm $L.chain
        run audit verify --key "$T/key"
        want_rc 0
        is_broken "the log ends at record $((n - 2)), and the head that was noted is $n: 2 records were cut off" --key "$T/key" --head "$head"
        is_broken "no record has the hash of the head that was noted" --head "${head#*:}"
        is_broken "is not the one that was noted" --head "3:${head#*:}"
        run audit verify --head 12:zz
        want_rc 2
        # Cut while builds go on: the next record tells, and verify names what is missing.
        restore
        sed -i '$d' $L
        quick s3; want_rc 0
        want_same "$(jq -r 'select(.event == "recover") | .missingBytes > 0' $L)" true
        is_broken "record $n before it is missing" --key "$T/key"
        # So it is where the log was taken away whole.
        restore
        rm $L
        quick s4; want_rc 0
        want_same "$(head -n 1 $L | jq -r '.event + " " + (.seq | tostring)')" "recover $((n + 1))"
        is_broken "the log begins with record $((n + 1)), and nothing says that those before it were dropped" --key "$T/key"
}
check "a tail that was cut is found by the chain, or by a head that was noted elsewhere" truncated

half_a_line()
{
        sample
        local n=$(wc -l < $L)
        printf '{"seq":%d,"prev":"0123' $((n + 1)) >> $L
        run audit verify --key "$T/key"
        want_rc 0
        want_out_has "half a record stands at the end"
        quick h1
        want_rc 0
        is_whole
        want_same "$(jq -r 'select(.event == "recover") | .cutBytes' $L)" "$(printf '{"seq":%d,"prev":"0123' $((n + 1)) | wc -c)"
        want_same "$(jq -r 'select(.event == "recover") | .cutDigest' $L)" "sha256:$(printf '{"seq":%d,"prev":"0123' $((n + 1)) | sha256sum | cut -d' ' -f1)"
        # Whole lines of another hand stay, and are told.
        echo '{"seq":99,"event":"forged"}' >> $L
        quick h2
        want_rc 0
        want_same "$(jq -r 'select(.event == "recover" and .foreignBytes != null) | .foreignBytes' $L)" 28
        is_broken "is no record" --key "$T/key"
        # Written and not noted: the chain file is of before the last record.
        sample
        quick h3
        cp $L "$T/longer"
        restore
        cp "$T/longer" $L
        run audit verify --key "$T/key"
        want_rc 0
        want_out_has "were written and not noted"
        quick h4
        want_rc 0
        is_whole
        want_same "$(grep -c '"event":"recover"' $L || :)" 0
        # That, forged: by the chain's end it is found, too.
        restore
        tail -n 1 $L | sed 's/"seq":[0-9]*/"seq":'$(($(wc -l < $L) + 1))/ >> $L
        is_broken "edited" --key "$T/key"
        is_broken "was not written with its key"
}
check "half a record is cut off and told, a whole one that was not noted is taken in, a forged one is neither" half_a_line

older_log()
{
        fresh
        echo '{"time":"2026-01-01T00:00:00Z","event":"create","id":"old"}' > $L; chmod 600 $L
        quick o1
        want_rc 0
        want_same "$(cat $L.before-1)" '{"time":"2026-01-01T00:00:00Z","event":"create","id":"old"}'
        want_same "$(head -n 1 $L | jq -r '.event + " " + .movedAside')" "recover log.before-1"
        run audit verify; want_rc 0
        # The chain file lost: it goes on, says so, and is no more than a chain of hashes.
        keyed
        quick o2
        rm $L.chain
        quick o3
        want_rc 0
        want_same "$(jq -r 'select(.chainLost) | .event' $L)" recover
        is_broken "has no MAC" --key "$T/key"
        policy '{chain: true}'
        quick o4
        want_rc 1
        want_err_has "there is no key yet"
        echo rubbish > $L.chain
        quick o5
        want_rc 1
        want_err_has "is damaged, so that nobody knows where the chain stands"
}
check "a log of before goes aside; a lost chain file is told" older_log

rotation()
{
        local i n=0
        keyed '{maxSize: "10K"}'
        for i in 1 2 3 4 5 6; do quick r$i; want_rc 0; done
        ls -l $A
        n=$(ls $L.0* | wc -l)
        [ $n -gt 2 ] || fail "$n rotated files"
        for i in $L.0* $L; do [ "$(stat -c %s $i)" -le 10240 ] || fail "$i is longer than 10K"; done
        is_whole
        want_same "$(audit query --event exit --format json | wc -l)" 6
        want_same "$(jq -r 'select(.event == "rotate") | .rotated' $(files) | wc -l)" $n
        # One file alone is a part, and in order.
        run audit verify $(ls $L.0* | sed -n 2p); want_rc 0
        # Taken away from the middle, and at the beginning.
        local second=$(ls $L.0* | sed -n 2p) first=$(ls $L.0* | sed -n 1p)
        mv $second "$T/second"
        is_broken "before it are missing" --key "$T/key"
        mv "$T/second" $second
        mv $first "$T/first"
        is_broken "nothing says that those before it were dropped" --key "$T/key"
        mv "$T/first" $first
        # By the policy's own number they may go.
        policy '{maxSize: "10K", keep: 2}'
        for i in 7 8 9 10; do quick r$i; want_rc 0; done
        want_same "$(ls $L.0* | wc -l)" 2
        run audit verify --key "$T/key"
        want_rc 0
        want_same "$(jq -r 'select(.dropped) | .dropped.last >= .dropped.first' $(files) | sort -u)" true
        rm $(ls $L.0* | head -n 1)
        is_broken "nothing says that those before it were dropped" --key "$T/key"
}
check "the log rotates by size, the chain goes on, and what keep drops is a record" rotation

parallel()
{
        local i
        keyed '{maxSize: "100K"}'
        sh_bundle par true
        for i in $(seq 100); do
                rp run --bundle "$B" par$i > /dev/null 2>> "$T/par.err" &
        done
        wait
        [ ! -s "$T/par.err" ] || fail "$(head "$T/par.err")"
        is_whole
        want_same "$(audit query --event create --format json | wc -l) $(audit query --event delete --format json | wc -l)" "100 100"
        want_same "$(jq -s -r '[.[] | select(.event == "create") | .id] | unique | length' $(files))" 100
        [ "$(files | wc -l)" -gt 2 ] || fail "no rotation"
}
CASE_TIMEOUT=300
check "a hundred runs at once write one chain" parallel

killed()
{
        local n=1 r kill_at=${RUNB%/*}/tests/tools/kill-at
        [ -x "$kill_at" ] || skip_case "$kill_at is not built"
        keyed '{chain: true, maxSize: "20K"}'
        sh_bundle k true
        while :; do
                r=0
                timeout 60 "$kill_at" $n "$RUNB" --root "$T/state" --policy $P/policy.json run --bundle "$B" k < /dev/null > /dev/null 2>&1 || r=$?
                rp delete --force k
                run audit verify --key "$T/key"
                want_rc 0
                [ $r = 0 ] || break
                n=$((n + ${RUNB_CRASH_STEP:-7}))
        done
        is_whole
        echo "# killed at $((n / ${RUNB_CRASH_STEP:-7})) system calls, $(cat $(files) | wc -l) records" >> "$T/summary"
        # Every program that ran was a record first, and whoever began to write had nothing lost.
        want_same "$(jq -r 'select(.event == "recover" and (.foreignBytes or .missingBytes or .chainLost)) | .event' $(files))" ""
}
check "a run that is killed at any system call leaves a chain that verifies" killed

# kill -9 in the middle of the writes of others
killed_writers()
{
        local i pids
        keyed '{chain: true}'
        sh_bundle kw true
        for i in 1 2 3 4 5 6 7 8; do
                pids=
                for j in 1 2 3 4 5; do rp run --bundle "$B" kw$i-$j > /dev/null 2>&1 & pids="$pids $!"; done
                # wherever they are by now
                wait -n || :
                kill -KILL $pids 2> /dev/null || :
                wait
                run audit verify --key "$T/key"
                want_rc 0
        done
        for i in 1 2 3 4 5 6 7 8; do for j in 1 2 3 4 5; do rp delete --force kw$i-$j; done; done
        quick last; want_rc 0
        is_whole
}
check "so do runs that are killed while others write" killed_writers
CASE_TIMEOUT=60

full_disk()
{
        mkdir -p $A; mount -t tmpfs -o size=3m,mode=700 tmpfs $A
        trap 'umount -l $A' EXIT
        policy '{chain: true}'
        audit init > "$T/key"
        trap 'for i in fd fd1 fd2 fd3 fd4 fd5 fd6 fd7 fd8; do rt delete --force $i; done; umount -l $A' EXIT
        bundle fd '.process.args = ["/bin/sleep", "1000"]'
        for i in fd fd1 fd6 fd7 fd8; do rp create --bundle "$B" $i < /dev/null > /dev/null 2>&1; done
        bundle fd2 '.process.args = ["/bin/sleep", "1000"]'
        rp create --bundle "$B" fd2 < /dev/null > /dev/null 2>&1
        rp start fd2
        dd if=/dev/zero of=$A/full bs=4k 2> /dev/null || :
        df $A; ls -ls $A
        # What is kept free for running builds is not full, but for new ones it is, after a while.
        local n=0 begun
        while quick fd3; [ $rc = 0 ]; do n=$((n + 1)); [ $n -lt 1000 ] || fail "it is never full"; done
        want_err_has "audit file $L: room for the records of what is running already: no space left on device; without a record nothing is made"
        [ ! -e "$T/state/fd3" ] || fail "fd3 was left behind"
        begun=$(audit query --event create --format json | wc -l)
        # Their records are shorter, and so they are refused a little later.
        n=0
        while run rp exec fd2 /bin/true; [ $rc = 0 ]; do n=$((n + 1)); [ $n -lt 100 ] || fail "exec is never refused"; done
        want_rc 255
        want_err_has "no space left on device"
        rc=0
        for i in fd fd1 fd6 fd7 fd8; do run rp start $i; [ $rc = 0 ] || break; done
        want_rc 1
        want_err_has "no space left on device"
        want_same "$(status_of $i)" created
        # The ends of those that run are recorded all the same.
        for i in fd fd1 fd2 fd6 fd7 fd8; do rp delete --force $i; done
        want_same "$(audit query --event delete --format json | jq -r .id | grep -cxE 'fd|fd1|fd2|fd6|fd7|fd8')" 6
        is_whole
        want_same "$(audit query --event create --format json | wc -l)" $begun
        rm $A/full
        quick fd4; want_rc 0
        # fd3, the start and the exec
        want_same "$(jq -s -r '[.[] | select(.event == "gap")] | "\(map(.lost) | add) \(map(.error) | unique | join(" "))"' $L)" "3 no space left on device"
        is_whole
}
CASE_TIMEOUT=240
check "a full disk refuses what is new, records what ends, and tells what is missing" full_disk

full_disk_warns()
{
        mkdir -p $A; mount -t tmpfs -o size=64k,mode=700 tmpfs $A
        trap 'umount -l $A' EXIT
        policy '{chain: true, onError: "warn"}'
        audit init > "$T/key"
        local n=0
        sh_bundle fw true
        until grep -qs "audit file $L: no space left on device" "$T/warnings"; do
                run rp --debug --log "$T/warnings" run --bundle "$B" fw
                want_rc 0
                n=$((n + 1)); [ $n -lt 100 ] || fail "it is never full"
        done
        # Half a record that the disk cut is taken back.
        run audit verify --key "$T/key"
        want_rc 0
        want_out_without "half a record"
        mount -o remount,size=1m $A
        quick fw2; want_rc 0; want_err ""
        want_same "$(jq -r 'select(.event == "gap") | "\(.lost > 0) \(.error)"' $L)" "true no space left on device"
        is_whole
}
check "where the policy has it so it warns, and the next record that can be written tells how many are missing" full_disk_warns
CASE_TIMEOUT=60

unopened()
{
        fresh '{onError: "warn"}'
        rmdir $A
        quick u1; want_rc 0
        mkdir $A
        quick u2; want_rc 0
        want_same "$(jq -r 'select(.event == "gap") | "\(.lost > 2) \(.error)"' $L)" "true no such file or directory"
        [ ! -e /run/runb/audit-lost ] || fail "$(cat /run/runb/audit-lost)"
}
check "what a log that was not there missed is told when it is there" unopened

# receiver SOCKET FILE: appends datagrams
receiver()
{
        mkdir -p "$(dirname "$1")"
        python3 - "$1" "$2" << 'EOF' &
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.bind(sys.argv[1])
with open(sys.argv[2], "ab", buffering=0) as f:
    while True:
        data, control, flags, address = s.recvmsg(1 << 20, 1024)
        for level, kind, fds in control:
            fd = array.array("i", fds)[0]
            os.lseek(fd, 0, 0)
            data += b"MEMFD\n" + os.read(fd, 1 << 24)
            os.close(fd)
        f.write(data + b"\n")
EOF
        receiver_pid=$!
        trap 'kill $receiver_pid' EXIT
        wait_for 10 test -S "$1"
}
socket_sink()
{
        fresh '{sinks: ["unix:/run/sink/socket"]}'
        quick sink
        want_rc 1
        want_err_has "audit: send a record to /run/sink/socket: no such file or directory; without a record nothing is made"
        receiver /run/sink/socket "$T/got"
        quick sink
        want_rc 0
        same_as_log() { tail -n "$(wc -l < "$T/got")" $L | cmp - "$T/got"; }
        wait_for 10 same_as_log
        [ "$(wc -l < "$T/got")" -ge 5 ] || fail "$(cat "$T/got")"
        # One that has stopped to read holds nobody for long, and counts as failed.
        kill -STOP $receiver_pid
        bundle many '.process.args = ["/bin/true"] | .process.env += [range(3000) | "A\(.)=1"]'
        local i=0
        while run rp run --bundle "$B" many; [ $rc = 0 ]; do i=$((i + 1)); [ $i -lt 400 ] || fail "it takes everything"; done
        want_err_has "/run/sink/socket: "
        kill -CONT $receiver_pid
        policy '{sinks: ["unix:/run/sink/nobody"], onError: "warn"}'
        quick warned; want_rc 0
}
check "a datagram socket gets every record; one that takes nothing refuses or warns" socket_sink

journald_sink()
{
        [ ! -e /run/systemd/journal/socket ] || skip_case "there is a journald"
        fresh '{sinks: ["journald"]}'
        receiver /run/systemd/journal/socket "$T/journal"
        quick jour
        want_rc 0
        told() { grep -qx 'RUNB_EVENT=delete' "$T/journal"; }
        wait_for 10 told
        want_same "$(grep -c '^SYSLOG_IDENTIFIER=runb$' "$T/journal")" "$(wc -l < $L)"
        sed -n 's/^MESSAGE=//p' "$T/journal" | cmp - $L
        want_same "$(grep -x 'CONTAINER_ID=jour' "$T/journal" | wc -l)" "$(jq -r 'select(.id == "jour") | .id' $L | wc -l)"
        # Longer than a datagram
        bundle long '.process.args = ["/bin/true"] | .process.env += [range(990) | "A\(.)" + ("x" * 240) + "=1"]'
        run rp run --bundle "$B" long
        want_rc 0
        has_memfd() { grep -q MEMFD "$T/journal"; }
        wait_for 10 has_memfd
        sed -n 's/^MESSAGE=//p' "$T/journal" | cmp - $L
}
check "journald gets every record by its own protocol, long ones by a memfd" journald_sink

query()
{
        fresh
        quick q1; quick q2 'exit 4'
        bundle q3 'del(.linux.namespaces[] | select(.type == "network"))'
        run rp run --bundle "$B" q3
        q() { audit query "$@"; }
        want_same "$(q --id q2 --format json | jq -r .event | tr '\n' ' ')" "create start egress exit delete "
        want_same "$(q --event exit --format json | jq -r '.id + " " + (.exitStatus | tostring)' | tr '\n' ' ')" "q1 0 q2 4 "
        want_same "$(q --profile untrusted --format json | wc -l)" "$(grep -c '"profile":"untrusted"' $L)"
        want_same "$(q --profile release --format json | wc -l)" 0
        want_same "$(q --since 1h --format json | wc -l)" "$(wc -l < $L)"
        want_same "$(q --since 2020-01-01 --format json | wc -l)" "$(wc -l < $L)"
        want_same "$(q --since 2099 --format json | wc -l)" 0
        want_same "$(q --since "$(jq -r 'select(.event == "create" and .id == "q2") | .time' $L)" --format json | head -n 1 | jq -r .id)" q2
        q --format json | cmp - $L
        run q
        want_out_has "SEQ"
        want_out_has "refused"
        want_out_has "status 4"
        run audit query --since yesterday; want_rc 2
        run audit query --format xml; want_rc 2
        run audit query --key x; want_rc 2
        run audit verify --id x; want_rc 2
        run audit; want_rc 2
        run audit rubbish; want_rc 2
        want_err_has "init, verify [FILE], head [FILE] or query [FILE] is wanted"
        run audit verify /nowhere/log; want_rc 2
        run "$RUNB" audit head; want_rc 2
        want_err_has "the policy has no audit section"
        run audit --help; want_rc 0
        want_out_has "usage: runb [global options] audit init | verify [FILE]"
        # A file may be named; no policy is read then.
        want_same "$("$RUNB" audit head $L)" "$(audit head)"
}
check "query finds records by container, event, time and profile; wrong uses are errors" query

oom_and_deadline()
{
        fresh '{}' '.profiles.untrusted = {limits: {wall: "2s", grace: "1s"}}'
        bundle dl '.process.args = ["/bin/sleep", "1000"]'
        run rp run --bundle "$B" dl
        want_rc 137
        want_same "$(events)" "policy create start deadline egress exit delete "
        want_same "$(jq -r 'select(.event == "exit") | .reason' $L)" deadline
        bundle oom '.process.args = ["/bin/sh", "-c", "a=x; while :; do a=$a$a; done"] | .linux.resources.memory = {limit: 8388608}'
        run rp run --bundle "$B" oom
        case $err in *"no controller"* | *"memory"*) [ $rc = 137 ] || skip_case "no memory controller here: $err";; esac
        if [ "$(jq -r 'select(.event == "exit" and .id == "oom") | .memory.oomKills // 0' $L)" = 0 ]; then skip_case "nothing was killed for memory here"; fi
        want_same "$(jq -r 'select(.event == "oom") | .oomKills > 0' $L)" true
}
check "a deadline and a kill for lack of memory are records" oom_and_deadline

nothing_without()
{
        need strace
        jq -n '{version: 1, profiles: {untrusted: {}}}' > $P/policy.json; chmod 600 $P/policy.json
        sh_bundle nw true
        strace -f -o "$T/strace" "$RUNB" --root "$T/state" --policy $P/policy.json run --bundle "$B" nw
        if grep -E 'boot_id|loginuid|/exe"|\.chain|audit' "$T/strace" | grep -ve '/proc/self/exe' -e execve; then fail "that is the audit's"; fi
}
check "without an audit section no system call is made for it" nothing_without
finish
