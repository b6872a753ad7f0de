#!/bin/sh
# A signer for `runb evidence --signer`, with an Ed25519 key in a file. An example: a real one asks a key service, so that the key is
# on no build host.
#
#   openssl genpkey -algorithm ed25519 -out /etc/runb/evidence.key && chmod 600 /etc/runb/evidence.key
#   openssl pkey -in /etc/runb/evidence.key -pubout -out evidence.pub      # for whoever verifies
#   runb evidence --signer $PWD/contrib/sign-with-file.sh --output /out/app ID > app.dsse.json
#
# Gets what is to be signed (DSSE's PAE) on standard input; prints the key's id, which is the SHA-256 of the public key (DER), and the
# signature in base64.
set -eu
umask 077
key=${RUNB_EVIDENCE_KEY:-/etc/runb/evidence.key}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/pae"
# OpenSSL 3.0 signs a regular file with Ed25519, not a pipe.
openssl pkeyutl -sign -rawin -inkey "$key" -in "$folder/pae" -out "$folder/signature"
openssl pkey -in "$key" -pubout -outform DER | sha256sum | cut -d' ' -f1
base64 -w 0 "$folder/signature"
echo
