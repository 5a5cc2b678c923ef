#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the simulator's scenarios in release; SEEDS=n asks for that many seeds of each.
source "$(dirname "$0")/toolchain.sh"
if [ ! -d Tests/Scenarios ]; then
    say "there are no scenarios yet: they arrive with Tests/Scenarios/"
    exit 2
fi
require_swift || exit 1
exec swift test --disable-xctest --filter '^Scenarios\.' "$@"
