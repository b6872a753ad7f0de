# Sourced by the tests of the test machine, with no enclosure around them: the machine itself is thrown away. What is left
# behind is looked for all the same, in the machine's own systemd, cgroups, mounts and processes.

[ -n "${RUNB_VM-}" ] || { echo "SKIP $(basename "$0"): needs the test machine (make check-vm)"; exit 77; }
T=$(mktemp -d /var/tmp/runb-vm.XXXXXX)
chmod 755 "$T"
export T TMPDIR=$T
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

own_runtimes() { ps -eo pid=,comm= | awk '$2 ~ /^(runb|runb-systemd|exe)$/'; }
list_all()
{
        systemctl list-units --all --plain --no-legend '*.scope' '*.slice' | awk '{ print "unit", $1 }'
        find /sys/fs/cgroup -mindepth 1 -type d \( -name '*.scope' -o -name 'runb*' -o -name 'libpod*' \) | sed 's/^/cgroup /'
        awk '{ print "mount", $5 }' /proc/self/mountinfo
        find /run/runb /run/user/*/runb -mindepth 1 2> /dev/null | grep -E '/(leases|groups|slots|containers|deadlines)/.' | sed 's/^/file /'
        own_runtimes | sed 's/^/process /'
}
# What somebody else's session made meanwhile is not ours.
not_ours() { grep -vE 'session-|user@|user-|init\.scope|systemd-|/run/user|run-[pru]|podman|conmon|containerd|unit machine\.slice|/run/netns' || :; }
list_all | not_ours | sort > "$T/at-begin"

nothing_is_left() { local left; left=$(comm -13 "$T/at-begin" <(list_all | not_ours | sort)); [ -z "$left" ] || fail "$left"; }
leaves_nothing() { wait_for 30 nothing_is_left || nothing_is_left; }
vm_finish() { check "leaves nothing behind, no unit of systemd either" leaves_nothing; finish; }

# The property of a unit: prop UNIT NAME (SYSTEMCTL="systemctl --user" asks the user's)
prop() { ${SYSTEMCTL:-systemctl} show -P "$2" "$1"; }
unit_is_gone() { [ "$(prop "$1" LoadState)" = not-found ] || [ "$(prop "$1" ActiveState)" = inactive ]; }

# Runs a command as the user ci, below his own systemd and with his bus.
as_ci()
{
        local uid
        uid=$(id -u ci)
        systemctl is-active -q "user@$uid.service" || systemctl start "user@$uid.service"
        systemd-run --quiet --collect --wait --pipe --machine=ci@.host --user --working-directory=/var/tmp \
                -p Delegate=yes -p KillMode=process -E LANG=C.UTF-8 -E TERM=dumb -E XDG_RUNTIME_DIR="/run/user/$uid" \
                -E DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" -E PATH="$PATH" -E RUNB="$RUNB" \
                -E RUNB_VM="$RUNB_VM" "$@"
}
