#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes .build/venv hold what Tests/EndToEnd/requirements.txt asks for; quick when it does.
source "$(dirname "$0")/toolchain.sh"

venv=.build/venv
wanted=Tests/EndToEnd/requirements.txt
if cmp -s "$wanted" "$venv/installed.txt"; then
    exit 0
fi

# Debian splits the venv module from python3.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "python3 with its venv module is missing: install it (Debian: apt install python3-venv)"
        exit 1
    fi
    say "installing python3-venv"
    { apt-get update -q && apt-get install -qy --no-install-recommends python3-venv; } >&2 ||
        exit 1
fi

say "preparing the Python environment of the end-to-end tests (once)"
mkdir -p .build
python3 -m venv "$venv" || exit 1
python=$venv/bin/python
# uv is much the quicker of the two; some mirrors have only what pip itself finds.
authorities=/etc/ssl/certs/ca-certificates.crt
if [ -z "${SSL_CERT_FILE:-}" ] && [ -f "$authorities" ]; then
    export SSL_CERT_FILE=$authorities
fi
if "$python" -m pip install -q uv 2>/dev/null &&
    "$venv/bin/uv" pip install -q --python "$python" -r "$wanted"; then
    :
else
    say "uv could not install them, trying pip"
    "$python" -m pip install -q -r "$wanted" || {
        say "the packages of $wanted could not be installed: check the network and try again"
        exit 1
    }
fi
cp "$wanted" "$venv/installed.txt"
