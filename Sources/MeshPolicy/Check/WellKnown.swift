// SPDX-License-Identifier: Apache-2.0

/// Messages of `google.protobuf` that stand for plain values of the language.
///
/// Other messages do not exist here: facts are plain values.
enum WellKnown: String, CaseIterable {
    case bool = "BoolValue"
    case bytes = "BytesValue"
    case double = "DoubleValue"
    case float = "FloatValue"
    case int32 = "Int32Value"
    case int64 = "Int64Value"
    case uint32 = "UInt32Value"
    case uint64 = "UInt64Value"
    case string = "StringValue"
    case list = "ListValue"
    case structure = "Struct"
    case value = "Value"
    case timestamp = "Timestamp"
    case duration = "Duration"
    /// The one value of `google.protobuf.NullValue`.
    case null = "NullValue.NULL_VALUE"

    /// The type of a literal of it. Wrappers may be compared with `null`, so theirs is open.
    var type: Type {
        switch self {
        case .list, .structure, .value, .timestamp, .duration, .null: wrapped
        default: .dyn
        }
    }

    /// The type of what it stands for.
    private var wrapped: Type {
        switch self {
        case .bool: .bool
        case .bytes: .bytes
        case .double, .float: .double
        case .int32, .int64: .int
        case .uint32, .uint64: .uint
        case .string: .string
        case .list: .list(.dyn)
        case .structure: .map(.string, .dyn)
        case .value: .dyn
        case .timestamp: .timestamp
        case .duration: .duration
        case .null: .null
        }
    }

    /// Its fields and their types.
    var fields: [String: Type] {
        switch self {
        case .list: ["values": .list(.dyn)]
        case .structure: ["fields": .map(.string, .dyn)]
        case .value:
            [
                "null_value": .dyn, "number_value": .double, "string_value": .string,
                "bool_value": .bool, "struct_value": .map(.string, .dyn),
                "list_value": .list(.dyn),
            ]
        case .timestamp, .duration: ["seconds": .int, "nanos": .int]
        case .null: [:]
        default: ["value": wrapped]
        }
    }

    /// What it is without fields.
    var zero: Value {
        switch self {
        case .bool: .bool(false)
        case .bytes: .bytes([])
        case .double, .float: .double(0)
        case .int32, .int64: .int(0)
        case .uint32, .uint64: .uint(0)
        case .string: .string("")
        case .list: .list([])
        case .structure: .map(.empty)
        case .value, .null: .null
        case .timestamp: .timestamp(Timestamp(seconds: 0, nanoseconds: 0))
        case .duration: .duration(0)
        }
    }
}

extension Checker {
    /// The type of a message literal.
    mutating func message(_ id: Syntax.ID, _ name: String, _ fields: [Syntax.Field]) -> Type {
        let found = fields.map { check($0.value) }
        let known = environment.candidates(for: name).lazy.compactMap { candidate in
            candidate.hasPrefix("google.protobuf.")
                ? WellKnown(rawValue: String(candidate.dropFirst("google.protobuf.".count))) : nil
        }.first
        guard let known, known != .null else {
            report(
                id, "there is no message `\(name)`",
                "facts are plain values: write a map, as in `{'key': value}`")
            return .dyn
        }
        references[id] = .wellKnown(known)
        for (field, type) in zip(fields, found) {
            guard let wanted = known.fields[field.name] else {
                report(field.value, "`\(name)` has no field `\(field.name)`", "leave it out")
                continue
            }
            expect(field.isOptional ? .optional(wanted) : wanted, type, at: field.value)
        }
        return known.type
    }
}
