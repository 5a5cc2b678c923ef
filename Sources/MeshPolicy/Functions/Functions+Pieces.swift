// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension Functions {
    /// `list.join(separator)`.
    static func joined(_ a: Value, _ separator: String) throws(EvaluationFault) -> Value? {
        guard case .list(let list) = a else { return nil }
        var out: [UInt8] = []
        for (index, value) in list.enumerated() {
            guard case .string(let text) = value else { return nil }
            if index > 0 { out.append(separator) }
            out.append(text)
            try bounded(out.count)
        }
        return .string(String(decoding: out, as: UTF8.self))
    }

    /// `text.split(separator, limit)`: at most `limit` pieces, or all when it is negative. An
    /// empty separator cuts between code points.
    static func split(
        _ text: String, _ separator: String, limit: Int64
    ) throws(EvaluationFault) -> Value {
        if limit == 0 { return .list([]) }
        let most = limit < 0 ? Int.max : Int(limit)
        var pieces: [Value] = []
        if separator.isEmpty {
            var rest = text.unicodeScalars[...]
            while let scalar = rest.first, pieces.count + 1 < most {
                pieces.append(.string(String(Character(scalar))))
                rest.removeFirst()
            }
            if !rest.isEmpty { pieces.append(.string(String(rest))) }
            return .list(pieces)
        }
        let bytes = Array(text.utf8)
        let mark = Array(separator.utf8)
        var begin = 0
        while pieces.count + 1 < most,
            let found = unsafe bytes.span.bytes.firstRange(of: mark.span.bytes, from: begin)
        {
            pieces.append(.string(String(decoding: bytes[begin..<found], as: UTF8.self)))
            begin = found + mark.count
        }
        pieces.append(.string(String(decoding: bytes[begin...], as: UTF8.self)))
        return .list(pieces)
    }

    /// `text.replace(old, new, limit)`: the first `limit` places, or all when it is negative. An
    /// empty `old` stands before each code point and at the end.
    static func replaced(
        _ text: String, _ old: String, _ new: String, limit: Int64
    ) throws(EvaluationFault) -> String {
        let bytes = Array(text.utf8)
        let mark = Array(old.utf8)
        var out: [UInt8] = []
        var begin = 0
        var count: Int64 = 0
        while limit < 0 || count < limit,
            let found = unsafe bytes.span.bytes.firstRange(of: mark.span.bytes, from: begin)
        {
            out.append(contentsOf: bytes[begin..<found])
            out.append(new)
            begin = found + mark.count
            count += 1
            try bounded(out.count)
            guard mark.isEmpty else { continue }
            guard begin < bytes.count else { break }
            repeat {
                out.append(bytes[begin])
                begin += 1
            } while begin < bytes.count && bytes[begin] & 0xC0 == 0x80
        }
        out.append(contentsOf: bytes[begin...])
        try bounded(out.count)
        return String(decoding: out, as: UTF8.self)
    }

    /// `text` between quotes, with escapes for what does not print in a literal.
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\u{07}": out += "\\a"
            case "\u{08}": out += "\\b"
            case "\u{0C}": out += "\\f"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\u{0B}": out += "\\v"
            case "\\": out += "\\\\"
            case "\"": out += "\\\""
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

/// Base64 as RFC 4648 section 4 has it; padding may be left out.
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encoded(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let part = bytes[index..<min(index + 3, bytes.count)]
            var bits: UInt32 = 0
            for place in 0..<3 {
                bits = bits << 8 | UInt32(part.count > place ? part[part.startIndex + place] : 0)
            }
            for place in 0..<4 {
                let isPadding = place > part.count
                let digit = alphabet[Int(bits >> UInt32(18 - place * 6)) & 63]
                out.append(isPadding ? UInt8(ascii: "=") : digit)
            }
            index += 3
        }
        return String(decoding: out, as: UTF8.self)
    }

    static func decoded(_ text: String) -> [UInt8]? {
        var digits = Array(text.utf8)
        let isPadded = digits.last == UInt8(ascii: "=")
        if isPadded, digits.count % 4 != 0 { return nil }
        for _ in 0..<2 where digits.last == UInt8(ascii: "=") { digits.removeLast() }
        guard digits.count % 4 != 1 else { return nil }
        var out: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for digit in digits {
            guard let value = alphabet.firstIndex(of: digit) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                out.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return out
    }
}
