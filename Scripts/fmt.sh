#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Formats every Swift file of ours in place; generated files stay as they are.
source "$(dirname "$0")/toolchain.sh"
require_swift || exit 1
find Sources Tests Package.swift -name '*.swift' -not -path '*/Generated/*' -print0 |
    xargs -0 swift format format --in-place --parallel
