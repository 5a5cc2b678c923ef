// SPDX-License-Identifier: Apache-2.0

/// What an expression evaluates to, and what a fact holds.
///
/// Equality and order are those of the language, not of Swift: see `equals(_:)` and
/// `order(_:)`. Strings are compared by code point, never by canonical equivalence.
package enum Value: Sendable {
    /// The values of the language.
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    /// A length of time in nanoseconds.
    case duration(Int64)
    case timestamp(Timestamp)
    case list([Value])
    case map(MapValue)
    /// A type, by its name: `type(1)` is `int`.
    case type(TypeName)
    /// A value that may be missing.
    indirect case optional(Value?)
    /// An address of IPv4 or IPv6.
    indirect case address(IPAddress)
    /// A network: an address and its prefix.
    indirect case network(IPNetwork)
}

/// The name of a type, as `type(x)` gives it.
package struct TypeName: Hashable, Sendable {
    /// The name: `int`, `list`, `google.protobuf.Timestamp`.
    package let text: String

    /// The type called `text`.
    package init(_ text: String) { self.text = text }
}

extension Value {
    /// The name of the type.
    package var typeName: String {
        switch self {
        case .null: "null_type"
        case .bool: "bool"
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .duration: "google.protobuf.Duration"
        case .timestamp: "google.protobuf.Timestamp"
        case .list: "list"
        case .map: "map"
        case .type: "type"
        case .optional: "optional_type"
        case .address: "net.IP"
        case .network: "net.CIDR"
        }
    }

    /// Whether it is the zero of its type, as `optional.ofNonZeroValue` asks.
    var isZero: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .int(let value): value == 0
        case .uint(let value): value == 0
        case .double(let value): value == 0
        case .string(let value): value.isEmpty
        case .bytes(let value): value.isEmpty
        case .duration(let value): value == 0
        case .timestamp(let value): value == Timestamp(seconds: 0, nanoseconds: 0)
        case .list(let value): value.isEmpty
        case .map(let value): value.count == 0
        case .optional(let value): value == nil
        case .type, .address, .network: false
        }
    }
}
