// SPDX-License-Identifier: Apache-2.0

extension Functions {
    /// The results of `+ - * / %`; whole numbers that do not fit are failures.
    static func arithmetic(
        _ function: Function, _ a: Value, _ b: Value
    ) throws(EvaluationFault) -> Value? {
        switch (a, b) {
        case (.int(let a), .int(let b)): return .int(try whole(function, a, b))
        case (.uint(let a), .uint(let b)): return .uint(try whole(function, a, b))
        case (.double(let a), .double(let b)):
            switch function {
            case .add: return .double(a + b)
            case .subtract: return .double(a - b)
            case .multiply: return .double(a * b)
            case .divide: return .double(a / b)
            default: return nil
            }
        case (.string(let a), .string(let b)) where function == .add:
            try bounded(a.utf8.count + b.utf8.count)
            return .string(a + b)
        case (.bytes(let a), .bytes(let b)) where function == .add:
            try bounded(a.count + b.count)
            return .bytes(a + b)
        case (.list(let a), .list(let b)) where function == .add:
            try bounded((a.count + b.count) * MemoryLayout<Value>.stride)
            return .list(a + b)
        default: return try time(function, a, b)
        }
    }

    /// Fails when a text of `count` bytes must not be made.
    static func bounded(_ count: Int) throws(EvaluationFault) {
        guard count <= Limits.textMadeMax else {
            throw EvaluationFault(.costExceeded, "a value of \(count) bytes")
        }
    }

    private static func whole<Number: FixedWidthInteger>(
        _ function: Function, _ a: Number, _ b: Number
    ) throws(EvaluationFault) -> Number {
        let result: (partialValue: Number, overflow: Bool)
        switch function {
        case .add: result = a.addingReportingOverflow(b)
        case .subtract: result = a.subtractingReportingOverflow(b)
        case .multiply: result = a.multipliedReportingOverflow(by: b)
        case .divide:
            if b == 0 { throw EvaluationFault(.divisionByZero, "\(a) / 0") }
            result = a.dividedReportingOverflow(by: b)
        default:
            if b == 0 { throw EvaluationFault(.divisionByZero, "\(a) % 0") }
            result = a.remainderReportingOverflow(dividingBy: b)
        }
        if result.overflow {
            throw EvaluationFault(.overflow, "\(a) and \(b) in \(function.rawValue)")
        }
        return result.partialValue
    }

    private static func time(
        _ function: Function, _ a: Value, _ b: Value
    ) throws(EvaluationFault) -> Value? {
        let failure = EvaluationFault(.overflow, "\(a.text) and \(b.text) in \(function.rawValue)")
        switch (a, function, b) {
        case (.timestamp(let time), .add, .duration(let length)),
            (.duration(let length), .add, .timestamp(let time)):
            guard let sum = time.adding(length) else { throw failure }
            return .timestamp(sum)
        case (.timestamp(let time), .subtract, .duration(let length)):
            guard length != .min, let sum = time.adding(-length) else { throw failure }
            return .timestamp(sum)
        case (.timestamp(let a), .subtract, .timestamp(let b)):
            guard let length = a.since(b) else { throw failure }
            return .duration(length)
        case (.duration(let a), .add, .duration(let b)):
            let (sum, isOver) = a.addingReportingOverflow(b)
            if isOver { throw failure }
            return .duration(sum)
        case (.duration(let a), .subtract, .duration(let b)):
            let (sum, isOver) = a.subtractingReportingOverflow(b)
            if isOver { throw failure }
            return .duration(sum)
        default: return nil
        }
    }

    /// `-a`.
    static func negated(_ a: Value) throws(EvaluationFault) -> Value? {
        switch a {
        case .int(let value):
            let (result, isOver) = Int64(0).subtractingReportingOverflow(value)
            if isOver { throw EvaluationFault(.overflow, "-(\(value))") }
            return .int(result)
        case .double(let value): return .double(-value)
        default: return nil
        }
    }
}
