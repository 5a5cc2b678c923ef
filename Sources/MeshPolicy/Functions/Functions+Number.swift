// SPDX-License-Identifier: Apache-2.0

extension Functions {
    /// The largest or smallest of numbers of any types, or of one list of them.
    static func extremum(_ function: Function, _ arguments: [Value]) -> Value? {
        var values = arguments
        if values.count == 1, case .list(let list) = values[0] { values = list }
        guard var best = values.first, best.isNumber else { return nil }
        for value in values.dropFirst() {
            guard let order = value.order(best), value.isNumber else { return nil }
            if order == (function == .greatest ? .behind : .before) { best = value }
        }
        return best
    }

    /// Functions of one number.
    static func number(_ function: Function, _ a: Value) throws(EvaluationFault) -> Value? {
        switch a {
        case .double(let value): return double(function, value)
        case .int(let value):
            switch function {
            case .abs:
                guard value != .min else { throw EvaluationFault(.overflow, "abs(\(value))") }
                return .int(Swift.abs(value))
            case .sign: return .int(value.signum())
            case .sqrt: return .double(Double(value).squareRoot())
            case .bitNot: return .int(~value)
            default: return nil
            }
        case .uint(let value):
            switch function {
            case .abs: return a
            case .sign: return .uint(value == 0 ? 0 : 1)
            case .sqrt: return .double(Double(value).squareRoot())
            case .bitNot: return .uint(~value)
            default: return nil
            }
        default: return nil
        }
    }

    private static func double(_ function: Function, _ value: Double) -> Value? {
        switch function {
        case .ceil: .double(value.rounded(.up))
        case .floor: .double(value.rounded(.down))
        case .round: .double(value.rounded(.toNearestOrAwayFromZero))
        case .trunc: .double(value.rounded(.towardZero))
        case .abs: .double(value.magnitude)
        case .sign: .double(value.isNaN || value == 0 ? value : value < 0 ? -1 : 1)
        case .sqrt: .double(value.squareRoot())
        case .isNaN: .bool(value.isNaN)
        case .isInf: .bool(value.isInfinite)
        case .isFinite: .bool(value.isFinite)
        default: nil
        }
    }

    /// Functions of the bits of two numbers. Shifts to the right fill with zeros, also for an int.
    static func bits(
        _ function: Function, _ a: Value, _ b: Value
    ) throws(EvaluationFault) -> Value? {
        switch (function, a, b) {
        case (.bitAnd, .int(let a), .int(let b)): return .int(a & b)
        case (.bitAnd, .uint(let a), .uint(let b)): return .uint(a & b)
        case (.bitOr, .int(let a), .int(let b)): return .int(a | b)
        case (.bitOr, .uint(let a), .uint(let b)): return .uint(a | b)
        case (.bitXor, .int(let a), .int(let b)): return .int(a ^ b)
        case (.bitXor, .uint(let a), .uint(let b)): return .uint(a ^ b)
        case (.bitShiftLeft, _, .int(let count)), (.bitShiftRight, _, .int(let count)):
            guard count >= 0 else {
                throw EvaluationFault(.invalidArgument, "a shift by the negative offset \(count)")
            }
            switch a {
            case .int(let value):
                let shifted = shift(function, UInt64(bitPattern: value), count)
                return .int(Int64(bitPattern: shifted))
            case .uint(let value): return .uint(shift(function, value, count))
            default: return nil
            }
        default: return nil
        }
    }

    private static func shift(_ function: Function, _ value: UInt64, _ count: Int64) -> UInt64 {
        function == .bitShiftLeft ? value << UInt64(count) : value >> UInt64(count)
    }
}
