#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds once, then runs the Swift tests and the end-to-end tests; fails when either fails.
source "$(dirname "$0")/toolchain.sh"

build_debug || exit 1

swift test --skip-build --disable-xctest
unit=$?

Scripts/e2e.sh --no-build
end_to_end=$?

verdict() { [ "$1" -eq 0 ] && printf passed || printf FAILED; }
printf 'make test: Swift tests %s, end-to-end tests %s\n' \
    "$(verdict $unit)" "$(verdict $end_to_end)"
[ $unit -eq 0 ] && [ $end_to_end -eq 0 ]
