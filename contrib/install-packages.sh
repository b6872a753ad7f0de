#!/bin/sh
# Installs what is missing of the packages that a list names: contrib/install-packages.sh build [test]
# A line "a | b" takes the first that this release has.
set -eu
cd "$(dirname "$0")/packages"

has() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

command -v dpkg-query > /dev/null || { echo "This is no Debian; install what contrib/packages/*.txt name." >&2; exit 1; }
wanted=
for list; do
        while read -r line; do
                case $line in "" | "#"*) continue;; esac
                found=
                for package in $(echo "$line" | tr '|' ' '); do
                        if has "$package"; then found=yes; break; fi
                        # Not satisfied by a later one where the release has this one, as far as apt knows already.
                        if apt-cache show "$package" > /dev/null 2>&1; then break; fi
                done
                [ -n "$found" ] || wanted="$wanted
$line"
        done < "$list.txt"
done
[ -n "$wanted" ] || exit 0
if [ "$(id -u)" != 0 ]; then
        echo "Run this as root, or install first:" $wanted >&2
        exit 1
fi
export DEBIAN_FRONTEND=noninteractive
has_candidate() { apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'; }
give_up()
{
        echo "install-packages.sh: $1. Where apt-get says above that it reached no mirror: name one in /etc/apt/sources.list, or a" >&2
        echo "proxy in http_proxy, and run this again; or install by hand what is named here:" $wanted >&2
        exit 1
}
# Retried: a mirror now and then drops a connection. What it has not reached it only warns of.
apt-get -q -o Acquire::Retries=3 update || give_up "apt-get update failed"
names=
while read -r line; do
        [ -n "$line" ] || continue
        found=
        for package in $(echo "$line" | tr '|' ' '); do
                if has_candidate "$package"; then found=$package; break; fi
        done
        [ -n "$found" ] || give_up "apt knows no package $line"
        names="$names $found"
done << END
$wanted
END
# No service is started: the tests start their own engines.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' > $policy
        chmod 755 $policy
        trap 'rm -f $policy' EXIT
fi
apt-get -q -o Acquire::Retries=3 install -y --no-install-recommends $names ||
        give_up "apt-get install failed"
