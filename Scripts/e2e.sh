#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs Tests/EndToEnd with pytest against the debug binary (PINION=path for another one).
#
# usage: e2e.sh [--no-build] [pytest arguments]
source "$(dirname "$0")/toolchain.sh"

build=yes
if [ "${1:-}" = --no-build ]; then
    build=no
    shift
fi
if [ "$build" = yes ] && [ -z "${PINION:-}" ]; then
    build_debug || exit 1
fi

Scripts/venv.sh || exit 1
Scripts/peers.sh
export PINION=${PINION:-$PWD/.build/debug/pinion}
export PYTHONDONTWRITEBYTECODE=1
exec .build/venv/bin/python -m pytest -q --tb=short -p no:cacheprovider Tests/EndToEnd "$@"
