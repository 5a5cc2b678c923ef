#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds once, then runs the Swift tests, the end-to-end tests and the guard of what requests cost;
# fails when one of them fails. GUARD=off leaves the guard out, which needs a release build;
# GUARD=on runs it also where all before took so long that a release build would take too long as
# well.
source "$(dirname "$0")/toolchain.sh"

build_debug || exit 1

swift test --skip-build --disable-xctest
unit=$?

Scripts/e2e.sh --no-build
end_to_end=$?

# Where building and testing took this many seconds, the release build is left to others.
guard_within=1500
guard=0
why_not=
if [ "${GUARD:-}" = off ]; then
    why_not='left out by GUARD=off'
elif [ "${GUARD:-}" != on ] && [ "$SECONDS" -gt $guard_within ]; then
    why_not="left out on a machine as slow as this (GUARD=on insists)"
else
    Scripts/bench-quick.sh --shared
    guard=$?
fi

verdict() { [ "$1" -eq 0 ] && printf passed || printf FAILED; }
printf 'make test: Swift tests %s, end-to-end tests %s, costs of a request %s\n' \
    "$(verdict $unit)" "$(verdict $end_to_end)" "${why_not:-$(verdict $guard)}"
[ $unit -eq 0 ] && [ $end_to_end -eq 0 ] && [ $guard -eq 0 ]
