#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lets golden tests write what they got as what they expect. The diff is then for a person.
source "$(dirname "$0")/toolchain.sh"
require_swift || exit 1
GOLDEN=accept swift test --disable-xctest --filter Golden
git --no-pager diff --stat -- Tests
