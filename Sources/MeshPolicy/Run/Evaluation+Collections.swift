// SPDX-License-Identifier: Apache-2.0

extension Evaluation {
    /// The list, map or message that a node makes.
    mutating func collection(_ index: Index) throws(EvaluationFault) -> Value {
        switch code.nodes[Int(index)] {
        case .list(let first, let count):
            try spend(Int(count))
            var values: [Value] = []
            values.reserveCapacity(Int(count))
            for place in Int(first)..<Int(first + count) {
                values.append(try value(code.children[place]))
            }
            return .list(values)
        case .optionalList(let first, let count, let flags):
            try spend(Int(count))
            var values: [Value] = []
            for place in 0..<Int(count) {
                let found = try value(code.children[Int(first) + place])
                if code.flags[Int(flags)][place] {
                    if let inner = try unwrapped(found, at: index) { values.append(inner) }
                } else {
                    values.append(found)
                }
            }
            return .list(values)
        case .map(let first, let count, let flags):
            return try map(Int(first), count: Int(count), flags: Int(flags), at: index)
        case .message(let known, let place): return try message(known, Int(place), at: index)
        default: return .null
        }
    }

    private mutating func map(
        _ first: Int, count: Int, flags: Int, at index: Index
    ) throws(EvaluationFault) -> Value {
        try spend(count)
        var keys: [Value] = []
        var values: [Value] = []
        for place in 0..<(count / 2) {
            let key = try value(code.children[first + place * 2])
            var found = try value(code.children[first + place * 2 + 1])
            if code.flags[flags][place] {
                guard let inner = try unwrapped(found, at: index) else { continue }
                found = inner
            }
            keys.append(key)
            values.append(found)
        }
        return try made(keys, values, at: index)
    }

    /// A map, with the place of the node in what is wrong with it.
    func made(
        _ keys: [Value], _ values: [Value], at index: Index
    ) throws(EvaluationFault) -> Value {
        do { return .map(try MapValue(keys: keys, values: values)) } catch {
            throw located(error, at: index)
        }
    }

    private func unwrapped(_ value: Value, at index: Index) throws(EvaluationFault) -> Value? {
        guard case .optional(let inner) = value else {
            throw located(
                EvaluationFault(.noSuchOverload, "\(value.typeName) is no optional"), at: index)
        }
        return inner
    }

    private mutating func message(
        _ known: WellKnown, _ place: Int, at index: Index
    ) throws(EvaluationFault) -> Value {
        var result = known.zero
        var seconds: Int64 = 0
        var nanoseconds: Int64 = 0
        for field in code.messages[place] {
            var found = try value(field.value)
            if field.isOptional {
                guard let inner = try unwrapped(found, at: index) else { continue }
                found = inner
            }
            switch (field.name, found) {
            case ("seconds", .int(let value)): seconds = value
            case ("nanos", .int(let value)): nanoseconds = value
            default:
                guard let fitting = known.taking(found) else {
                    throw located(
                        EvaluationFault(.overflow, "\(found.text) in \(known.rawValue)"),
                        at: index)
                }
                result = fitting
            }
        }
        guard known == .timestamp || known == .duration else { return result }
        let (whole, isOver) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if known == .duration, !isOver { return .duration(whole + nanoseconds) }
        if known == .timestamp, let time = Timestamp(checked: seconds)?.adding(nanoseconds) {
            return .timestamp(time)
        }
        throw located(EvaluationFault(.overflow, known.rawValue), at: index)
    }
}

extension WellKnown {
    /// The value that it stands for with `value` in its field, or nil when that does not fit.
    fileprivate func taking(_ value: Value) -> Value? {
        switch (self, value) {
        case (.int32, .int(let whole)): Int32(exactly: whole) == nil ? nil : value
        case (.uint32, .uint(let whole)): UInt32(exactly: whole) == nil ? nil : value
        case (.float, .double(let number)): .double(Double(Float(number)))
        default: value
        }
    }
}
