#!/bin/bash
# runb evidence: an in-toto statement about what a build made, in a DSSE envelope; checked by others' programs.
. "$(dirname "$0")/../lib.sh"
is_runb || skip_all "only runb promises this"
need jq openssl sha256sum base64 nsenter ip
look="/usr/bin/python3 $lib_dir/cli/evidence.py"
signer=$lib_dir/../contrib/sign-with-file.sh
P=/run/policy
mkdir -p $P

policy() { jq -cn "$1" > $P/policy.json; chmod 600 $P/policy.json; }
# built ID COMMANDS [JQ-FILTER]: a build that has made what it makes, and sleeps
built()
{
        sh_bundle "$1" "mkdir -p /out/deep; echo app > /out/app; echo lib > /out/deep/lib; $2; touch /ready; exec sleep 1000"
        [ $# -lt 3 ] || { jq "$3" "$B/config.json" > "$B/new" && mv "$B/new" "$B/config.json"; }
        if [ -e $P/policy.json ]; then
                rt --policy $P/policy.json create --bundle "$B" "$1" < /dev/null > /dev/null
        else
                rt create --bundle "$B" "$1" < /dev/null > /dev/null
        fi
        rt start "$1"
        wait_for 30 [ -e "$B/rootfs/ready" ]
        wait_for 30 grep -qx sleep /proc/"$(rt state "$1" | jq .pid)"/comm
}
sum() { printf '%s\n' "$1" | sha256sum | cut -d' ' -f1; }
statement() { rt evidence "$@" > "$T/statement"; $look statement "$T/statement"; }
subjects() { jq -r '.subject[] | .name + " " + .digest.sha256'; }

it_is_a_statement()
{
        built a :
        run statement --output /out/deep --output /out/app --output /out/app a
        want_rc 0
        want_same "$(echo "$out" | subjects)" "/out/app $(sum app)
/out/deep/lib $(sum lib)"
        want_same "$(echo "$out" | jq -r '.predicate | [.monitor.tracePolicy.profile, .report.verdict, .completeness.network, .completeness.ended] | join(" ")')" \
                "untrusted holds false false"
        want_same "$(echo "$out" | jq -r '"sha256:" + .predicate.monitor.tracePolicy.seccomp.profile.digest.sha256')" \
                "$(jq -r .seccompDigest "$T/state/a/state.json")"
        want_same "$(echo "$out" | jq -r '.predicate.monitorLog.process | map(select(.eventType == "running").name) | join(" ")')" sleep
        # After its end, by the engine's view of the files.
        rt kill a KILL
        wait_for 20 has_status a stopped
        run statement --output /out a
        want_rc 0
        want_same "$(echo "$out" | subjects)" "/out/app $(sum app)
/out/deep/lib $(sum lib)"
        want_same "$(echo "$out" | jq -r '.predicate | [.completeness.ended, (.metadata.buildFinishedOn | length > 0)] | join(" ")')" "true true"
        rt delete -f a
}
check "a statement about the outputs of a running and of an ended build, as in-toto has it" it_is_a_statement

it_is_signed()
{
        mkdir -p "$T/key"
        openssl genpkey -algorithm ed25519 -out "$T/key/key" 2> /dev/null
        openssl pkey -in "$T/key/key" -pubout -out "$T/key/pub"
        keyid=$(openssl pkey -in "$T/key/key" -pubout -outform DER | sha256sum | cut -d' ' -f1)
        built s :
        run env RUNB_EVIDENCE_KEY="$T/key/key" "$RUNB" --root "$T/state" evidence --signer "$(realpath "$signer")" --output /out/app --file "$T/app.dsse" s
        want_rc 0
        /usr/bin/python3 -c 'import cryptography' 2> /dev/null || skip_case "python3-cryptography is not installed"
        run $look envelope "$T/app.dsse" "$T/key/pub" "$keyid"
        want_rc 0
        want_same "$(echo "$out" | subjects)" "/out/app $(sum app)"
        # A second one: openssl, over the PAE.
        run openssl pkeyutl -verify -rawin -pubin -inkey "$T/key/pub" -in "$T/app.dsse.pae" -sigfile "$T/app.dsse.sig"
        want_rc 0
        # A byte of the payload more, and neither accepts it.
        printf x >> "$T/app.dsse.pae"
        run openssl pkeyutl -verify -rawin -pubin -inkey "$T/key/pub" -in "$T/app.dsse.pae" -sigfile "$T/app.dsse.sig"
        want_failure
        jq -c '.payload |= (@base64d | sub("/out/app"; "/out/bad") | @base64)' "$T/app.dsse" > "$T/bad.dsse"
        run $look envelope "$T/bad.dsse" "$T/key/pub" "$keyid"
        want_failure
        want_err_has InvalidSignature
        rt delete -f s
}
check "a DSSE envelope by an Ed25519 key in a file verifies with two other programs; an edited one does not" it_is_signed

signer_says() { printf '#!/bin/sh\ncat > /dev/null\n%s\n' "$1" > "$T/signer"; chmod 755 "$T/signer"; run rt evidence --signer "$T/signer" --output /out/app g; }
it_distrusts_the_signer()
{
        built g :
        for answer in 'exit 3' 'echo only' 'printf "id\nnot base64!\n"' 'printf "id\nAAAA\nmore\n"' 'printf "\nAAAA\n"' 'head -c 100000 /dev/zero' \
                'printf "i\001d\nAAAA\n"' 'kill -9 $$' :; do
                signer_says "$answer"
                want_rc 1
                want_out ""
        done
        signer_says 'printf "id\nAAAA\n"'
        want_rc 0
        want_same "$(echo "$out" | jq -c .signatures)" '[{"keyid":"id","sig":"AAAA"}]'
        # All of a long statement reaches a signer that answers before it reads.
        signer_says 'printf "id\nAAAA\n"; exec 1>&-; sleep 0'
        want_rc 0
        run rt evidence --signer relative --output /out/app g
        want_rc 1
        want_err_has "an absolute path"
        run rt evidence --signer /nonexistent --output /out/app g
        want_rc 1
        rt delete -f g
}
check "a signer that fails, says too much or nothing leaves nothing signed" it_distrusts_the_signer

by_socket()
{
        built k :
        cat > "$T/agent.py" << 'EOA'
import base64, hashlib, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
peer, _ = listener.accept()
pae = b""
while chunk := peer.recv(65536):
    pae += chunk
peer.sendall(b"agent\n" + base64.b64encode(hashlib.sha256(pae).digest()) + b"\n")
EOA
        (cd "$T" && exec /usr/bin/python3 agent.py sock) 9>&- &
        wait_for 20 [ -S "$T/sock" ]
        run rt evidence --signer-socket "$T/sock" --output /out/app k
        want_rc 0
        payload=$(echo "$out" | jq -r '.payload | @base64d')
        want_same "$(echo "$out" | jq -r '.signatures[0].sig')" \
                "$(printf 'DSSEv1 28 application/vnd.in-toto+json %s %s' "$(printf %s "$payload" | wc -c)" "$payload" | openssl dgst -sha256 -binary | base64)"
        wait
        rt delete -f k
}
check "a signer behind a socket gets the PAE" by_socket

refuses_output() { run rt evidence --output "$1" h; want_rc 1; want_err_has "$2"; want_out ""; }
hostile_outputs()
{
        echo host-secret > "$T/secret"
        built h "ln -s $T/secret /out/link; ln -s / /out/up; mkfifo /out/pipe; ln -s deep /out/way; mkdir /out/many; i=0; while [ \$i -lt 1001 ]; do : > /out/many/\$i; i=\$((i + 1)); done"
        refuses_output /out/link "a link"
        refuses_output /out/up/etc/passwd "a link"
        refuses_output /out/way/lib "a link"
        refuses_output /out/pipe "no regular file"
        refuses_output /dev/null "no regular file"
        refuses_output /out/../../etc/passwd "without"
        refuses_output out/app "absolute"
        refuses_output / "name what the build made"
        refuses_output /out/nothing "no such file"
        refuses_output /out/many "more than 1000 files"
        rm -rf "$B/rootfs/out/many"
        # In a folder links and pipes are left out, and not followed.
        run statement --output /out h
        want_rc 0
        want_same "$(echo "$out" | subjects | cut -d' ' -f1 | xargs)" "/out/app /out/deep/lib"
        rt delete -f h
}
check "links, pipes, devices, ways out of the root and too many files are refused or left out" hostile_outputs

no_secrets()
{
        built n : '.process.env += ["TOKEN=MARKER-VALUE"] | .process.args += ["MARKER-ARGUMENT"]'
        run rt evidence --output /out/app n
        want_rc 0
        want_out_without MARKER
        rt delete -f n
}
check "no value of a variable and no argument is in it" no_secrets

canonical() { jq -cjS . "$1" | sha256sum | cut -d' ' -f1; }   # RFC 8785, for what a config.json holds
by_image()
{
        built i :
        run statement i
        want_rc 0
        want_same "$(echo "$out" | subjects)" "config.json $(canonical "$T/state/i/config.json")"
        want_same "$(echo "$out" | jq -r .predicate.completeness.subject)" configuration
        rt delete -f i
        # CRI-O's and containerd's, told by the places that they alone use.
        built j : '.linux.cgroupsPath = "/crio-j" | .annotations["io.kubernetes.cri-o.ImageRef"] = "'"$(sum x)"'"'
        run statement j
        want_rc 0
        want_same "$(echo "$out" | subjects)" "$(sum x) $(sum x)"
        want_same "$(echo "$out" | jq -r .predicate.completeness.subject)" image
        rt delete -f j
        sh_bundle k8s.io 'touch /ready; exec sleep 1000'
        mkdir -p "$T/k8s.io/k" && cp -r "$B/rootfs" "$T/k8s.io/k"
        for value in "example.org/a@sha256:$(sum x)" "sha256:$(sum x)"; do
                jq '.annotations["io.kubernetes.cri.image-name"] = $v' --arg v "$value" "$B/config.json" > "$T/k8s.io/k/config.json"
                rt create --bundle "$T/k8s.io/k" k < /dev/null > /dev/null
                run statement k
                want_rc 0
                want_same "$(echo "$out" | subjects)" "$value $(sum x)"
                want_same "$(echo "$out" | jq -r .predicate.completeness.subject)" image
                rt delete -f k
        done
        # Not a tag, nor more than a digest; nor anywhere else, as podman hands on what the maker of an image wrote.
        for value in example.org/a:latest "sha256:$(sum x)0"; do
                jq '.annotations["io.kubernetes.cri.image-name"] = $v' --arg v "$value" "$B/config.json" > "$T/k8s.io/k/config.json"
                rt create --bundle "$T/k8s.io/k" k < /dev/null > /dev/null
                run statement k
                want_same "$(echo "$out" | jq -r .predicate.completeness.subject)" configuration
                rt delete -f k
        done
        built l : '.annotations["io.kubernetes.cri.image-name"] = "sha256:'"$(sum x)"'" | .annotations["io.container.manager"] = "cri-o" |
                .annotations["io.kubernetes.cri-o.ImageRef"] = "'"$(sum x)"'" | .linux.cgroupsPath = "/crio-other"'
        run statement l
        want_rc 0
        want_same "$(echo "$out" | jq -r .predicate.completeness.subject)" configuration
        rt delete -f l
}
check "without outputs it is about the image, where the engine names it by digest, else about the configuration, and says so" by_image

programs()
{
        policy '{version: 1, revision: "t", audit: {path: "/run/policy/audit.jsonl"}}'
        built p :
        process() { jq -c "[.predicate.monitorLog.process[] | select(.eventType == \"$1\") | {uid, gid, argCount, argDigest}]"; }
        run statement p
        want_same "$(echo "$out" | jq -c '[.predicate.completeness.execs, .predicate.completeness.process]')" "[true,false]"
        want_same "$(echo "$out" | process exec)" "[]"
        want_same "$(echo "$out" | process start)" "$(jq -c 'select(.event == "create") | [.process | {uid, gid, argCount, argDigest}]' $P/audit.jsonl)"
        rt --policy $P/policy.json exec p true MARKER-ARGUMENT
        rt --policy $P/policy.json exec --user 1000:1000 p sh -c 'exit 3' || true
        run statement p
        want_same "$(echo "$out" | process exec)" "$(jq -c 'select(.event == "exec") | .process | {uid, gid, argCount, argDigest}' $P/audit.jsonl | jq -cs .)"
        want_same "$(echo "$out" | process exec | jq -c 'map([.uid, .argCount, .argDigest])')" "[[0,2,\"sha256:$(printf 'true\0MARKER-ARGUMENT\0' | sha256sum | cut -d' ' -f1)\"],[1000,3,\"sha256:$(printf 'sh\0-c\0exit 3\0' | sha256sum | cut -d' ' -f1)\"]]"
        want_out_without MARKER
        # One that is refused is none.
        run rt exec --user 4294967295 p true
        want_failure
        run statement p
        want_same "$(echo "$out" | process exec | jq length)" 2
        # More than there is a place for: counted.
        { cat "$T/state/p/execs"; while read -r line; do for i in $(seq 750); do echo "$line"; done; done < "$T/state/p/execs"; } > "$T/state/p/execs.new"
        cat "$T/state/p/execs.new" > "$T/state/p/execs"
        rt exec p true
        rt exec p true
        run statement p
        want_same "$(echo "$out" | process exec | jq length)" 1000
        want_same "$(echo "$out" | jq -c '.predicate.completeness | [.execs, .more.execs]')" "[false,504]"
        # A line that was cut off.
        printf '{"eventType":"exec","ti' > "$T/state/p/execs"
        run statement p
        want_same "$(echo "$out" | jq -c '.predicate.completeness.execs')" false
        rt delete -f p
        rm -f $P/policy.json $P/audit.jsonl*
}
check "each program that runb let in is in it, by digests as in the audit log; what found no place is counted" programs

with_network()
{
        policy '{version: 1, revision: "t", profiles: {untrusted: {egress: {allow: [{cidr: "203.0.113.9/32", ports: [9]}]}}}}'
        built w :
        pid=$(rt state w | jq .pid)
        nsenter -t "$pid" -n ip link add name d0 type veth peer name d1 2> /dev/null && nsenter -t "$pid" -n ip address add 198.51.100.1/24 dev d0 &&
                nsenter -t "$pid" -n ip link set d0 up && nsenter -t "$pid" -n ip link set d1 up || { rt delete -f w; rm $P/policy.json; skip_case "this kernel has no veth"; }
        rt exec w nc -w 1 198.51.100.9 443 < /dev/null || true
        run statement --output /out/app w
        want_rc 0
        want_same "$(echo "$out" | jq -r '.predicate.completeness.network')" true
        want_same "$(echo "$out" | jq -r '.predicate.monitorLog.network[] | [.ip, .protocol, .port, .verdict] | join(" ")')" "198.51.100.9 tcp 443 refused"
        want_same "$(echo "$out" | jq -c '.predicate.monitor.tracePolicy.egressRules')" '{"mode":"deny","allow":[{"cidr":"203.0.113.9/32","ports":[9]}]}'
        want_same "$(echo "$out" | jq -r '.predicate.monitor.configSource.digest.sha256')" "$(sha256sum < "$T/state/w/policy.json" | cut -d' ' -f1)"
        rt delete -f w
        rm $P/policy.json
}
check "what its network counted is in it, and the policy by digest" with_network

at_delete()
{
        mkdir -p $P/evidence
        rm -f $P/audit.jsonl*
        policy '{version: 1, revision: "t", audit: {path: "/run/policy/audit.jsonl"},
                 profiles: {untrusted: {evidence: {folder: "/run/policy/evidence", outputs: ["/out"], signer: "/run/policy/signer"}}}}'
        printf '#!/bin/sh\ncat > /dev/null\nprintf "id\\nAAAA\\n"\n' > $P/signer
        chmod 755 $P/signer
        built d :
        rt kill d KILL
        wait_for 20 has_status d stopped
        run rt delete d
        want_rc 0
        file=$(echo $P/evidence/d-20*.json)
        jq -r '.payload | @base64d' "$file" > "$T/statement"
        run $look statement "$T/statement"
        want_rc 0
        want_same "$(echo "$out" | subjects)" "/out/app $(sum app)
/out/deep/lib $(sum lib)"
        want_same "$(echo "$out" | jq -r '.predicate.completeness | [.ended, .network, .auditLog] | join(" ")')" "true true true"
        want_same "$(jq -r 'select(.event == "evidence") | .file + " " + .sha256' $P/audit.jsonl)" "$file $(sha256sum < "$file" | cut -d' ' -f1)"
        # Of a foreground run, too.
        sh_bundle f 'mkdir /out; echo made > /out/x'
        rt --policy $P/policy.json run --bundle "$B" f < /dev/null
        want_same "$(jq -r '.payload | @base64d' $P/evidence/f-20*.json | subjects)" "/out/x $(sum made)"
        # What fails is told, and delete goes on.
        rm $P/signer
        built e :
        run rt delete --force e
        want_rc 0
        [ ! -e "$T/state/e" ] || fail "it is still there"
        want_match "$(jq -r 'select(.event == "evidence" and .id == "e") | .failed' $P/audit.jsonl)" "signer"
        [ -z "$(ls $P/evidence | grep ^e-)" ] || fail "something was written"
        rm -rf $P/policy.json $P/evidence $P/audit.jsonl*
}
check "a profile's evidence is written at delete, signed, and told to the audit log; what fails does not stop delete" at_delete

