#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs nginx, which asks Pinion by auth_request in the tests, where it is missing and apt may be
# used. Nothing is started: the tests run it with a configuration of their own.
source "$(dirname "$0")/toolchain.sh"

if command -v nginx >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    say "nginx is not installed, its tests will fail (Debian: apt install nginx-light)"
    exit 0
fi
say "installing nginx (once)"
export DEBIAN_FRONTEND=noninteractive
# No service is wanted, and in a container none can be started.
{ apt-get update -q && RUNLEVEL=1 apt-get install -qy --no-install-recommends nginx-light; } >&2 ||
    say "nginx could not be installed, its tests will fail"
exit 0
