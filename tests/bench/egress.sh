#!/bin/bash
# make bench: what the egress rules cost. A run with none of them, with those of a profile that lists nothing, and with
# lists of 10 and of 1000 destinations; and what goes through them.
#   BENCH=folder of the built helpers, RUNB=runtime, ROUNDS=40
. "$(dirname "$0")/lib.sh"
need jq ip nsenter unshare
weak=${RUNB%/*}/tests/tools/runb-weak tool=${RUNB%/*}/tests/sandbox/egress_tool traffic=$BENCH/traffic
echo "# $(uname -r), $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg); $R rounds, interleaved"

# ---- runs
P=/run/policy
mkdir -p $P
list() { echo "[range($1) | {cidr: \"203.\\(. / 256 | floor).\\(. % 256).5/32\", ports: [443]}]"; }
jq -n '{version: 1}' > $P/deny.json
for n in 10 1000; do jq -n "{version: 1, profiles: {untrusted: {egress: {allow: $(list $n)}}}}" > $P/$n.json; done
chmod 600 $P/*.json
bundle b '.process.args = ["/bin/true"]'
run_line() { echo "run $1 @${3-} $2 --root /run/bench --policy $P/$1.json run --bundle $B $1%n"; }
cp $P/deny.json $P/none.json
{
        run_line none "$weak" RUNB_TEST_WEAKEN=egress
        run_line deny "$weak"
        run_line 10 "$weak"
        run_line 1000 "$weak"
} | sed 's/@ */@/' | "$BENCH/measure" "$R" > "$T/run.txt"
cat "$T/run.txt"

# ---- the rules alone, by the program that installs nothing else
echo "installing the rules, and looking whether they are whole, in microseconds (median):"
allow() { local i; for i in $(seq 0 $(($1 - 1))); do printf '203.%d.%d.5/32:6:443-443 ' $((i / 256)) $((i % 256)); done; printf '10.0.0.0/8:6:1-65535 10.0.0.0/8:17:1-65535'; }
declare -A lists=([deny]='' [10]="$(allow 8)" [1000]="$(allow 998)")
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for i in $(seq "$R"); do
        for what in deny 10 1000; do
                env ${lists[$what]:+"ALLOW=${lists[$what]}"} unshare -n "$tool" install verify 2>&1 |
                        awk -v what=$what '/^# / { print what, $2, $3 }' | tr -d :
        done
done > "$T/install.txt"
for what in deny 10 1000; do
        for verb in install verify; do
                printf '           %-6s %-8s %10s\n' $what $verb "$(awk -v w=$what -v v=$verb '$1 == w && $2 == v { print $3 }' "$T/install.txt" | median)"
        done
done

# ---- what goes through: a pair of network namespaces for each, so that none is made anew between two measurements
holders=()
trap 'kill "${holders[@]}" 2>/dev/null' EXIT
hold() { unshare -n sleep 900 & held=$!; holders+=($held); until [ "$(readlink /proc/$held/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done; }
declare -A inside
for what in none deny 10 1000; do
        hold; in=$held
        hold; out=$held
        inside[$what]=$in
        nsenter -t $in -n ip link add eth0 type veth peer name peer0 netns $out
        nsenter -t $in -n ip address add 10.77.0.1/24 dev eth0
        nsenter -t $out -n ip address add 10.77.0.2/24 dev peer0
        for n in "$in eth0" "$out peer0"; do
                set -- $n
                nsenter -t $1 -n ip link set lo up
                nsenter -t $1 -n ip link set $2 up
                rm -f "$T/ready"
                nsenter -t $1 -n "$traffic" serve 9000 > "$T/ready" 9>&- & holders+=($!)
                wait_for 5 grep -q ready "$T/ready"
        done
        nsenter -t $in -n ip route add default via 10.77.0.2
        [ $what = none ] || nsenter -t $in -n env ${lists[$what]:+"ALLOW=${lists[$what]}"} "$tool" install 2> "$T/err" || cat "$T/err"
done
go() { nsenter -t "${inside[$1]}" -n "$traffic" "${@:2}"; }
for i in $(seq $((R / 4 + 1))); do
        for what in none deny 10 1000; do
                echo "lo-connect $what $(go $what connect 127.0.0.1 9000 500)"
                echo "lo-send $what $(go $what send 127.0.0.1 9000 256)"
                [ $what = deny ] && { echo "refused $what $(go $what refused 10.77.0.2 9000 5000)"; continue; }
                echo "connect $what $(go $what connect 10.77.0.2 9000 500)"
                echo "ask $what $(go $what ask 10.77.0.2 9000 2000)"
                echo "send $what $(go $what send 10.77.0.2 9000 256)"
                [ $what = none ] || echo "refused $what $(go $what refused 192.0.2.1 9000 5000)"
        done
done > "$T/traffic.txt"
# The quietest round: what else the machine does only makes it worse.
figure() { awk -v v=$1 -v w=$2 '$1 == v && $2 == w { print $3 }' "$T/traffic.txt" | sort -n | case $1 in *send) tail -n 1;; *) head -n 1;; esac; }
row() # SENTENCE VERB LABEL...
{
        local sentence=$1 verb=$2 what none
        none=$(figure $verb none)
        printf '%-52s' "$sentence"
        for what in "${@:3}"; do
                awk -v w=$what -v f="$(figure $verb $what)" -v n="${none:-0}" 'BEGIN { printf "  %s %.1f", w, f; if (n > 0 && w != "none") printf " (%.2f)", f / n }'
        done
        echo
}
echo "what goes through them, in the quietest round, and the ratio to none:"
row "loopback: TCP connect and a byte, us" lo-connect none deny 10 1000
row "loopback: TCP stream, MiB/s" lo-send none deny 10 1000
row "veth: TCP connect and a byte, us" connect none 10 1000
row "veth: UDP byte and answer, us" ask none 10 1000
row "veth: TCP stream, MiB/s" send none 10 1000
row "refused at once: UDP, us" refused deny 10 1000

# Columns: 2 p10, 3 median, 5 processor time.
value() { awk -v l="$1" -v c="$2" '$2 == "p10" { on = ($1 == "run"); next } on && $1 == l { print $c }' "$T/run.txt"; }
echo
echo "A run, to one without rules: median, p10 and processor time:"
for what in deny 10 1000; do
        figures=
        for column in 3 2 5; do figures+=" $(value $what $column):$(value none $column)"; done
        awk -v w=$what -v figures="$figures" 'BEGIN {
                for (i = split(figures, pairs, " "); i > 0; i--) {
                        if (split(pairs[i], p, ":") != 2 || p[2] + 0 == 0) exit
                        r[i] = p[1] / p[2]; more[i] = p[1] - p[2]
                }
                printf "  %-46s %.2f, %.2f, %.2f (%.2f ms more processor time)\n",
                        w == "deny" ? "nothing listed" : w " destinations listed", r[1], r[2], r[3], more[3] }'
done
