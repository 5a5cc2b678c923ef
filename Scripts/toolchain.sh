# SPDX-License-Identifier: Apache-2.0
# Sourced by the other scripts: goes to the root of the project and checks for the toolchain.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# say MESSAGE…: one line on standard error.
say() { printf '%s\n' "$*" >&2; }

# Succeeds when a Swift toolchain of at least 6.2 is on the PATH, else says what to do.
require_swift() {
    local version
    if ! version=$(swift --version 2>/dev/null); then
        say "swift is not on the PATH: install Swift 6.2 or newer from swift.org/install"
        return 1
    fi
    version=$(sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' <<<"$version" | head -1)
    local major minor
    read -r major minor <<<"$version"
    if [ -n "$minor" ] && [ "$((major * 100 + minor))" -lt 602 ]; then
        say "Swift $major.$minor is too old: install Swift 6.2 or newer from swift.org/install"
        return 1
    fi
}

# Builds the release binary, which needs no Swift installed where it runs and calls the runtime
# without a detour.
build_release() {
    if [ ! -x .build/release/pinion ]; then
        say "building the release binary; the first time takes about 6 minutes on two cores"
    fi
    swift build -c release --product pinion --static-swift-stdlib
}

# Builds everything, tests included, in the one debug configuration that tests run in.
#
# The import check fails the build by its exit code only: the log still says that it completed.
build_debug() {
    require_swift || return 1
    swift build --build-tests --explicit-target-dependency-import-check error || {
        say "the build failed; if the log shows no error above, a target imports a module that"
        say "Package.swift does not list among its dependencies"
        return 1
    }
}
