// SPDX-License-Identifier: Apache-2.0

extension Evaluation {
    /// What a comprehension makes of its range.
    mutating func loop(_ loop: Loop, at index: Index) throws(EvaluationFault) -> Value {
        let range = try value(loop.range)
        switch (range, loop.kind) {
        case (.optional(let inner), .optMap), (.optional(let inner), .optFlatMap):
            guard let inner else { return .optional(nil) }
            locals[Int(loop.first)] = .value(inner)
            let made = try value(loop.body)
            return loop.kind == .optMap ? .optional(made) : made
        case (.list(let list), _):
            return try run(loop, count: list.count, at: index) { place in
                loop.second < 0 ? (list[place], .null) : (.int(Int64(place)), list[place])
            }
        case (.map(let map), _):
            return try run(loop, count: map.count, at: index) { place in
                (map.keys[place], map.values[place])
            }
        default:
            throw located(
                EvaluationFault(.noSuchOverload, "\(loop.kind.rawValue) over \(range.typeName)"),
                at: index)
        }
    }

    private mutating func run(
        _ loop: Loop, count: Int, at index: Index, _ element: (Int) -> (Value, Value)
    ) throws(EvaluationFault) -> Value {
        switch loop.kind {
        case .all: return .bool(try decides(loop, count, false, element))
        case .exists: return .bool(try decides(loop, count, true, element))
        case .existsOne:
            var found = 0
            for place in 0..<count where try enter(loop, element(place)) {
                if try isTrue(loop.body) { found += 1 }
            }
            return .bool(found == 1)
        case .map, .transformList:
            var values: [Value] = []
            for place in 0..<count where try enter(loop, element(place)) {
                values.append(try value(loop.body))
            }
            return .list(values)
        case .filter:
            var values: [Value] = []
            for place in 0..<count {
                let pair = element(place)
                guard try enter(loop, pair), try isTrue(loop.body) else { continue }
                values.append(pair.0)
            }
            return .list(values)
        case .transformMap, .transformMapEntry:
            return try entries(loop, count, at: index, element)
        case .optMap, .optFlatMap:
            throw located(
                EvaluationFault(.noSuchOverload, "\(loop.kind.rawValue) of a collection"),
                at: index)
        }
    }

    /// Sets the variables; false when the condition leaves this element out.
    private mutating func enter(
        _ loop: Loop, _ pair: (Value, Value)
    ) throws(EvaluationFault) -> Bool {
        try spend(1)
        locals[Int(loop.first)] = .value(pair.0)
        if loop.second >= 0 { locals[Int(loop.second)] = .value(pair.1) }
        return loop.condition < 0 ? true : try isTrue(loop.condition)
    }

    /// `all` (until false) and `exists` (until true): an element that decides wins over any that
    /// fail.
    private mutating func decides(
        _ loop: Loop, _ count: Int, _ decided: Bool, _ element: (Int) -> (Value, Value)
    ) throws(EvaluationFault) -> Bool {
        var failure: EvaluationFault?
        for place in 0..<count {
            do {
                guard try enter(loop, element(place)) else { continue }
                if try isTrue(loop.body) == decided { return decided }
            } catch {
                if error.isFinal { throw error }
                if failure == nil { failure = error }
            }
        }
        if let failure { throw failure }
        return !decided
    }

    private mutating func entries(
        _ loop: Loop, _ count: Int, at index: Index, _ element: (Int) -> (Value, Value)
    ) throws(EvaluationFault) -> Value {
        var keys: [Value] = []
        var values: [Value] = []
        for place in 0..<count {
            let pair = element(place)
            guard try enter(loop, pair) else { continue }
            let made = try value(loop.body)
            if loop.kind == .transformMap {
                keys.append(pair.0)
                values.append(made)
                continue
            }
            guard case .map(let map) = made else {
                throw located(
                    EvaluationFault(.noSuchOverload, "\(made.typeName) is no map"), at: index)
            }
            keys.append(contentsOf: map.keys)
            values.append(contentsOf: map.values)
        }
        return try self.made(keys, values, at: index)
    }
}
