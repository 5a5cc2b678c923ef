#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes the generated parts of Docs/ anew.
source "$(dirname "$0")/toolchain.sh"
say "nothing in Docs/ is generated yet"
exit 2
