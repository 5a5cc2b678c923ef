#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes Sources/MeshGRPC/Generated anew from the .proto files beside it. Run it after changing
# one of them; builds use what is committed.
#
# Needs protoc (Debian: apt install protobuf-compiler; or PROTOC=path for another one).
source "$(dirname "$0")/toolchain.sh"

swift build --product protoc-gen-swift || exit 1
protos=Sources/MeshGRPC/Protos
# shellcheck disable=SC2046
${PROTOC:-protoc} --plugin=protoc-gen-swift=.build/debug/protoc-gen-swift -I "$protos" \
    --swift_opt=Visibility=Internal,FileNaming=PathToUnderscores,UseAccessLevelOnImports=true \
    --swift_out=Sources/MeshGRPC/Generated \
    $(cd "$protos" && find . -name '*.proto' | sed 's|^\./||' | sort)
