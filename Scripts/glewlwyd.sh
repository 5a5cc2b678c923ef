#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs Glewlwyd, a real OpenID Connect provider, where it is missing and apt may be used; the
# tests that need it are skipped elsewhere. It takes about 20 seconds, once.
source "$(dirname "$0")/toolchain.sh"

if command -v glewlwyd >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    say "Glewlwyd is not installed, its tests are skipped (Debian: apt install glewlwyd)"
    exit 0
fi
say "installing Glewlwyd (once)"
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -q && apt-get install -qy --no-install-recommends glewlwyd sqlite3; } >&2 ||
    say "Glewlwyd could not be installed, its tests are skipped"
exit 0
