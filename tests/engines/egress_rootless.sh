#!/bin/bash
# An egress list under engines without privilege: by slirp4netns and by pasta, whose addresses for the host's own loopback stay
# closed whatever is listed. The same attempts without the rules get through.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/egress_lib.sh"
need jq
is_runb || skip_all "asks for egress rules"
egress_start
user_start
law=/run/user/$user_uid/law
user_policy() # [JQ-FILTER]
{
        mkdir -p "$law"
        egress_policy "del(.audit) | ${1:-.}" > "$law/policy.json"
        chmod 600 "$law/policy.json"
        chown -R $user_uid:$user_uid "$law"
}
everything='.profiles.untrusted.egress.allow = [("tcp", "udp") as $p | ("0.0.0.0/0", "10.0.0.0/8", "192.168.0.0/16", "::/0", "fc00::/7") | {cidr: ., ports: ["1-65535"], protocol: $p}]'
cp "$knock" "$T/bin/tool"
chmod 755 "$T/bin/tool"
server=$T/ready.loopback
"$knock" serve 2323 ::ffff:127.0.0.1 > "$server" 9>&- & egress_pids+=($!)
wait_for 5 grep -q ready "$server"

# ---- rootless podman and slirp4netns

slirp_start()
{
        RUNB=$T/bin/$engine_name containers_conf "$T/user/containers.conf"
        sed -i "s|network_config_dir = .*|network_config_dir = \"$T/user/networks\"|" "$T/user/containers.conf"
        mkdir -p "$T/user/.config/containers"
        echo '{"default":[{"type":"insecureAcceptAnything"}]}' > "$T/user/.config/containers/policy.json"
        printf '[storage]\ndriver = "overlay"\n' > "$T/user/.config/containers/storage.conf"
        chown -R $user_uid:$user_uid "$T/user"
        engine_leaves "^$T/user" 'catatonit|podman|slirp4netns|rootlessport|dbus|pasta|passt' '/libpod_parent' "^/run/user"
        pod import -q --change CMD=/bin/sh --change 'ENV PATH=/bin:/sbin' "$egress_tar" localhost/knock:latest > "$T/import.log" 2>&1
}
pod() { as_user podman --cgroup-manager cgroupfs "$@"; }
network=slirp4netns:allow_host_loopback=true
in_podman() # RUNTIME-OPTIONS... -- SCRIPT
{
        local options=()
        while [ "$1" != -- ]; do options+=("$1"); shift; done
        run pod "${options[@]}" run --rm --network $network localhost/knock sh -c "$2"
}
by_runb() { in_podman --runtime-flag "policy=$law/policy.json" -- "$1"; }
has_slirp() { command -v podman > /dev/null && command -v slirp4netns > /dev/null || skip_case "podman or slirp4netns is not installed"; }

slirp_open()
{
        has_slirp
        slirp_start || skip_case "rootless podman cannot import an image here"
        # In audit mode whatever is not closed always gets through, which the metadata service is.
        user_policy '.profiles.untrusted.egress = {mode: "audit"}'
        by_runb "$egress_script"
        want_rc 0
        want_out_has 'tcp 203.0.113.5 80: answer'
        want_out_has 'udp 203.0.113.5 443: answer'
        want_out_has 'tcp 203.0.113.6 443: answer'
        local plain
        plain=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v runc) || skip_case "runc is not installed, to compare with"
        in_podman --runtime "$plain" -- "$egress_script; t tcp 10.0.2.2 2323"
        [ "$rc" = 0 ] || skip_case "rootless podman does not run runc here: $err"
        want_out_has 'tcp 169.254.169.254 80: answer'
        want_out_has 'tcp 10.0.2.2 2323: answer'
}
check "slirp4netns: without the rules each attempt gets through, to the host's loopback, too" slirp_open

slirp_listed()
{
        has_slirp
        user_policy
        by_runb "$egress_script; t tcp 10.0.2.2 2323; t udp 10.0.2.3 53"
        want_same "$(tail -n 2 <<< "$out")" "$(printf '%s\n' 'tcp 10.0.2.2 2323: EHOSTUNREACH' 'udp 10.0.2.3 53: EPERM')"
        out=$(head -n -2 <<< "$out")
        listed_out
}
check "slirp4netns: what is listed is reached and nothing else" slirp_listed

slirp_everything()
{
        has_slirp
        user_policy "$everything"
        by_runb 't() { echo "$*: $(tool "$@")"; }; t tcp 203.0.113.6 80; t tcp 10.0.2.2 2323; t tcp 198.51.100.1 2222; t tcp 169.254.169.254 80; t udp 203.0.113.6 80'
        want_out "$(printf '%s\n' 'tcp 203.0.113.6 80: answer' 'tcp 10.0.2.2 2323: EHOSTUNREACH' 'tcp 198.51.100.1 2222: EHOSTUNREACH' \
                'tcp 169.254.169.254 80: EHOSTUNREACH' 'udp 203.0.113.6 80: answer')"
}
check "slirp4netns: with everything listed the host's own addresses stay closed, and its loopback" slirp_everything

# ---- rootless podman and pasta, from podman 4.4 on

