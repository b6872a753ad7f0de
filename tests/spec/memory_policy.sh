#!/bin/bash
# linux.memoryPolicy (runtime-spec 1.3, config-linux.md "Memory policy"), as the kernel shows it.
set -u
. "$(dirname "$0")/../lib.sh"
need jq
[ -e /proc/self/numa_maps ] || skip_all "this kernel has no NUMA (CONFIG_NUMA)"

# with POLICY: the policy of the stack of a program
with()
{
        bundle mp '.process.args = ["/bin/grep", "stack", "/proc/self/numa_maps"] | .linux.memoryPolicy = $p' --argjson p "$1"
        run rt run --bundle "$B" mp
}

applied()
{
        with '{"mode": "MPOL_DEFAULT"}'; want_rc 0; want_out_has " default "
        with '{"mode": "MPOL_BIND", "nodes": "0"}'; want_rc 0; want_out_has " bind:0 "
        with '{"mode": "MPOL_INTERLEAVE", "nodes": "0-0"}'; want_rc 0; want_out_has " interleave:0 "
        with '{"mode": "MPOL_PREFERRED", "nodes": "0"}'; want_rc 0; want_out_has " prefer:0 "
        with '{"mode": "MPOL_LOCAL"}'; want_rc 0; want_out_has " local "
        with '{"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}'; want_rc 0; want_out_has " bind=static:0 "
        with '{"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_RELATIVE_NODES"]}'; want_rc 0; want_out_has " bind=relative:0 "
}
check "the program has the policy that is asked for" applied

newer()
{
        with '{"mode": "MPOL_PREFERRED_MANY", "nodes": "0"}'; want_rc 0; want_out_has " prefer (many):0 "
        with '{"mode": "MPOL_WEIGHTED_INTERLEAVE", "nodes": "0"}'
        # Linux 6.9
        [ $rc = 0 ] || { want_err_has "linux.memoryPolicy: this kernel does not take the mode"; skip_case "needs Linux 6.9"; }
        want_out_has " weighted interleave:0 "
}
check "the younger modes are passed on" newer

in_exec()
{
        start_sleeper mp '.linux.memoryPolicy = {"mode": "MPOL_INTERLEAVE", "nodes": "0"}'
        run rt exec mp grep stack /proc/self/numa_maps
        want_rc 0
        want_out_has " interleave:0 "
        jq -n '{cwd: "/", args: ["grep", "stack", "/proc/self/numa_maps"], env: ["PATH=/bin"], user: {uid: 0, gid: 0}}' > "$T/p.json"
        run rt exec --process "$T/p.json" mp
        want_rc 0
        want_out_has " interleave:0 "
        rt delete --force mp
}
check "exec has it too" in_exec

refused()
{
        local m='linux.memoryPolicy'
        with '{"mode": "MPOL_BIND"}'; want_failure; want_err_has "$m.nodes: missing"
        with '{"mode": "MPOL_LOCAL", "nodes": "0"}'; want_failure; want_err_has "$m.nodes: this mode takes none"
        with '{"mode": "MPOL_SOME", "nodes": "0"}'; want_failure; want_err_has "$m.mode"
        with '{"nodes": "0"}'; want_failure; want_err_has "$m.mode"
        with '{"mode": "MPOL_BIND", "nodes": "0-"}'; want_failure; want_err_has "$m.nodes"
        with '{"mode": "MPOL_BIND", "nodes": "1024"}'; want_failure; want_err_has "$m.nodes"
        with '{"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_SOME"]}'; want_failure; want_err_has "$m.flags"
        # The machine has no such node.
        with '{"mode": "MPOL_BIND", "nodes": "1023"}'; want_failure; want_err_has 'none of the nodes "1023"'
        [ -z "$(rt list -q)" ]
}
check "what set_mempolicy(2) would not take is an error that names the property" refused

absent()
{
        bundle mp '.process.args = ["/bin/grep", "stack", "/proc/self/numa_maps"]'
        run rt run --bundle "$B" mp
        want_rc 0
        want_out_has " default "
}
check "without it the policy stays the default" absent

finish
