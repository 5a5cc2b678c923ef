#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds once, then runs the Swift tests and the end-to-end tests, and with GUARD=on the guard of
# what requests cost, which needs a release build; fails when one of them fails.
source "$(dirname "$0")/toolchain.sh"

build_debug || exit 1

swift test --skip-build --disable-xctest
unit=$?

Scripts/e2e.sh --no-build
end_to_end=$?

guard=0
why_not=
if [ "${GUARD:-}" = on ]; then
    Scripts/bench-quick.sh --shared
    guard=$?
else
    why_not='not judged (GUARD=on)'
fi

verdict() { [ "$1" -eq 0 ] && printf passed || printf FAILED; }
printf 'make test: Swift tests %s, end-to-end tests %s, costs of a request %s\n' \
    "$(verdict $unit)" "$(verdict $end_to_end)" "${why_not:-$(verdict $guard)}"
[ $unit -eq 0 ] && [ $end_to_end -eq 0 ] && [ $guard -eq 0 ]
