#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds everything, tests included, in debug.
source "$(dirname "$0")/toolchain.sh"
build_debug
