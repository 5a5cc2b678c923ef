// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshWire

extension Value {
    /// A value of JSON in the language: numbers stay whole where they are.
    package init(_ tree: JSONTree) {
        switch tree {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .double(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .list(let elements): self = .list(elements.map { Value($0) })
        case .object(let members):
            // The names differ: who reads JSON refuses one that stands twice.
            let map = try? MapValue(
                keys: members.map { .string($0.name) }, values: members.map { Value($0.value) })
            self = .map(map ?? .empty)
        }
    }

    /// Appends the value as JSON: numbers, texts, lists and maps as what they are, times and
    /// addresses as their text.
    ///
    /// A number that JSON has no word for becomes text, as protobuf's mapping has it; keys of
    /// maps become text, in the order of the map.
    ///
    /// **Source** Protocol Buffers, "ProtoJSON Format".
    package func appendJSON(to out: inout [UInt8]) {
        switch self {
        case .null: out.append("null")
        case .bool(let value): out.append(value ? "true" : "false")
        case .int(let value): out.append(String(value))
        case .uint(let value): out.append(String(value))
        case .double(let value) where value.isFinite: out.append(text)
        case .optional(let value):
            if let value { value.appendJSON(to: &out) } else { out.append("null") }
        case .list(let values):
            out.append(UInt8(ascii: "["))
            for (number, value) in values.enumerated() {
                if number > 0 { out.append(UInt8(ascii: ",")) }
                value.appendJSON(to: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .map(let map):
            out.append(UInt8(ascii: "{"))
            for (number, key) in map.keys.enumerated() {
                if number > 0 { out.append(UInt8(ascii: ",")) }
                out.appendJSONString(key.text)
                out.append(UInt8(ascii: ":"))
                map.values[number].appendJSON(to: &out)
            }
            out.append(UInt8(ascii: "}"))
        case .double, .string, .bytes, .duration, .timestamp, .type, .address, .network:
            out.appendJSONString(text)
        }
    }
}
