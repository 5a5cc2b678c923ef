#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes the generated parts of Docs/ anew: the tests that compare them with the code write them
# when they are told to.
source "$(dirname "$0")/toolchain.sh"
require_swift || exit 1
swift build --product pinion || exit 1
.build/debug/pinion docs errors > Docs/errors.md || exit 1
GOLDEN=accept swift test --disable-xctest --filter ReferenceTests || exit 1
PINION_WRITE_DOCS=1 swift test --disable-xctest \
    --filter "MetricCatalogue|FunctionReference|FactTests" || exit 1
git --no-pager diff --stat -- Docs
