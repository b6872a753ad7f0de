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
        want_same "$(echo "$out" | jq -r '.predicate.monitor.tracePolicy.seccomp.profile.digest.sha256')" \
                "$(sha256sum < "$T/state/a/seccomp-policy.bpf" | cut -d' ' -f1)"
        want_same "$(echo "$out" | jq -r '.predicate.monitorLog.process | map(.name) | join(" ")')" sleep
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

by_image()
{
        built i :
        run rt evidence i
        want_rc 1
        want_err_has "name what the build made, with --output"
        rt delete -f i
        built j : '.annotations["io.kubernetes.cri.image-name"] = "example.org/a@sha256:'"$(sum x)"'"'
        run statement j
        want_rc 0
        want_same "$(echo "$out" | subjects)" "example.org/a@sha256:$(sum x) $(sum x)"
        rt delete -f j
}
check "without outputs it is about the image, where the engine names it by digest" by_image

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
}
check "--builder: what is true of each build, for BuildKit's provenance" of_the_builder
finish
