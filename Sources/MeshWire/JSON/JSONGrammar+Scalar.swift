// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension JSONGrammar {
    /// Walks over a number or a literal name that begins with `first`.
    static func skipScalar(
        _ bytes: RawSpan, from offset: Int, first: UInt8
    ) throws(JSONFault) -> Int {
        switch first {
        case UInt8(ascii: "t"): return try skipLiteral("true", bytes, from: offset)
        case UInt8(ascii: "f"): return try skipLiteral("false", bytes, from: offset)
        case UInt8(ascii: "n"): return try skipLiteral("null", bytes, from: offset)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return try skipNumber(bytes, from: offset)
        default: throw JSONFault(.unexpectedByte, at: offset)
        }
    }

    /// Whether the bytes from `offset` on begin with `text`.
    @inline(__always)
    static func begins(with text: StaticString, _ bytes: RawSpan, at offset: Int) -> Bool {
        guard offset <= bytes.byteCount else { return false }
        return bytes.extracting(offset..<bytes.byteCount).hasPrefix(text)
    }

    private static func skipLiteral(
        _ text: StaticString, _ bytes: RawSpan, from offset: Int
    ) throws(JSONFault) -> Int {
        let end = offset &+ text.utf8CodeUnitCount
        if begins(with: text, bytes, at: offset) { return end }
        throw JSONFault(end > bytes.byteCount ? .truncated : .unexpectedByte, at: offset)
    }

    /// Walks over a number. What follows it is the caller's to judge, so `01` fails there.
    static func skipNumber(_ bytes: RawSpan, from offset: Int) throws(JSONFault) -> Int {
        var i = offset
        if try byte(bytes, at: i) == UInt8(ascii: "-") { i &+= 1 }
        if try byte(bytes, at: i) == UInt8(ascii: "0") {
            i &+= 1
        } else {
            i = try skipDigits(bytes, from: i)
        }
        if i < bytes.byteCount, bytes[i] == UInt8(ascii: ".") {
            i = try skipDigits(bytes, from: i &+ 1)
        }
        if i < bytes.byteCount, bytes[i] | 0x20 == UInt8(ascii: "e") {
            i &+= 1
            let sign = try byte(bytes, at: i)
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { i &+= 1 }
            i = try skipDigits(bytes, from: i)
        }
        guard i &- offset <= numberBytesMax else { throw JSONFault(.numberTooLong, at: offset) }
        return i
    }

    /// Walks over one or more digits.
    private static func skipDigits(_ bytes: RawSpan, from offset: Int) throws(JSONFault) -> Int {
        guard ASCII.isDigit(try byte(bytes, at: offset)) else {
            throw JSONFault(.invalidNumber, at: offset)
        }
        var i = offset &+ 1
        while i < bytes.byteCount, ASCII.isDigit(bytes[i]) { i &+= 1 }
        return i
    }
}
