#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures the parts (micro) and Pinion beside other proxies (compare.py), and writes
# Docs/benchmarks.md.
#
# usage: bench.sh [--micro] [--rounds N] [--tests rr,sse,ssehi,rate,mem] [--peers a,b,…]
#
# ROUNDS, TESTS and PEERS of the environment do the same. PINION names another release binary.
source "$(dirname "$0")/toolchain.sh"

require_swift || exit 1
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    say "python3 of at least 3.10 is missing: install it (Debian: apt install python3)"
    exit 1
fi
say "building the benchmarks; the first time takes about a minute"
swift build -c release --package-path Benchmarks >&2 || exit 1
if [ "${1:-}" = --micro ]; then
    exec Benchmarks/.build/release/micro "${@:2}"
fi
say "building the proxy on bare SwiftNIO; the first time takes about a minute"
swift build -c release --package-path Benchmarks/Baseline --product baseline-proxy >&2 || exit 1
if [ -z "${PINION:-}" ]; then
    build_release >&2 || exit 1
fi
if [ "$(nproc)" -lt 2 ]; then
    say "there is one processor only: proxy and load share it, so only CPU times will count"
fi

export PYTHONDONTWRITEBYTECODE=1
Benchmarks/.build/release/micro || exit 1
exec python3 Benchmarks/compare.py "$@"
