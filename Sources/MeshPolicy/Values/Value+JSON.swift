// SPDX-License-Identifier: Apache-2.0

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
}
