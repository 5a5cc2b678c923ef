// SPDX-License-Identifier: Apache-2.0

extension Functions {
    /// A value as another type.
    ///
    /// **Errors** `.overflow` for a number that does not fit, `.invalidConversion` for a text.
    static func converted(
        _ function: Function, _ a: Value
    ) throws(EvaluationFault) -> Value? {
        switch function {
        case .bool: return try bool(a)
        case .int: return try int(a)
        case .uint: return try uint(a)
        case .double: return try double(a)
        case .string: return try string(a)
        case .bytes:
            if case .string(let text) = a { return .bytes(Array(text.utf8)) }
            if case .bytes = a { return a }
            return nil
        case .duration:
            if case .duration = a { return a }
            guard case .string(let text) = a else { return nil }
            guard let length = DurationText.parse(text) else { throw refused(text, "duration") }
            return .duration(length)
        case .timestamp: return try timestamp(a)
        default: return nil
        }
    }

    private static func refused(_ text: String, _ type: String) -> EvaluationFault {
        EvaluationFault(.invalidConversion, "`\(text.prefix(100))` is no \(type)")
    }

    private static func tooLarge(_ a: Value, _ type: String) -> EvaluationFault {
        EvaluationFault(.overflow, "\(a.text) does not fit into \(type)")
    }

    private static func bool(_ a: Value) throws(EvaluationFault) -> Value? {
        if case .bool = a { return a }
        guard case .string(let text) = a else { return nil }
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": return .bool(true)
        case "0", "f", "F", "false", "FALSE", "False": return .bool(false)
        default: throw refused(text, "bool")
        }
    }

    private static func int(_ a: Value) throws(EvaluationFault) -> Value? {
        switch a {
        case .int: return a
        case .uint(let value):
            guard let whole = Int64(exactly: value) else { throw tooLarge(a, "int") }
            return .int(whole)
        case .double(let value):
            // The ends are left out: rounding may have brought a number there.
            guard value > -0x1p63, value < 0x1p63 else { throw tooLarge(a, "int") }
            return .int(Int64(value))
        case .string(let text):
            guard let whole = Int64(text) else { throw refused(text, "int") }
            return .int(whole)
        case .timestamp(let time): return .int(time.seconds)
        case .duration(let length): return .int(length / 1_000_000_000)
        default: return nil
        }
    }

    private static func uint(_ a: Value) throws(EvaluationFault) -> Value? {
        switch a {
        case .uint: return a
        case .int(let value):
            guard let whole = UInt64(exactly: value) else { throw tooLarge(a, "uint") }
            return .uint(whole)
        case .double(let value):
            guard value >= 0, value < 0x1p64 else { throw tooLarge(a, "uint") }
            return .uint(UInt64(value))
        case .string(let text):
            guard let whole = UInt64(text) else { throw refused(text, "uint") }
            return .uint(whole)
        default: return nil
        }
    }

    private static func double(_ a: Value) throws(EvaluationFault) -> Value? {
        switch a {
        case .double: return a
        case .int(let value): return .double(Double(value))
        case .uint(let value): return .double(Double(value))
        case .string(let text):
            guard let number = Double(text) else { throw refused(text, "double") }
            return .double(number)
        default: return nil
        }
    }

    private static func string(_ a: Value) throws(EvaluationFault) -> Value? {
        switch a {
        case .string: return a
        case .bytes(let bytes):
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw EvaluationFault(.invalidConversion, "the bytes are no UTF-8")
            }
            return .string(text)
        case .bool, .int, .uint, .double, .duration, .timestamp, .address, .network:
            return .string(a.text)
        default: return nil
        }
    }

    private static func timestamp(_ a: Value) throws(EvaluationFault) -> Value? {
        switch a {
        case .timestamp: return a
        case .int(let seconds):
            guard let time = Timestamp(checked: seconds) else { throw tooLarge(a, "timestamp") }
            return .timestamp(time)
        case .string(let text):
            guard let time = Timestamp(rfc3339: text) else { throw refused(text, "timestamp") }
            return .timestamp(time)
        default: return nil
        }
    }
}
