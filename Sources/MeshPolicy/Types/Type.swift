// SPDX-License-Identifier: Apache-2.0

/// The type of an expression or a fact, as far as it is known before evaluation.
package indirect enum Type: Hashable, Sendable {
    /// Anything: checked when it is evaluated.
    case dyn
    /// Types of the language.
    case null, bool, int, uint, double, string, bytes, duration, timestamp
    case list(Type)
    case map(Type, Type)
    /// The type of a type.
    case type(Type)
    /// A type of an extension, with its parameters: `optional_type(int)`, `net.IP`.
    case opaque(String, [Type])
    /// A type that is yet to be found, in the signatures of functions.
    case parameter(String)

    /// A value of `type`, or nothing.
    package static func optional(_ type: Type) -> Type { .opaque("optional_type", [type]) }
    /// An address.
    package static var address: Type { .opaque("net.IP", []) }
    /// A network.
    package static var network: Type { .opaque("net.CIDR", []) }

    /// The types that it is made of.
    var parameters: [Type] {
        switch self {
        case .list(let element): [element]
        case .map(let key, let value): [key, value]
        case .opaque(_, let parameters): parameters
        case .type(let inner): [inner]
        default: []
        }
    }

    /// The same type, made of other ones.
    func with(_ parameters: [Type]) -> Type {
        switch self {
        case .list: .list(parameters[0])
        case .map: .map(parameters[0], parameters[1])
        case .opaque(let name, _): .opaque(name, parameters)
        case .type: .type(parameters[0])
        default: self
        }
    }

    /// Whether both are of one constructor; their parameters may differ.
    func isSameKind(as other: Type) -> Bool {
        switch (self, other) {
        case (.list, .list), (.map, .map), (.type, .type): true
        case (.opaque(let a, let p), .opaque(let b, let q)): a == b && p.count == q.count
        default: self == other
        }
    }

    /// Whether nothing is known of it.
    var isOpen: Bool {
        switch self {
        case .dyn, .parameter: true
        default: false
        }
    }

    /// Whether `null` may stand for it: for what may be missing.
    var takesNull: Bool {
        switch self {
        case .null, .duration, .timestamp, .opaque: true
        default: false
        }
    }

    /// The type's name at run time, or nil when it has none of its own.
    var runtimeName: String? {
        switch self {
        case .dyn, .parameter: nil
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
        case .opaque(let name, _): name
        }
    }
}

extension Type: CustomStringConvertible {
    package var description: String {
        switch self {
        case .dyn: "dyn"
        case .duration: "duration"
        case .timestamp: "timestamp"
        case .null: "null"
        case .parameter(let name): name
        case .list(let element): "list(\(element))"
        case .map(let key, let value): "map(\(key), \(value))"
        case .type(let inner): "type(\(inner))"
        case .opaque(let name, let parameters):
            parameters.isEmpty
                ? name : "\(name)(\(parameters.map(\.description).joined(separator: ", ")))"
        default: runtimeName ?? "dyn"
        }
    }
}
