// SPDX-License-Identifier: Apache-2.0

import GRPCCore
import SwiftProtobuf

/// Reads messages of Protocol Buffers for gRPC.
struct ProtobufReader<Message: SwiftProtobuf.Message>: MessageDeserializer {
    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Message {
        try bytes.withUnsafeBytes { try Message(serializedBytes: Array($0)) }
    }
}

/// Writes messages of Protocol Buffers for gRPC.
struct ProtobufWriter<Message: SwiftProtobuf.Message>: MessageSerializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: Message) throws -> Bytes {
        let bytes: [UInt8] = try message.serializedBytes()
        return Bytes(bytes)
    }
}

extension MethodDescriptor {
    /// `envoy.service.auth.v3.Authorization/Check`.
    static let check = MethodDescriptor(
        service: ServiceDescriptor(fullyQualifiedService: "envoy.service.auth.v3.Authorization"),
        method: "Check")
}
