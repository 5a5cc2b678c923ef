#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a root, a certificate for the gateway and two workloads in the folder that is named.
# The root stays when it is there, so that running it again is a rotation.
set -euo pipefail

folder=${1:?usage: certificates.sh FOLDER}
mkdir -p "$folder"
cd "$folder"

if [ ! -e root.key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \
        -subj "/CN=example root" -keyout root.key -out root.crt 2>/dev/null
fi

# issue NAME SUBJECT-ALTERNATIVE-NAME
issue() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=example" \
        -keyout "$1.key.new" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA root.crt -CAkey root.key -CAcreateserial -days 1 \
        -out "$1.crt.new" -extfile <(
            echo "basicConstraints=critical,CA:FALSE"
            echo "keyUsage=critical,digitalSignature"
            echo "extendedKeyUsage=serverAuth,clientAuth"
            echo "subjectAltName=$2"
        ) 2>/dev/null
    mv "$1.crt.new" "$1.crt"
    mv "$1.key.new" "$1.key"
    rm "$1.csr"
}

issue gateway "DNS:localhost,IP:127.0.0.1"
issue agent "URI:spiffe://example.org/ns/prod/sa/agent"
issue other "URI:spiffe://example.org/ns/test/sa/other"
