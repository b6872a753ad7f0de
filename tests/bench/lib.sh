# How each part of `make bench` begins: in an enclosure, under cgroup v2, with the words of the tests.
here=$(cd "$(dirname "$0")" && pwd)
: "${RUNB:?}" "${BENCH:?}"
export RUNB BENCH
if [ -z "${BENCH_INSIDE-}" ]; then
        BENCH_INSIDE=1 "$here/../enclose.sh" --cgroups v2 "$0"
        exit
fi
. "$here/../lib.sh"
R=${ROUNDS:-40}
