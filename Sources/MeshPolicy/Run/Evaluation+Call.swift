// SPDX-License-Identifier: Apache-2.0

extension Evaluation {
    /// The result of a call node.
    mutating func call(_ index: Index) throws(EvaluationFault) -> Value {
        switch code.nodes[Int(index)] {
        case .call0(let function): return try callMany(function, [], at: index)
        case .call1(let function, let a):
            let a = try value(a)
            return try call1(function, a, at: index)
        case .call2(let function, let a, let b):
            let left = try value(a)
            // `or` and `orValue` look at their argument only when they need it.
            if case .optional(let inner?) = left {
                if function == .orValue { return inner }
                if function == .or { return left }
            }
            return try call2(function, left, value(b), at: index)
        case .call3(let function, let a, let b, let c):
            let first = try value(a)
            let second = try value(b)
            return try call3(function, first, second, value(c), at: index)
        case .callMany(let function, let first, let count):
            var arguments: [Value] = []
            for place in Int(first)..<Int(first + count) {
                arguments.append(try value(code.children[place]))
            }
            return try callMany(function, arguments, at: index)
        default: return .null
        }
    }

    /// A call with one argument.
    mutating func call1(
        _ function: Function, _ a: Value, at index: Index
    ) throws(EvaluationFault) -> Value {
        do throws(EvaluationFault) {
            try spend(1 + a.size / 8 + Self.surcharge(function, a.size, 0))
            if let result = try Functions.call(function, a, zones: code.zones) {
                return try charged(result)
            }
            throw Functions.noOverload(function, [a])
        } catch { throw located(error, at: index) }
    }

    /// A call with two arguments.
    mutating func call2(
        _ function: Function, _ a: Value, _ b: Value, at index: Index
    ) throws(EvaluationFault) -> Value {
        do throws(EvaluationFault) {
            try spend(1 + (a.size + b.size) / 8 + Self.surcharge(function, a.size, b.size))
            if let result = try Functions.call(function, a, b, zones: code.zones) {
                return try charged(result)
            }
            throw Functions.noOverload(function, [a, b])
        } catch { throw located(error, at: index) }
    }

    private mutating func call3(
        _ function: Function, _ a: Value, _ b: Value, _ c: Value, at index: Index
    ) throws(EvaluationFault) -> Value {
        do throws(EvaluationFault) {
            try spend(
                1 + (a.size + b.size + c.size) / 8 + Self.surcharge(function, a.size, b.size))
            if let result = try Functions.call(function, a, b, c) { return try charged(result) }
            throw Functions.noOverload(function, [a, b, c])
        } catch { throw located(error, at: index) }
    }

    private mutating func callMany(
        _ function: Function, _ arguments: [Value], at index: Index
    ) throws(EvaluationFault) -> Value {
        do throws(EvaluationFault) {
            try spend(1 + arguments.count)
            if let result = try Functions.call(function, arguments) { return try charged(result) }
            throw Functions.noOverload(function, arguments)
        } catch { throw located(error, at: index) }
    }
}

extension Evaluation {
    /// What a call costs beyond looking at its arguments once, from their sizes.
    private static func surcharge(_ function: Function, _ a: Int, _ b: Int) -> Int {
        // Sizes are at most a few megabytes, so that the products fit.
        switch function {
        case .setsContains, .setsEquivalent, .setsIntersects: a * b
        case .distinct: a * a
        case .sort: a * 4
        case .indexOf, .lastIndexOf: a * b / 32
        case .matches: Limits.patternCost
        default: a * b / 4_096
        }
    }

    /// The result, after what it cost to make it.
    private mutating func charged(_ result: Value) throws(EvaluationFault) -> Value {
        try spend(result.size / 8)
        return result
    }
}

extension Value {
    /// Bytes of a text, elements of a collection: what a function has to look at.
    var size: Int {
        switch self {
        case .string(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        case .list(let list): list.count
        case .map(let map): map.count
        default: 0
        }
    }
}
