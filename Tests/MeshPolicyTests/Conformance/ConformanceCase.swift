// SPDX-License-Identifier: Apache-2.0

import Foundation

@testable import MeshPolicy

/// One case of the public conformance suite, in protobuf's JSON.
struct ConformanceCase {
    let id: String
    let expression: String
    let container: String
    let isChecked: Bool
    let isCheckOnly: Bool
    /// The JSON of the whole case.
    let json: [String: Any]

    init?(_ json: [String: Any]) {
        guard let id = json["id"] as? String, let expression = json["expr"] as? String else {
            return nil
        }
        self.id = id
        self.expression = expression
        self.json = json
        container = json["container"] as? String ?? ""
        isChecked = json["disable_check"] as? Bool != true
        isCheckOnly = json["check_only"] as? Bool == true
    }

    /// The first part of the identifier.
    var family: String { String(id.prefix { $0 != "/" }) }

    /// Whether it needs messages that somebody declares in protobuf, which do not exist here.
    var needsMessages: Bool {
        let words = [
            "TestAllTypes", "GlobalEnum", "NestedEnum", "protobuf.Any", "cel.expr.conformance",
            "protobuf.FieldMask", "protobuf.Empty", "TestRequired",
        ]
        let types = json["type_env"].map { "\($0)" } ?? ""
        let bindings = json["bindings"].map { "\($0)" } ?? ""
        return words.contains {
            (expression + types + bindings).contains($0)
        }
            || ["proto2", "proto3", "enums", "proto2_ext"].contains(family)
                && expression.contains("Enum")
    }

    /// The variables and functions that the case declares; nil when one has a type unknown here.
    func environment() -> Environment? {
        var facts: [FactDeclaration] = []
        var functions: [Signature] = []
        for declaration in json["type_env"] as? [[String: Any]] ?? [] {
            guard let name = declaration["name"] as? String else { return nil }
            if let ident = declaration["ident"] as? [String: Any] {
                guard let type = Type(json: ident["type"]) else { return nil }
                facts.append(FactDeclaration(name, type))
            }
            let function = declaration["function"] as? [String: Any]
            for overload in function?["overloads"] as? [[String: Any]] ?? [] {
                let parameters = (overload["params"] as? [Any] ?? []).compactMap(Type.init(json:))
                let shape = parameters.map(\.description).joined(separator: ", ")
                guard let result = Type(json: overload["result_type"]),
                    let signature = Signature("\(name)(\(shape)): \(result)")
                else { return nil }
                functions.append(signature)
            }
        }
        // A variable that is bound but not declared can be anything.
        for name in (json["bindings"] as? [String: Any] ?? [:]).keys.sorted()
        where !facts.contains(where: { $0.name == name }) {
            facts.append(FactDeclaration(name, .dyn))
        }
        return Environment(
            facts: facts, container: container, zones: Zones.named(in: expression),
            declaredFunctions: functions)
    }

    /// The value bound to `name`, or nil.
    func binding(_ name: String) -> Value? {
        let bindings = json["bindings"] as? [String: Any]
        let value = bindings?[name] as? [String: Any]
        return Value(json: value?["value"])
    }
}

/// Rules of time zones, from the files of the system.
enum Zones {
    /// The rules of the zones that `text` names between quotes.
    static func named(in text: String) -> [String: TimeZoneRules] {
        var zones: [String: TimeZoneRules] = [:]
        for part in text.split(whereSeparator: { $0 == "'" || $0 == "\"" }) {
            let isName = part.first?.isUppercase == true && part.contains("/")
            let path = "/usr/share/zoneinfo/\(part)"
            guard isName, let data = FileManager.default.contents(atPath: path) else { continue }
            zones[String(part)] = TimeZoneRules(tzif: Array(data))
        }
        return zones
    }
}

extension Type {
    /// The type in protobuf's JSON, or nil for one that is unknown here.
    init?(json: Any?) {
        guard let json = json as? [String: Any], let key = json.keys.first else { return nil }
        let inner = json[key] as? [String: Any] ?? [:]
        switch key {
        case "dyn": self = .dyn
        case "null": self = .null
        case "primitive":
            let names: [String: Type] = [
                "BOOL": .bool, "INT64": .int, "UINT64": .uint, "DOUBLE": .double,
                "STRING": .string, "BYTES": .bytes,
            ]
            guard let type = names[json[key] as? String ?? ""] else { return nil }
            self = type
        case "well_known":
            let names: [String: Type] = [
                "TIMESTAMP": .timestamp, "DURATION": .duration, "ANY": .dyn,
            ]
            guard let type = names[json[key] as? String ?? ""] else { return nil }
            self = type
        case "message_type":
            let name = json[key] as? String ?? ""
            guard name.hasPrefix("google.protobuf."),
                let known = WellKnown(rawValue: String(name.dropFirst(16)))
            else { return nil }
            self = known.type
        case "list_type":
            self = .list(Type(json: inner["elem_type"]) ?? .dyn)
        case "map_type":
            self = .map(
                Type(json: inner["key_type"]) ?? .dyn, Type(json: inner["value_type"]) ?? .dyn)
        case "type_param": self = .parameter(json[key] as? String ?? "A")
        case "abstract_type":
            let parameters = inner["parameter_types"] as? [Any] ?? []
            self = .opaque(
                inner["name"] as? String ?? "", parameters.compactMap(Type.init(json:)))
        case "type": self = .type(Type(json: inner) ?? .dyn)
        default: return nil
        }
    }
}

