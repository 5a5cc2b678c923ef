// SPDX-License-Identifier: Apache-2.0

/// What functions do, by the count of their arguments; nil says that no overload takes them.
///
/// A receiver is the first argument.
enum Functions {
    /// The failure of a call that no overload takes.
    static func noOverload(_ function: Function, _ arguments: [Value]) -> EvaluationFault {
        let types = arguments.map(\.typeName).joined(separator: ", ")
        return EvaluationFault(.noSuchOverload, "\(function.rawValue) of (\(types))")
    }

    /// A call with one argument.
    static func call(
        _ function: Function, _ a: Value, zones: [String: TimeZoneRules]
    ) throws(EvaluationFault) -> Value? {
        switch function {
        case .negate: return try negated(a)
        case .not:
            if case .bool(let value) = a { return .bool(!value) }
            return nil
        case .size: return size(a)
        case .type: return .type(TypeName(a.typeName))
        case .dyn: return a
        case .bool, .int, .uint, .double, .string, .bytes, .duration, .timestamp:
            return try converted(function, a)
        case .lowerAscii, .upperAscii, .trim, .quote, .base64Encode, .base64Decode:
            return try text(function, a)
        case .reverse:
            if case .list(let list) = a { return .list(list.reversed()) }
            return try text(function, a)
        case .join: return try joined(a, "")
        case .getDate, .getDayOfMonth, .getDayOfWeek, .getDayOfYear, .getFullYear, .getHours,
            .getMilliseconds, .getMinutes, .getMonth, .getSeconds:
            return try date(function, a, zone: "UTC", zones: zones)
        case .greatest, .least: return extremum(function, [a])
        case .ceil, .floor, .round, .trunc, .abs, .sign, .sqrt, .isNaN, .isInf, .isFinite, .bitNot:
            return try number(function, a)
        case .flatten, .distinct, .sort, .sum, .min, .max, .isSorted, .first, .last, .range:
            return try list(function, a)
        case .optionalOf, .optionalOfNonZero, .unwrap, .unwrapOpt, .hasValue, .value:
            return try optional(function, a)
        case .ip, .cidr, .isIP, .isCIDR, .isCanonical, .family, .isUnspecified, .isLoopback,
            .isGlobalUnicast, .isLinkLocalMulticast, .isLinkLocalUnicast, .masked, .prefixLength:
            return try address(function, a)
        default: return nil
        }
    }

    /// A call with two arguments.
    static func call(
        _ function: Function, _ a: Value, _ b: Value, zones: [String: TimeZoneRules]
    ) throws(EvaluationFault) -> Value? {
        switch function {
        case .add, .subtract, .multiply, .divide, .remainder: return try arithmetic(function, a, b)
        case .bitAnd, .bitOr, .bitXor, .bitShiftLeft, .bitShiftRight:
            return try bits(function, a, b)
        case .contains, .startsWith, .endsWith, .matches, .charAt, .split, .substring:
            return try text(function, a, b)
        case .indexOf, .lastIndexOf:
            if case .list(let list) = a { return place(function, of: b, in: list) }
            return try text(function, a, b)
        case .format:
            guard case .string(let text) = a, case .list(let list) = b else { return nil }
            return .string(try FormatText.formatted(text, list))
        case .join:
            guard case .string(let separator) = b else { return nil }
            return try joined(a, separator)
        case .getDate, .getDayOfMonth, .getDayOfWeek, .getDayOfYear, .getFullYear, .getHours,
            .getMilliseconds, .getMinutes, .getMonth, .getSeconds:
            guard case .timestamp = a, case .string(let zone) = b else { return nil }
            return try date(function, a, zone: zone, zones: zones)
        case .greatest, .least: return extremum(function, [a, b])
        case .flatten:
            guard case .list(let list) = a, case .int(let depth) = b else { return nil }
            return .list(try flattened(list, depth: depth))
        case .setsContains, .setsEquivalent, .setsIntersects: return sets(function, a, b)
        case .or:
            guard case .optional(nil) = a, case .optional = b else { return nil }
            return b
        case .orValue:
            guard case .optional(nil) = a else { return nil }
            return b
        case .containsIP, .containsCIDR: return try address(function, a, b)
        default: return nil
        }
    }

    /// A call with three arguments.
    static func call(
        _ function: Function, _ a: Value, _ b: Value, _ c: Value
    ) throws(EvaluationFault) -> Value? {
        switch function {
        case .indexOf, .lastIndexOf, .replace, .split, .substring:
            return try text(function, a, b, c)
        case .slice:
            guard case .list(let list) = a, case .int(let from) = b, case .int(let to) = c else {
                return nil
            }
            guard from >= 0, from <= to, to <= list.count else {
                throw EvaluationFault(.indexOutOfRange, "\(from) to \(to) of \(list.count)")
            }
            return .list(Array(list[Int(from)..<Int(to)]))
        case .greatest, .least: return extremum(function, [a, b, c])
        default: return nil
        }
    }

    /// A call with any count of arguments.
    static func call(
        _ function: Function, _ arguments: [Value]
    ) throws(EvaluationFault) -> Value? {
        switch function {
        case .optionalNone: return arguments.isEmpty ? .optional(nil) : nil
        case .greatest, .least: return extremum(function, arguments)
        case .replace:
            guard arguments.count == 4, case .string(let text) = arguments[0],
                case .string(let old) = arguments[1], case .string(let new) = arguments[2],
                case .int(let limit) = arguments[3]
            else { return nil }
            return .string(try replaced(text, old, new, limit: limit))
        default: return nil
        }
    }

    private static func size(_ a: Value) -> Value? {
        switch a {
        case .string(let text): .int(Int64(text.unicodeScalars.count))
        case .bytes(let bytes): .int(Int64(bytes.count))
        case .list(let list): .int(Int64(list.count))
        case .map(let map): .int(Int64(map.count))
        default: nil
        }
    }
}
