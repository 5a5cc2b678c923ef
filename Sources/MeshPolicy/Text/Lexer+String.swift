// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension Lexer {
    /// The string or the bytes that begin here, or nil.
    mutating func stringLiteral() throws(Fault) -> Token.Kind? {
        let begin = index
        var isBytes = false
        var isRaw = false
        if ASCII.lowercased(peek()) == UInt8(ascii: "b") {
            isBytes = true
            index += 1
        }
        if ASCII.lowercased(peek()) == UInt8(ascii: "r") {
            isRaw = true
            index += 1
        }
        let quote = peek()
        guard quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
            index = begin
            return nil
        }
        let isTriple = peek(1) == quote && peek(2) == quote
        index += isTriple ? 3 : 1
        var content: [UInt8] = []
        while true {
            guard index < bytes.count, isTriple || peek() != 0x0A && peek() != 0x0D else {
                throw Fault(
                    at: begin, "a string is not closed",
                    isTriple ? "close it with three quotes" : "close it, or use three quotes")
            }
            if peek() == quote, !isTriple || peek(1) == quote && peek(2) == quote {
                index += isTriple ? 3 : 1
                break
            }
            if peek() == UInt8(ascii: "\\"), !isRaw {
                try escape(into: &content, isBytes: isBytes)
            } else {
                content.append(peek())
                index += 1
            }
        }
        return isBytes ? .bytes(content) : .string(String(decoding: content, as: UTF8.self))
    }

    private mutating func escape(into content: inout [UInt8], isBytes: Bool) throws(Fault) {
        let begin = index
        let letter = peek(1)
        index += 2
        let simple: UInt8? =
            switch letter {
            case UInt8(ascii: "a"): 0x07
            case UInt8(ascii: "b"): 0x08
            case UInt8(ascii: "f"): 0x0C
            case UInt8(ascii: "n"): 0x0A
            case UInt8(ascii: "r"): 0x0D
            case UInt8(ascii: "t"): 0x09
            case UInt8(ascii: "v"): 0x0B
            case UInt8(ascii: "\\"), UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "'"),
                UInt8(ascii: "`"):
                letter
            default: nil
            }
        if let simple {
            content.append(simple)
            return
        }
        var value: UInt32?
        switch letter {
        case UInt8(ascii: "x"), UInt8(ascii: "X"): value = digits(2, radix: 16)
        case UInt8(ascii: "u") where !isBytes: value = digits(4, radix: 16)
        case UInt8(ascii: "U") where !isBytes: value = digits(8, radix: 16)
        case UInt8(ascii: "0")...UInt8(ascii: "3"):
            index -= 1
            value = digits(3, radix: 8)
        default: break
        }
        guard let value else {
            throw Fault(
                at: begin, "an escape that means nothing",
                "write `\\\\` for a backslash, or a raw string as in r'\\d+'")
        }
        if isBytes {
            content.append(UInt8(truncatingIfNeeded: value))
        } else if let scalar = Unicode.Scalar(value) {
            content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        } else {
            throw Fault(at: begin, "an escape that is no code point", "write another one")
        }
    }

    /// The number that the next `count` digits spell, or nil.
    private mutating func digits(_ count: Int, radix: UInt32) -> UInt32? {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let digit = ASCII.hexValue(peek()), UInt32(digit) < radix else { return nil }
            value = value &* radix &+ UInt32(digit)
            index += 1
        }
        return value
    }
}
