#!/bin/bash
# make bench: runb with everything on, crun with nothing on, runc, and the floor, interleaved in one run.
#   BENCH=folder of the built helpers, RUNB=runtime, ROUNDS=40
. "$(dirname "$0")/lib.sh"
need jq
crun=$(command -v crun) runc=$(command -v runc)
filter='.process.args = ["/bin/true"]'
# crun's and runc's bundle as an engine without hardening would give it: no seccomp, no user namespace. runb's is the same.
bundle b "$filter"
bundle sleep '.process.args = ["/bin/sleep", "1000"]'
S=$T/sleep B=$T/b
mkdir -p /run/bench
cr="LD_PRELOAD=$BENCH/memlock.so $crun --root /run/bench/crun"
rc="$runc --root /run/bench/runc"
rb="$RUNB --root /run/bench/runb"
have() { [ -n "$1" ] && [ -x "$1" ]; }

# The same policy without and with an audit log, whose records carry MACs; the log is on the disk that has $T. With an egress list,
# so that what is tried is counted in both; and once more without one, where it is the audit log that has it counted.
mkdir -p /run/policy
echo '{"version": 1, "profiles": {"untrusted": {"egress": {"allow": [{"cidr": "203.0.113.5/32", "ports": [443]}]}}}}' > /run/policy/plain.json
jq --arg p "$T/audit.jsonl" '.audit = {path: $p}' /run/policy/plain.json > /run/policy/audit.json
jq 'del(.profiles.untrusted.egress)' /run/policy/audit.json > /run/policy/audit-closed.json
jq 'del(.audit)' /run/policy/audit-closed.json > /run/policy/plain-closed.json
"$RUNB" --policy /run/policy/audit.json audit init > /dev/null

# The filter for the floor: what runb compiled for this bundle.
"$RUNB" --root "/run/bench/runb" run --bundle "$B" warm > /dev/null 2>&1
"$RUNB" --root "/run/bench/runb" create --bundle "$S" warm < /dev/null > /dev/null 2>&1
blob=$(find "/run/bench/runb/warm" /run/runb -name '*.bpf' -size +1k 2>/dev/null | head -n 1)
# The program alone: the file has a header that says how many instructions follow.
[ -n "$blob" ] && tail -c $(($(od -An -tu4 -j8 -N4 "$blob") * 8)) "$blob" > "$T/filter.bpf"
"$RUNB" --root "/run/bench/runb" delete --force warm > /dev/null 2>&1

echo "# $(uname -r), $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg); $R rounds, interleaved; cgroup2"
for program in "$RUNB" $crun $runc; do echo "# $program: $($program --version | head -n 1)"; done
[ -s "$T/filter.bpf" ] || echo "# floor: no filter found, it runs without seccomp"

{
        echo "run runb @$rb run --bundle $B r%n"
        echo "run runb-policy @$rb --policy /run/policy/plain.json run --bundle $B rp%n"
        echo "run runb-audit @$rb --policy /run/policy/audit.json run --bundle $B ra%n"
        echo "run runb-file @$rb --policy /run/policy/plain-closed.json run --bundle $B rf%n"
        echo "run runb-closed @$rb --policy /run/policy/audit-closed.json run --bundle $B rc%n"
        echo "run runb-names @$rb --policy /run/policy/audit-closed.json run --pid-file /run/bench/pid%n --bundle $B rn%n"
        have "$crun" && echo "run crun @$cr run --bundle $B c%n"
        have "$runc" && echo "run runc @$rc run --bundle $B u%n"
        echo "run floor @$BENCH/floor ${blob:+--seccomp $T/filter.bpf} $B/rootfs /sys/fs/cgroup/floor%n /bin/true"
        echo "run floor-plain @$BENCH/floor --plain $B/rootfs /sys/fs/cgroup/plain%n /bin/true"
} | "$BENCH/measure" "$R" > "$T/run.txt"
cat "$T/run.txt"

cycle() # LABEL COMMAND
{
        echo "create $1 @$2 create --bundle $S k%n ;; $2 delete --force k%n"
        echo "start $1 $2 create --bundle $S k%n ;; @$2 start k%n ;; $2 delete --force k%n"
        echo "state $1 $2 create --bundle $S k%n ;; $2 start k%n ;; @$2 state k%n ;; $2 delete --force k%n"
        echo "exec $1 $2 create --bundle $S k%n ;; $2 start k%n ;; @$2 exec k%n /bin/true ;; $2 delete --force k%n"
        echo "delete $1 $2 create --bundle $S k%n ;; $2 start k%n ;; @$2 delete --force k%n"
}
{
        cycle runb "$rb"
        have "$crun" && cycle crun "$cr"
        have "$runc" && cycle runc "$rc"
} | sort -s -k1,1 | "$BENCH/measure" "${CYCLE_ROUNDS:-20}" > "$T/cycle.txt"
cat "$T/cycle.txt"

