# Words of the suites of the specification, after ../lib.sh.

# A container of its own that runs a script: NAME FILTER SCRIPT
in_container()
{
        local name=$1
        bundle "$name" ".process.args = [\"/bin/sh\", \"-c\", \$c] | ($2)" --arg c "$3"
        run rt run --bundle "$B" "$name" < /dev/null
}
# A create that one line refuses: NAME FILTER TEXT
refused()
{
        bundle "$1" "$2"
        run rt create --bundle "$B" "$1"
        want_rc 1
        want_err_has "$3"
        want_same "$(wc -l < "$T/err")" 1
        want_same "$(rt list -q)" ""
}
# The same of what other runtimes refuse in words of their own.
refused_by_runb() { is_runb || set -- "$1" "$2" ""; refused "$@"; }