podman_pasta()
{
        local plain network=pasta:--map-gw
        command -v pasta > /dev/null || skip_case "pasta is not installed"
        plain=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v runc) || skip_case "runc is not installed, to compare with"
        slirp_start || skip_case "rootless podman cannot import an image here"
        in_podman --runtime "$plain" -- "$egress_script; t tcp 198.51.100.2 2323"
        [ "$rc" = 0 ] || skip_case "this podman has no pasta, or it does not start here: $err"
        want_out_has 'tcp 203.0.113.5 80: answer'
        want_out_has 'tcp 169.254.169.254 80: answer'
        want_out_has 'tcp 198.51.100.2 2323: answer'
        # The host's address is the container's, too: its own loopback, on which nobody listens there.
        local told=${egress_script%t tcp 198.51.100.1 2222*}
        user_policy
        by_runb "$told t tcp 198.51.100.2 2323"
        want_rc 0
        want_out "$(tried answer EHOSTUNREACH EPERM | head -n 5; echo 'tcp 198.51.100.2 2323: EHOSTUNREACH')"
        user_policy "$everything"
        by_runb "$told t tcp 198.51.100.2 2323; t udp 198.51.100.2 53"
        want_rc 0
        want_out "$(tried answer answer answer | head -n 4; echo 'tcp 169.254.169.254 80: EHOSTUNREACH'
                echo 'tcp 198.51.100.2 2323: EHOSTUNREACH'; echo 'udp 198.51.100.2 53: EPERM')"
}
check "rootless podman by pasta: what is listed is reached, and the host's loopback never" podman_pasta

# ---- pasta, as an engine calls it: a user namespace of the engine's, a network namespace in it, and pasta for that

# beside_pasta COMMAND...: in the user namespace; $NETNS is the network namespace's path
cat > "$T/bin/beside-pasta" <<'EOS'
#!/bin/sh
unshare -n sleep 600 & holder=$!
until [ "$(readlink /proc/$holder/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
# As a file: pasta opens it with less than it takes to look into /proc/PID/ns.
export NETNS=$TMPDIR/netns
: > $NETNS
mount --bind /proc/$holder/ns/net $NETNS
nsenter --net=$NETNS ip link set lo up
pasta --config-net -q -P "$TMPDIR/pasta.pid" --netns-only --netns $NETNS > "$TMPDIR/pasta.log" 2>&1 || { cat "$TMPDIR/pasta.log" >&2; kill $holder; exit 99; }
"$@"
rc=$?
kill "$(cat "$TMPDIR/pasta.pid")" $holder
exit $rc
EOS
chmod 755 "$T/bin/beside-pasta"
beside_pasta() { as_user unshare --user --map-root-user --mount "$T/bin/beside-pasta" "$@"; }
pasta_run() # SCRIPT: by runb
{
        bundle pasta '.process.args = ["/bin/sh", "-c", $c] | (.linux.namespaces[] | select(.type == "network")).path = "NETNS"' --arg c "$1"
        cp "$knock" "$B/rootfs/bin/tool"
        rm -rf "$T/user/pasta"
        cp -r "$B" "$T/user/pasta"
        chown -R $user_uid:$user_uid "$T/user/pasta"
        run beside_pasta sh -c 'cd "$1" && sed -i "s|NETNS|$NETNS|" config.json && exec "$2" --root "$TMPDIR/state" --policy "$3" run p' - \
                "$T/user/pasta" "$T/bin/$engine_name" "$law/policy.json"
}
has_pasta() { command -v pasta > /dev/null || skip_case "pasta is not installed"; }

pasta_open()
{
        has_pasta
        run beside_pasta sh -c 'nsenter --net=$NETNS sh -c '"'tool() { $T/bin/tool \"\$@\"; }; $egress_script; t tcp 198.51.100.2 2323'"
        [ "$rc" != 99 ] || skip_case "pasta does not start here: $err"
        want_rc 0
        want_same "$(head -n 5 <<< "$out")" "$(tried answer answer answer | head -n 5)"
        # The default gateway is the host's loopback.
        want_out_has 'tcp 198.51.100.2 2323: answer'
}
check "pasta: without the rules each attempt gets through, to the host's loopback, too" pasta_open

pasta_listed()
{
        has_pasta
        user_policy
        pasta_run 't() { echo "$*: $(tool "$@")"; }; t tcp 203.0.113.5 443; t tcp 203.0.113.5 80; t udp 203.0.113.5 443; t tcp 203.0.113.6 443; t tcp 198.51.100.2 2323; t tcp 169.254.169.254 80'
        want_rc 0
        want_out "$(printf '%s\n' 'tcp 203.0.113.5 443: answer' 'tcp 203.0.113.5 80: EHOSTUNREACH' 'udp 203.0.113.5 443: EPERM' \
                'tcp 203.0.113.6 443: EHOSTUNREACH' 'tcp 198.51.100.2 2323: EHOSTUNREACH' 'tcp 169.254.169.254 80: EHOSTUNREACH')"
}
check "pasta: what is listed is reached and nothing else" pasta_listed

pasta_everything()
{
        has_pasta
        user_policy "$everything"
        pasta_run 't() { echo "$*: $(tool "$@")"; }; t tcp 203.0.113.6 80; t tcp 198.51.100.2 2323; t udp 198.51.100.2 53; t tcp 169.254.169.254 80'
        want_rc 0
        want_out "$(printf '%s\n' 'tcp 203.0.113.6 80: answer' 'tcp 198.51.100.2 2323: EHOSTUNREACH' 'udp 198.51.100.2 53: EPERM' 'tcp 169.254.169.254 80: EHOSTUNREACH')"
}
check "pasta: with everything listed its gateway to the host's loopback stays closed" pasta_everything

pod rm -fa -t 0 > /dev/null 2>&1
for pid in $(cat /run/user/$user_uid/libpod/tmp/pause.pid 2>/dev/null); do kill "$pid"; done
egress_end
user_end
finish