extension Value {
    /// The value in protobuf's JSON, or nil for one that is unknown here.
    init?(json: Any?) {
        guard let json = json as? [String: Any], let key = json.keys.first else { return nil }
        let inner = json[key]
        switch key {
        case "null_value": self = .null
        case "bool_value": self = .bool(inner as? Bool ?? false)
        case "int64_value": self = .int(Int64(inner as? String ?? "") ?? 0)
        case "uint64_value": self = .uint(UInt64(inner as? String ?? "") ?? 0)
        case "double_value":
            self = .double((inner as? String).flatMap(Double.init) ?? inner as? Double ?? 0)
        case "string_value": self = .string(inner as? String ?? "")
        case "bytes_value":
            self = .bytes(Array(Data(base64Encoded: inner as? String ?? "") ?? Data()))
        case "type_value": self = .type(TypeName(inner as? String ?? ""))
        case "list_value":
            let values = (inner as? [String: Any])?["values"] as? [Any] ?? []
            let parsed = values.compactMap(Value.init(json:))
            guard parsed.count == values.count else { return nil }
            self = .list(parsed)
        case "map_value":
            let entries = (inner as? [String: Any])?["entries"] as? [[String: Any]] ?? []
            let keys = entries.compactMap { Value(json: $0["key"]) }
            let values = entries.compactMap { Value(json: $0["value"]) }
            guard keys.count == entries.count, values.count == entries.count,
                let map = try? MapValue(keys: keys, values: values)
            else { return nil }
            self = .map(map)
        case "object_value":
            guard let object = inner as? [String: Any], let value = Value(message: object) else {
                return nil
            }
            self = value
        default: return nil
        }
    }

    /// The value of a well-known message, or nil.
    private init?(message: [String: Any]) {
        let name = (message["@type"] as? String ?? "").split(separator: "/").last ?? ""
        let text = message["value"] as? String ?? ""
        switch name {
        case "google.protobuf.Timestamp":
            guard let time = Timestamp(rfc3339: text) else { return nil }
            self = .timestamp(time)
        case "google.protobuf.Duration":
            guard let length = DurationText.parse(text) else { return nil }
            self = .duration(length)
        case "google.protobuf.Value", "google.protobuf.Struct", "google.protobuf.ListValue":
            guard let value = Value(plain: message["value"] ?? NSNull()) else { return nil }
            self = value
        case "google.protobuf.BoolValue": self = .bool(message["value"] as? Bool ?? false)
        case "google.protobuf.StringValue": self = .string(text)
        case "google.protobuf.BytesValue": self = .bytes(Array(Data(base64Encoded: text) ?? Data()))
        case "google.protobuf.Int32Value": self = .int(Int64(message["value"] as? Int ?? 0))
        case "google.protobuf.UInt32Value": self = .uint(UInt64(message["value"] as? Int ?? 0))
        case "google.protobuf.Int64Value": self = .int(Int64(text) ?? 0)
        case "google.protobuf.UInt64Value": self = .uint(UInt64(text) ?? 0)
        case "google.protobuf.DoubleValue", "google.protobuf.FloatValue":
            self = .double(message["value"] as? Double ?? 0)
        default: return nil
        }
    }

    private init?(plain: Any) {
        switch plain {
        case is NSNull: self = .null
        case let text as String: self = .string(text)
        case let number as NSNumber:
            // The only numbers that are stored as a C bool are the two truths.
            self =
                String(cString: number.objCType) == "c"
                ? .bool(number.boolValue) : .double(number.doubleValue)
        case let list as [Any]: self = .list(list.compactMap(Value.init(plain:)))
        case let object as [String: Any]:
            let keys = object.keys.sorted()
            let values = keys.compactMap { Value(plain: object[$0] ?? NSNull()) }
            guard let map = try? MapValue(keys: keys.map { .string($0) }, values: values) else {
                return nil
            }
            self = .map(map)
        default: return nil
        }
    }

    /// Whether both are the same value of the same type; NaN is itself.
    func isExactly(_ other: Value) -> Bool {
        switch (self, other) {
        case (.double(let a), .double(let b)): a == b || a.isNaN && b.isNaN
        case (.list(let a), .list(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.isExactly($1) }
        case (.map(let a), .map(let b)):
            a.count == b.count
                && zip(a.keys, a.values).allSatisfy { key, value in
                    b.value(for: key).map { $0.isExactly(value) } ?? false
                }
        default: typeName == other.typeName && equals(other)
        }
    }
}
