// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

extension Functions {
    /// Functions of one text. Places and counts are in code points everywhere.
    static func text(_ function: Function, _ a: Value) throws(EvaluationFault) -> Value? {
        if function == .base64Encode {
            guard case .bytes(let bytes) = a else { return nil }
            return .string(Base64.encoded(bytes))
        }
        guard case .string(let text) = a else { return nil }
        switch function {
        case .lowerAscii:
            return .string(String(decoding: text.utf8.map(ASCII.lowercased), as: UTF8.self))
        case .upperAscii:
            let bytes = text.utf8.map { $0 &- UInt8(ascii: "a") < 26 ? $0 & 0xDF : $0 }
            return .string(String(decoding: bytes, as: UTF8.self))
        case .trim:
            let scalars = text.unicodeScalars
            let rest = scalars.drop { $0.properties.isWhitespace }
            guard let last = rest.lastIndex(where: { !$0.properties.isWhitespace }) else {
                return .string("")
            }
            return .string(String(rest[...last]))
        case .reverse:
            var reversed = String.UnicodeScalarView()
            reversed.append(contentsOf: text.unicodeScalars.reversed())
            return .string(String(reversed))
        case .quote: return .string(quoted(text))
        case .base64Decode:
            guard let bytes = Base64.decoded(text) else {
                throw EvaluationFault(.invalidArgument, "the text is no base64")
            }
            return .bytes(bytes)
        default: return nil
        }
    }

    /// Functions of a text and one more value.
    static func text(
        _ function: Function, _ a: Value, _ b: Value
    ) throws(EvaluationFault) -> Value? {
        guard case .string(let text) = a else { return nil }
        switch (function, b) {
        case (.contains, .string(let other)): return .bool(passes(text, .contains, other))
        case (.startsWith, .string(let other)): return .bool(passes(text, .prefix, other))
        case (.endsWith, .string(let other)): return .bool(passes(text, .suffix, other))
        case (.matches, .string(let pattern)): return .bool(try matches(text, pattern))
        case (.charAt, .int(let place)):
            let scalars = Array(text.unicodeScalars)
            if place == scalars.count { return .string("") }
            guard scalars.indices.contains(Int(place)) else { throw outside(place) }
            return .string(String(Character(scalars[Int(place)])))
        case (.indexOf, .string(let other)): return .int(try firstPlace(of: other, in: text, 0))
        case (.lastIndexOf, .string(let other)):
            let count = Int64(text.unicodeScalars.count)
            return .int(try lastPlace(of: other, in: text, count))
        case (.split, .string(let separator)): return try split(text, separator, limit: -1)
        case (.substring, .int(let from)):
            return try substring(text, from, Int64(text.unicodeScalars.count))
        default: return nil
        }
    }

    /// Functions of a text and two more values.
    static func text(
        _ function: Function, _ a: Value, _ b: Value, _ c: Value
    ) throws(EvaluationFault) -> Value? {
        guard case .string(let text) = a else { return nil }
        switch (function, b, c) {
        case (.indexOf, .string(let other), .int(let from)):
            return .int(try firstPlace(of: other, in: text, from))
        case (.lastIndexOf, .string(let other), .int(let from)):
            return .int(try lastPlace(of: other, in: text, from))
        case (.replace, .string(let old), .string(let new)):
            return .string(try replaced(text, old, new, limit: -1))
        case (.split, .string(let separator), .int(let limit)):
            return try split(text, separator, limit: limit)
        case (.substring, .int(let from), .int(let to)): return try substring(text, from, to)
        default: return nil
        }
    }

    private static func outside(_ place: Int64) -> EvaluationFault {
        EvaluationFault(.indexOutOfRange, String(place))
    }

    private static func passes(_ text: String, _ test: TextTest, _ other: String) -> Bool {
        let mine = text.utf8Span
        let theirs = other.utf8Span
        return unsafe mine.span.bytes.passes(test, theirs.span.bytes)
    }

    private static func matches(_ text: String, _ pattern: String) throws(EvaluationFault) -> Bool {
        do {
            let span = text.utf8Span
            return try unsafe LinearPattern(pattern).contains(span.span.bytes)
        } catch {
            throw EvaluationFault(.invalidArgument, "pattern `\(pattern)`: \(error.message)")
        }
    }

    /// Where `other` begins first at or behind the code point `from`, or -1.
    private static func firstPlace(
        of other: String, in text: String, _ from: Int64
    ) throws(EvaluationFault) -> Int64 {
        let (scalars, wanted) = (Array(text.unicodeScalars), Array(other.unicodeScalars))
        guard from >= 0, from <= scalars.count else { throw outside(from) }
        var place = Int(from)
        while place + wanted.count <= scalars.count {
            if scalars[place...].starts(with: wanted) { return Int64(place) }
            place += 1
        }
        return -1
    }

    /// Where `other` begins last at or before the code point `from`, or -1.
    private static func lastPlace(
        of other: String, in text: String, _ from: Int64
    ) throws(EvaluationFault) -> Int64 {
        let (scalars, wanted) = (Array(text.unicodeScalars), Array(other.unicodeScalars))
        guard from >= 0, from <= scalars.count else { throw outside(from) }
        var place = min(Int(from), scalars.count - wanted.count)
        while place >= 0 {
            if scalars[place...].starts(with: wanted) { return Int64(place) }
            place -= 1
        }
        return -1
    }

    private static func substring(
        _ text: String, _ from: Int64, _ to: Int64
    ) throws(EvaluationFault) -> Value {
        let scalars = text.unicodeScalars
        let count = Int64(scalars.count)
        guard (0...count).contains(from) else { throw outside(from) }
        guard (0...count).contains(to) else { throw outside(to) }
        guard from <= to else {
            throw EvaluationFault(.indexOutOfRange, "from \(from) to \(to)")
        }
        let part = scalars.dropFirst(Int(from)).prefix(Int(to - from))
        return .string(String(part))
    }
}
