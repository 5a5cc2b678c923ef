#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the servers that the end-to-end tests meet and pip does not have, where they are missing
# and apt may be used: nginx, which asks Pinion by auth_request, and Glewlwyd, a real OpenID Connect
# provider. It takes about 20 seconds, once. Nothing is started: the tests do that themselves.
source "$(dirname "$0")/toolchain.sh"

# install PROGRAM CONSEQUENCE PACKAGE…
install() {
    local program=$1 consequence=$2
    shift 2
    if command -v "$program" >/dev/null; then
        return
    fi
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "$program is not installed, its tests $consequence (Debian: apt install $*)"
        return
    fi
    say "installing $program (once)"
    # No service is wanted, and in a container none can be started.
    {
        apt-get update -q &&
            DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qy \
                --no-install-recommends "$@"
    } >&2 || say "$program could not be installed, its tests $consequence"
}

install glewlwyd "are skipped" glewlwyd sqlite3
install nginx "will fail" nginx-light
exit 0
