// SPDX-License-Identifier: Apache-2.0

extension Functions {
    /// Functions of one list.
    static func list(_ function: Function, _ a: Value) throws(EvaluationFault) -> Value? {
        if function == .range {
            guard case .int(let count) = a else { return nil }
            try bounded(Int(Swift.max(0, Swift.min(count, 1 << 40))) * MemoryLayout<Value>.stride)
            return .list((0..<Swift.max(0, count)).map { .int($0) })
        }
        guard case .list(let list) = a else { return nil }
        switch function {
        case .flatten: return .list(try flattened(list, depth: 1))
        case .distinct: return .list(distinct(list))
        case .sort: return try sorted(list)
        case .isSorted:
            for (a, b) in zip(list, list.dropFirst()) {
                guard let order = a.order(b) else { return nil }
                if order == .behind { return .bool(false) }
            }
            return .bool(true)
        case .sum: return try sum(list)
        case .min, .max:
            guard var best = list.first else {
                throw EvaluationFault(.invalidArgument, "\(function.rawValue) of an empty list")
            }
            for value in list.dropFirst() {
                guard let order = value.order(best) else { return nil }
                if order == (function == .max ? .behind : .before) { best = value }
            }
            return best
        case .first: return .optional(list.first)
        case .last: return .optional(list.last)
        default: return nil
        }
    }

    /// The list with the lists in it, `depth` levels deep, replaced by their elements.
    static func flattened(_ list: [Value], depth: Int64) throws(EvaluationFault) -> [Value] {
        guard depth >= 0 else {
            throw EvaluationFault(.invalidArgument, "flatten of the negative depth \(depth)")
        }
        var out: [Value] = []
        for value in list {
            if depth > 0, case .list(let inner) = value {
                out.append(contentsOf: try flattened(inner, depth: depth - 1))
            } else {
                out.append(value)
            }
        }
        return out
    }

    private static func distinct(_ list: [Value]) -> [Value] {
        var out: [Value] = []
        for value in list where !out.contains(where: { $0.equals(value) }) { out.append(value) }
        return out
    }

    private static func sorted(_ list: [Value]) throws(EvaluationFault) -> Value? {
        // Checked first: sorting must not meet two values without an order.
        for value in list.dropFirst() where value.order(list[0]) == nil { return nil }
        if list.count == 1, list[0].order(list[0]) == nil { return nil }
        return .list(list.sorted { $0.order($1) == .before })
    }

    private static func sum(_ list: [Value]) throws(EvaluationFault) -> Value? {
        guard var total = list.first else { return .int(0) }
        guard total.isNumber || total.typeName == "google.protobuf.Duration" else { return nil }
        for value in list.dropFirst() {
            guard let next = try arithmetic(.add, total, value) else { return nil }
            total = next
        }
        return total
    }

    /// `list.indexOf(value)` and `list.lastIndexOf(value)`.
    static func place(_ function: Function, of value: Value, in list: [Value]) -> Value {
        let place =
            function == .indexOf
            ? list.firstIndex { $0.equals(value) } : list.lastIndex { $0.equals(value) }
        return .int(Int64(place ?? -1))
    }

    /// Functions of two lists as sets.
    static func sets(_ function: Function, _ a: Value, _ b: Value) -> Value? {
        guard case .list(let a) = a, case .list(let b) = b else { return nil }
        func holds(_ outer: [Value], _ inner: [Value]) -> Bool {
            inner.allSatisfy { value in outer.contains { $0.equals(value) } }
        }
        switch function {
        case .setsContains: return .bool(holds(a, b))
        case .setsEquivalent: return .bool(holds(a, b) && holds(b, a))
        default: return .bool(b.contains { value in a.contains { $0.equals(value) } })
        }
    }

    /// Functions of one value that make or open an optional.
    static func optional(_ function: Function, _ a: Value) throws(EvaluationFault) -> Value? {
        switch (function, a) {
        case (.optionalOf, _): return .optional(a)
        case (.optionalOfNonZero, _): return .optional(a.isZero ? nil : a)
        case (.hasValue, .optional(let inner)): return .bool(inner != nil)
        case (.value, .optional(let inner)):
            guard let inner else { throw EvaluationFault(.emptyOptional, "value()") }
            return inner
        case (.unwrap, .list(let list)), (.unwrapOpt, .list(let list)):
            var out: [Value] = []
            for value in list {
                guard case .optional(let inner) = value else { return nil }
                if let inner { out.append(inner) }
            }
            return .list(out)
        default: return nil
        }
    }
}
