// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// `text.format(list)`: `%s %d %f %e %b %o %x %X` and `%%`, with a precision as `%.2f`.
enum FormatText {
    /// `text` with the values of `list` in the places of its clauses.
    static func formatted(_ text: String, _ list: [Value]) throws(EvaluationFault) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var index = 0
        var next = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            guard byte == UInt8(ascii: "%") else {
                out.append(byte)
                continue
            }
            if index < bytes.count, bytes[index] == byte {
                index += 1
                out.append(byte)
                continue
            }
            let precision = try precision(bytes, &index)
            guard index < bytes.count else { throw wrong("a `%` at the end") }
            let clause = bytes[index]
            index += 1
            guard next < list.count else {
                throw EvaluationFault(.invalidArgument, "format: no value at index \(next)")
            }
            out.append(try Self.clause(clause, precision, list[next]))
            next += 1
            try Functions.bounded(out.count)
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func wrong(_ what: String) -> EvaluationFault {
        EvaluationFault(.invalidArgument, "format: \(what)")
    }

    private static func precision(
        _ bytes: [UInt8], _ index: inout Int
    ) throws(EvaluationFault) -> Int {
        guard index < bytes.count, bytes[index] == UInt8(ascii: ".") else { return 6 }
        index += 1
        var value = 0
        let begin = index
        while index < bytes.count, ASCII.isDigit(bytes[index]) {
            value = min(value * 10 + Int(bytes[index] - UInt8(ascii: "0")), 1_000)
            index += 1
        }
        guard index > begin, value <= Limits.precisionMax else {
            throw wrong("a precision must be 0 to \(Limits.precisionMax)")
        }
        return value
    }

    private static func clause(
        _ clause: UInt8, _ precision: Int, _ value: Value
    ) throws(EvaluationFault) -> String {
        switch clause {
        case UInt8(ascii: "s"): return try string(value)
        case UInt8(ascii: "d"):
            switch value {
            case .int, .uint, .double: return value.text
            default: throw unfit(value, "d")
            }
        case UInt8(ascii: "f"):
            return DoubleText.fixed(try number(value, "f"), precision: precision)
        case UInt8(ascii: "e"):
            return DoubleText.scientific(try number(value, "e"), precision: precision)
        case UInt8(ascii: "b"):
            if case .bool(let bit) = value { return bit ? "1" : "0" }
            return try whole(value, radix: 2, "b")
        case UInt8(ascii: "o"): return try whole(value, radix: 8, "o")
        case UInt8(ascii: "x"): return try hexadecimal(value, "x")
        case UInt8(ascii: "X"): return try hexadecimal(value, "X").uppercased()
        default:
            throw wrong("there is no clause `%\(Character(Unicode.Scalar(clause)))`")
        }
    }

    private static func unfit(_ value: Value, _ clause: String) -> EvaluationFault {
        wrong("%\(clause) does not take \(value.typeName)")
    }

    private static func string(_ value: Value) throws(EvaluationFault) -> String {
        switch value {
        case .optional: throw unfit(value, "s")
        case .list(let list):
            for inner in list { _ = try string(inner) }
        case .map(let map):
            for inner in map.values { _ = try string(inner) }
        default: break
        }
        return value.text
    }

    private static func number(_ value: Value, _ clause: String) throws(EvaluationFault) -> Double {
        switch value {
        case .double(let number): return number
        case .int(let number): return Double(number)
        case .uint(let number): return Double(number)
        default: throw unfit(value, clause)
        }
    }

    private static func whole(
        _ value: Value, radix: Int, _ clause: String
    ) throws(EvaluationFault) -> String {
        switch value {
        case .int(let number): return String(number, radix: radix)
        case .uint(let number): return String(number, radix: radix)
        default: throw unfit(value, clause)
        }
    }

    private static func hexadecimal(
        _ value: Value, _ clause: String
    ) throws(EvaluationFault) -> String {
        let bytes: [UInt8]
        switch value {
        case .string(let text): bytes = Array(text.utf8)
        case .bytes(let found): bytes = found
        default: return try whole(value, radix: 16, clause)
        }
        var out: [UInt8] = []
        for byte in bytes {
            out.append(ASCII.hexDigit(byte >> 4))
            out.append(ASCII.hexDigit(byte & 15))
        }
        return String(decoding: out, as: UTF8.self)
    }
}