# leaves OUTPUT...: a policy that leaves evidence of them at delete
leaves() { rm -rf $P/evidence; mkdir $P/evidence; policy '{version: 1, revision: "t", profiles: {untrusted: {rootfs: "'"${rootfs-engine}"'", evidence: {folder: "/run/policy/evidence", outputs: '"$(jq -cn '$ARGS.positional' --args "$@")"'}}}}'; }
no_leaves() { rm -rf $P/policy.json $P/evidence; }
kept() { rt kill "$1" KILL; wait_for 20 has_status "$1" stopped; run rt delete "$1"; want_rc 0; [ ! -e "$T/state/$1" ] || fail "$1 is still there"; }
kept_file() { echo $P/evidence/"$1"-20*.json; }
# Outputs that cannot be read: a statement all the same, about something else, which says so and why.
without_outputs() # ID WORDS
{
        want_err_has "what it made is not in its evidence: output"
        want_err_has "$2"
        $look statement "$(kept_file "$1")" > "$T/statement"
        want_same "$(jq -c '[.predicate.completeness | .subject, .outputs]' "$T/statement")" '["configuration",false]'
        want_match "$(jq -r .predicate.completeness.outputsFailed "$T/statement")" "$2"
        rm $P/evidence/*
}

what_it_was_made_as()
{
        leaves
        built m : '.mounts += [{destination: "/vol", type: "tmpfs", source: "tmpfs"}]'
        rt exec m true
        rt --policy $P/policy.json update --pids-limit 77 m
        kept m
        $look statement "$(kept_file m)" > "$T/statement"
        want_same "$(jq -c '.predicate.environment | [.noNewPrivileges, .namespaces.network, .namespaces.user, (.mountCount == (.mounts | length)), (.limits.pids > 0)]' "$T/statement")" '[true,"new","new",true,true]'
        want_same "$(jq -c '[.predicate.environment.mounts[] | select(.target == "/vol")]' "$T/statement")" '[{"readonly":false,"target":"/vol","type":"tmpfs"}]'
        want_same "$(jq -c '.predicate.completeness | [.execs, .mounts, .verdict, .ended, .subject]' "$T/statement")" '[true,true,false,true,"configuration"]'
        want_same "$(jq -r '[.predicate.monitorLog.process[].eventType] | join(" ")' "$T/statement")" "start exec"
        want_same "$(jq -c '.predicate.updatedLimits.pids' "$T/statement")" 77
        no_leaves
        # Nothing is noted where nobody wants it.
        built m :
        [ ! -e "$T/state/m/evidence.json" ] || fail "it was noted"
        rt delete -f m
}
check "after its end a statement tells of the mounts, the limits and the isolation that it was made with" what_it_was_made_as

on_volumes()
{
        # Written by the build, so out of other users' reach.
        mkdir -p -m 700 "$T/mine" && mkdir "$T/mine/vol" && : > "$T/mine/single"
        leaves /out/app /vol/made /file
        built v "echo made > /vol/made; echo single > /file" '.mounts += [{destination: "/vol", type: "bind", source: "'"$T/mine/vol"'", options: ["bind", "rw"]}, {destination: "/file", type: "bind", source: "'"$T/mine/single"'", options: ["bind", "rw"]}]'
        kept v
        want_same "$(subjects < "$(kept_file v)")" "/file $(sum single)
/out/app $(sum app)
/vol/made $(sum made)"
        rm $P/evidence/*
        # What lies below a mount that has ended is not what the build made.
        leaves /tmpfs/app
        built v "echo made > /tmpfs/app" '.mounts += [{destination: "/tmpfs", type: "tmpfs", source: "tmpfs"}]'
        mkdir -p "$B/rootfs/tmpfs" && echo stale > "$B/rootfs/tmpfs/app"
        kept v
        without_outputs v "the mount at /tmpfs has ended with v"
        # The same behind a link of the image, and in a folder that holds a mount.
        leaves /real/app
        built v : '.mounts += [{destination: "/way", type: "tmpfs", source: "tmpfs"}]'
        rt delete -f v
        rm $P/evidence/*
        mkdir "$B/rootfs/real" && rmdir "$B/rootfs/way" && ln -s real "$B/rootfs/way"
        echo stale > "$B/rootfs/real/app"
        rm -f "$B/rootfs/ready"
        rt --policy $P/policy.json create --bundle "$B" v < /dev/null > /dev/null && rt start v
        kept v
        without_outputs v "the mount at /real has ended with v"
        leaves /out
        built v : '.mounts += [{destination: "/out/cache", type: "tmpfs", source: "tmpfs"}]'
        kept v
        without_outputs v "there was a mount at /out/cache in it"
        # Another folder by the name of the volume.
        leaves /vol/made
        built v "echo made > /vol/made" '.mounts += [{destination: "/vol", type: "bind", source: "'"$T/mine/vol"'", options: ["bind", "rw"]}]'
        mv "$T/mine/vol" "$T/mine/moved" && ln -s /etc "$T/mine/vol"
        kept v
        without_outputs v "another file than at create"
        no_leaves
}
check "outputs on volumes count after the end, too; what lies below a mount that has ended does not" on_volumes

of_an_ephemeral_root()
{
        rootfs=ephemeral leaves /out/app
        sh_bundle z 'mkdir -p /out; echo new > /out/app; touch /tmp/ready; exec sleep 1000'
        mkdir -p "$B/rootfs/out" && echo stale > "$B/rootfs/out/app"
        rt --policy $P/policy.json create --bundle "$B" z < /dev/null > /dev/null && rt start z
        wait_for 30 rt exec z test -e /tmp/ready
        run statement --output /out/app z
        want_same "$(echo "$out" | subjects)" "/out/app $(sum new)"
        kept z
        without_outputs z "was an ephemeral one"
        no_leaves
}
check "the image's own files are not taken for those that were lost with an ephemeral root" of_an_ephemeral_root

no_escape()
{
        leaves /out/app
        for how in 'ln -sf /etc/passwd /out/app' 'rm /out/app; mkfifo /out/app' 'rm -r /out; ln -s / /out' 'truncate -s 1099511627776 /out/app'; do
                built o "$how"
                kept o
                without_outputs o "output /out/app: "
                rm -rf "$B/rootfs/out" "$B/rootfs/ready"
        done
        # What is not there is no reason for none of it.
        leaves /out/app /out/never
        built o :
        kept o
        want_same "$err" ""
        want_same "$(jq -c '[.subject[].name, (.predicate.completeness | .subject, .outputs, .outputsMissing)]' "$(kept_file o)")" \
                '["/out/app","outputs",false,["/out/never"]]'
        leaves /never
        built o :
        kept o
        want_same "$(jq -c '[.subject[].name, (.predicate.completeness | .subject, .outputs, .outputsMissing)]' "$(kept_file o)")" \
                '["config.json","configuration",false,["/never"]]'
        no_leaves
}
check "no build keeps its statement from being made by what it puts in an output's place" no_escape

hostile_names()
{
        built q 'cd /out; echo 1 > "$(printf "two\nlines")"; echo 2 > "$(printf "quote\"back\\\\slash\ttab\001")"; mkdir odd; echo 3 > "$(printf "odd/\377")"; echo 4 > a..b; truncate -s 1099511627776 /out/sparse; ln app hard
                mkdir /out/long; cd /out/long; d=dddddddddd; d=$d$d$d$d$d; d=$d$d$d$d; for i in $(seq 21); do mkdir $d; cd $d 2> /dev/null || break; done'
        refuses_output_q() { run rt evidence --output "$1" q; want_rc 1; want_err_has "$2"; want_out ""; }
        refuses_output_q /out/sparse "hold more than"
        refuses_output_q /out "hold more than"
        rm "$B/rootfs/out/sparse"
        refuses_output_q /out/odd "not UTF-8"
        refuses_output_q "$(printf '/out/odd/\377')" "not UTF-8"
        refuses_output_q /out/long "a path of more than 4095 bytes"
        refuses_output_q "/out/$(printf 'd/%.0s' $(seq 2100))" "a path of more than 4095 bytes"
        # No size, and something in it: not the digest of nothing.
        refuses_output_q /proc/version "changed while it was read"
        rm -r "$B/rootfs/out/odd" "$B/rootfs/out/long"
        run statement --output /out --output /out/a..b q
        want_rc 0
        want_same "$(echo "$out" | jq -c '[.subject[].name]')" '["/out/a..b","/out/app","/out/deep/lib","/out/hard","/out/quote\"back\\slash\ttab\u0001","/out/two\nlines"]'
        rt delete -f q
}
check "names with line breaks and quotes are told as they are, others than UTF-8 refused; a terabyte of holes is not read" hostile_names

the_folder()
{
        leaves /out/app
        chmod 777 $P/evidence
        built x :
        kept x
        want_err_has "every user may write to it"
        chmod 755 $P/evidence
        chown 1000 $P/evidence
        built x :
        kept x
        want_err_has "is not root's alone"
        chown 0 $P/evidence
        # So has the signer to be, which root runs.
        jq '.profiles.untrusted.evidence.signer = "/run/policy/signer"' $P/policy.json > $P/new && cat $P/new > $P/policy.json
        printf '#!/bin/sh\ntouch /run/policy/was-run\n' > $P/signer
        for mode in 777 775; do
                chmod $mode $P/signer
                chown 0:1000 $P/signer
                built x :
                kept x
                want_err_has "evidence.signer /run/policy/signer: it, or a folder above it, is not root's alone"
        done
        [ ! -e $P/was-run ] && [ -z "$(ls $P/evidence)" ] || fail "it was run, or something was written"
        rm $P/signer
        leaves /out/app
        # A link by the file's name is replaced, not followed; a full disk leaves nothing.
        chmod 755 $P/evidence
        built x :
        echo mine > $P/victim
        ln -s $P/victim $P/evidence/x-"$(rt state x | jq -r .created)".json
        kept x
        want_same "$(cat $P/victim)" mine
        [ -f "$(kept_file x)" ] && [ ! -L "$(kept_file x)" ] || fail "no file was written"
        rm $P/evidence/*
        mount -t tmpfs -o size=4k,mode=755 tmpfs $P/evidence && head -c 4096 /dev/zero > $P/evidence/full
        built x :
        kept x
        want_err_has "no space left"
        want_same "$(ls -A $P/evidence)" full
        umount $P/evidence
        rmdir $P/evidence
        built x :
        kept x
        want_err_has "no such file"
        # Two deletes at once: one of them does it, and one statement is there.
        leaves /out/app
        built x :
        rt kill x KILL
        wait_for 20 has_status x stopped
        rt delete -f x & one=$!
        rt delete -f x & other=$!
        wait $one && wait $other
        want_same "$(ls -A $P/evidence | wc -l)" 1
        # An id as long as can be.
        long=$(printf 'l%.0s' $(seq 255))
        rt --policy $P/policy.json create --bundle "$B" "$long" < /dev/null > /dev/null
        run rt delete -f "$long"
        want_rc 0
        want_same "$(ls -A $P/evidence | wc -l)" 2
        no_leaves
}
check "links in the folder, a full disk, an open folder and two deletes at once: whole statements or none" the_folder

of_a_run()
{
        leaves
        jq '.profiles.untrusted.egress = {allow: [{cidr: "203.0.113.9/32", ports: [9]}]}' $P/policy.json > $P/new && mv $P/new $P/policy.json && chmod 600 $P/policy.json
        sh_bundle r 'nc -w 1 198.51.100.9 443; exit 7'
        run rt --policy $P/policy.json run --bundle "$B" r < /dev/null
        want_rc 7
        want_same "$(jq -c '.predicate | [.completeness.network, (.monitorLog.process[] | select(.eventType == "start").exitStatus)]' "$(kept_file r)")" '[true,7]'
        # The namespace that was kept for it is gone.
        [ ! -e "$T/state/r" ] || fail "it is still there"
        no_leaves
}
check "of a foreground run it has the exit status and what the network counted" of_a_run

of_one_that_is_being_made()
{
        printf '#!/bin/sh\n%s --root %s evidence y > %s 2>&1\necho $? >> %s\n' "$RUNB" "$T/state" "$T/said" "$T/said" > "$T/hook"
        chmod 755 "$T/hook"
        bundle y '.process.args = ["true"] | .hooks.createRuntime = [{path: $h}]' --arg h "$T/hook"
        run rt run --bundle "$B" y
        want_rc 0
        want_match "$(head -n 1 "$T/said")" "is being created; ask again"
        want_same "$(tail -n 1 "$T/said")" 1
}
check "one that is being made has no statement yet" of_one_that_is_being_made

of_a_contained_one()
{
        built c :
        rt contain c > /dev/null
        run statement --output /out/app c
        want_rc 0
        want_same "$(echo "$out" | subjects)" "/out/app $(sum app)"
        want_same "$(echo "$out" | jq -r '.predicate.completeness.ended')" false
        rt delete -f --contained c
}
check "one that is contained can be asked" of_a_contained_one

of_the_builder()
{
        run rt evidence --builder
        want_rc 0
        want_same "$(echo "$out" | jq -r '.runb | [.profile, .policy, .egress, .userNamespace] | join(" ")')" "untrusted built-in deny private"
        want_same "$(echo "$out" | jq -r 'keys | join(" ")')" runb
        run rt evidence --builder x
        want_rc 1
        run rt evidence
        want_rc 1
        run rt evidence --builder --output /x
        want_rc 1
        # A file is not put in the place of what is none.
        run rt evidence --builder --file /dev/null
        want_rc 1
        want_err_has "no regular file"
        [ -c /dev/null ] || fail "/dev/null is gone"
}
check "--builder: what is true of each build, for BuildKit's provenance" of_the_builder
finish
