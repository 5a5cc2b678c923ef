#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The guard of what requests cost: thresholds on the parts (micro --check), and CPU time and
# allocations of a request against a proxy that only passes bytes (quick.py). About a minute once
# everything is built.
#
# usage: bench-quick.sh [--accept]    writes what was found into Benchmarks/Thresholds
source "$(dirname "$0")/toolchain.sh"

require_swift || exit 1
swift build -c release --package-path Benchmarks >&2 || exit 1
swift build -c release --package-path Benchmarks/Baseline --product baseline-proxy >&2 || exit 1
if [ -z "${PINION:-}" ]; then
    build_release >&2 || exit 1
fi

export PYTHONDONTWRITEBYTECODE=1
if [ "${1:-}" = --accept ]; then
    Benchmarks/.build/release/micro --accept && exec python3 Benchmarks/quick.py --accept
    exit 1
fi
# Once more when a threshold is broken: a neighbour on the machine must not look like a change.
Benchmarks/.build/release/micro --check || Benchmarks/.build/release/micro --check
parts=$?
python3 Benchmarks/quick.py "$@"
whole=$?
[ $parts -eq 0 ] && [ $whole -eq 0 ]