echo "200 x run, 8 at a time:"
parallel() { printf '           %-14s ' "$1"; shift; "$BENCH/measure" parallel 200 8 "$@"; }
parallel runb $rb run --bundle "$B" p%n
have "$crun" && parallel crun $cr run --bundle "$B" p%n
parallel floor "$BENCH/floor" ${blob:+--seccomp "$T/filter.bpf"} "$B/rootfs" /sys/fs/cgroup/fl%n /bin/true

echo "300 live containers:"
live() # LABEL COMMAND
{
        local label=$1 command=$2 n before after begin made processes
        before=$(awk '/^(MemAvailable|Slab):/ {print $2}' /proc/meminfo | paste -sd' ')
        begin=$(date +%s%N)
        for n in $(seq 300); do env $command run --detach --bundle "$S" "live$n" < /dev/null > /dev/null 2>&1; done
        made=$((($(date +%s%N) - begin) / 300000))
        after=$(awk '/^(MemAvailable|Slab):/ {print $2}' /proc/meminfo | paste -sd' ')
        processes=$(ls -l /proc/[0-9]*/exe 2>/dev/null | grep -c -- "-> $(realpath "$(echo "$command" | tr ' ' '\n' | grep -m1 ^/)")\$")
        set -- $before $after
        printf '           %-14s %d us each; runtime processes left: %d; memory each: %d KiB available less, %d KiB slab more\n' \
                "$label" "$made" "$processes" $((($1 - $3) / 300)) $((($4 - $2) / 300))
        for n in state list; do
                printf '           %-14s %s: %s\n' "" $n "$(echo "$n $label @$command $n $([ $n = state ] && echo live150)" |
                        "$BENCH/measure" 10 | awk 'NR == 2 {print $3 " ms median"}')"
        done
        for n in $(seq 300); do env $command delete --force "live$n"; done > /dev/null 2>&1
}
live runb "$rb"
have "$crun" && live crun "$cr"

# ---------------------------------------------------------------------------------------------------------- the bars
value() { awk -v g="$2" -v l="$3" -v c="$4" '$1 == g && $2 == "p10" {on = 1; next} NF > 2 && $2 == "p10" {on = 0} on && $1 == l {print $c}' "$1"; }
# Columns of the table: 2 p10, 3 median, 5 processor time. What counts is the median; on a loaded machine the other two tell more.
ratio() # SENTENCE FILE GROUP LABEL REFERENCE FACTOR
{
        local column figures=
        for column in 3 2 5; do
                figures+=" $(value "$2" "$3" "$4" $column):$(value "$2" "$3" "$5" $column)"
        done
        awk -v s="$1" -v f="$6" -v figures="$figures" 'BEGIN {
                for (i = split(figures, pairs, " "); i > 0; i--) {
                        if (split(pairs[i], p, ":") != 2 || p[1] + 0 == 0 || p[2] + 0 == 0) {
                                printf "  %-46s not measured\n", s; exit
                        }
                        r[i] = p[1] / p[2]
                }
                printf "  %-46s %.2f (bar: %.2f)  %-6s  p10 %.2f, processor %.2f\n", s, r[1], f, r[1] <= f ? "met" : "MISSED", r[2], r[3] }'
}
echo
echo "Ratios of medians, and the bars; the same of the p10 and of processor time:"
ratio "run: runb, everything on / crun, nothing on" "$T/run.txt" run runb crun 0.75
ratio "run: runb / floor with the same hardening" "$T/run.txt" run runb floor 1.75
ratio "run: with an audit log / without" "$T/run.txt" run runb-audit runb-policy 1.05
ratio "run: with an audit log, without a list" "$T/run.txt" run runb-closed runb-file 1.05
ratio "run: the same, and the names of processes" "$T/run.txt" run runb-names runb-file 1.05
for verb in create start state delete exec; do ratio "$verb: runb / crun" "$T/cycle.txt" $verb runb crun 1.00; done
peak=$(value "$T/run.txt" run runb 6)
awk -v p="${peak:-0}" 'BEGIN { printf "  %-46s %.2f (bar: 1.00)  %s\n", "peak memory of run: KiB / 1600", p / 1600,
        p + 0 == 0 ? "not measured" : p <= 1600 ? "met" : "MISSED" }'
