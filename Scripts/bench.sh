#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmarks of the package Benchmarks/.
source "$(dirname "$0")/toolchain.sh"
if [ ! -d Benchmarks ]; then
    say "there are no benchmarks yet: they arrive with the package Benchmarks/"
    exit 2
fi
require_swift || exit 1
exec swift run -c release --package-path Benchmarks Benchmarks "$@"
