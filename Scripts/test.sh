#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds once, then runs the Swift tests, the end-to-end tests, and the guard of what requests
# cost, which builds in release; fails when one of them fails.
source "$(dirname "$0")/toolchain.sh"

build_debug || exit 1

swift test --skip-build --disable-xctest
unit=$?

Scripts/e2e.sh --no-build
end_to_end=$?

Scripts/bench-quick.sh --shared
cost=$?

verdict() { [ "$1" -eq 0 ] && printf passed || printf FAILED; }
printf 'make test: Swift tests %s, end-to-end tests %s, costs %s\n' \
    "$(verdict $unit)" "$(verdict $end_to_end)" "$(verdict $cost)"
[ $unit -eq 0 ] && [ $end_to_end -eq 0 ] && [ $cost -eq 0 ]
