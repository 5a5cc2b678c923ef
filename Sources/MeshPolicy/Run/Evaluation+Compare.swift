// SPDX-License-Identifier: Apache-2.0

extension Evaluation {
    /// Compares the values of two nodes.
    mutating func compare(
        _ comparison: Comparison, _ a: Index, _ b: Index, at index: Index
    ) throws(EvaluationFault) -> Bool {
        let left = try value(a)
        let right = try value(b)
        switch comparison {
        case .equal, .notEqual:
            try spend(min(left.weight, right.weight))
            return left.equals(right) == (comparison == .equal)
        default: return try order(comparison, left, right, at: index)
        }
    }

    private mutating func order(
        _ comparison: Comparison, _ left: Value, _ right: Value, at index: Index
    ) throws(EvaluationFault) -> Bool {
        guard let order = left.order(right) else {
            throw located(
                EvaluationFault(
                    .noSuchOverload, "\(left.typeName) and \(right.typeName) have no order"),
                at: index)
        }
        switch comparison {
        case .less: return order == .before
        case .lessOrEqual: return order == .before || order == .same
        case .greater: return order == .behind
        default: return order == .behind || order == .same
        }
    }

    /// Whether the value of one node is in that of another.
    mutating func isIn(_ a: Index, _ b: Index, at index: Index) throws(EvaluationFault) -> Bool {
        let value = try value(a)
        switch try self.value(b) {
        case .list(let list):
            try spend(list.count / 4)
            return list.contains { $0.equals(value) }
        case .map(let map): return map.value(for: value) != nil
        case let other:
            throw located(
                EvaluationFault(.noSuchOverload, "`in` on \(other.typeName)"), at: index)
        }
    }

    /// Whether the map that a node is has an entry.
    mutating func hasField(
        _ operand: Index, key: Index, at index: Index
    ) throws(EvaluationFault) -> Bool {
        let key = code.constants[Int(key)]
        var value = try value(operand)
        if case .optional(let inner) = value {
            guard let inner else { return false }
            value = inner
        }
        if case .optional(let inner) = value {
            guard let inner else { return false }
            value = inner
        }
        guard case .map(let map) = value else {
            throw located(
                EvaluationFault(.noSuchOverload, "\(value.typeName) has no fields"), at: index)
        }
        return map.value(for: key) != nil
    }

    /// A field of a value, or of what an optional holds.
    func field(_ value: Value, _ key: Value, at index: Index) throws(EvaluationFault) -> Value {
        if case .optional = value { return try optionalElement(value, key, at: index) }
        guard case .map = value else {
            throw located(
                EvaluationFault(.noSuchOverload, "\(value.typeName) has no fields"), at: index)
        }
        return try element(value, key, at: index)
    }

    /// An element of a list or a map, or of what an optional holds.
    func element(_ value: Value, _ key: Value, at index: Index) throws(EvaluationFault) -> Value {
        switch value {
        case .optional: return try optionalElement(value, key, at: index)
        case .map(let map):
            if let found = map.value(for: key) { return found }
            throw located(EvaluationFault(.noSuchKey, key.text), at: index)
        case .list(let list):
            guard let place = key.place else {
                throw located(
                    EvaluationFault(.noSuchOverload, "\(key.typeName) as the place in a list"),
                    at: index)
            }
            guard list.indices.contains(place) else {
                throw located(
                    EvaluationFault(.indexOutOfRange, "\(place) of \(list.count)"), at: index)
            }
            return list[place]
        default:
            throw located(
                EvaluationFault(.noSuchOverload, "\(value.typeName) has no elements"), at: index)
        }
    }

    /// An element as an optional: a missing one is empty, a wrong question still fails.
    func optionalElement(
        _ value: Value, _ key: Value, at index: Index
    ) throws(EvaluationFault) -> Value {
        var inner = value
        if case .optional(let held) = value {
            guard let held else { return .optional(nil) }
            inner = held
        }
        if case .list(let list) = inner, let place = key.place {
            return .optional(list.indices.contains(place) ? list[place] : nil)
        }
        if case .map(let map) = inner { return .optional(map.value(for: key)) }
        // Fields of what has none are missing entries to whoever asks for them by name.
        throw located(EvaluationFault(.noSuchKey, "\(key.text) of \(inner.typeName)"), at: index)
    }
}

extension Value {
    /// The place in a list that it names: a whole number of any type.
    fileprivate var place: Int? {
        switch self {
        case .int(let value): Int(value)
        case .uint(let value): Int(exactly: value) ?? Int.max
        case .double(let value): Int(exactly: value)
        default: nil
        }
    }

    /// How much there is to look at, in units of cost.
    var weight: Int {
        switch self {
        case .string(let text): text.utf8.count / 16
        case .bytes(let bytes): bytes.count / 16
        case .list(let list): list.reduce(list.count / 4) { $0 + $1.weight }
        case .map(let map): map.values.reduce(map.count) { $0 + $1.weight }
        default: 0
        }
    }
}
