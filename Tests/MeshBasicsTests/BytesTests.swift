// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@Suite("Reading and writing bytes")
struct BytesTests {
    /// Bytes from a small alphabet, so that matches are common.
    private func bytes(_ count: Int, _ random: inout SplitMix64) -> [UInt8] {
        let alphabet: [UInt8] = [0x00, 0x01, 0x7F, 0x80, 0xFF, 0x0A, 0x61, 0x41, 0x22]
        return (0..<count).map { _ in alphabet[random.below(alphabet.count)] }
    }

    @Test("the first place of a byte is the one that looking at each byte finds")
    func firstIndex() {
        let seed: UInt64 = 51
        var random = SplitMix64(seed: seed)
        for round in 0..<4000 {
            let data = bytes(random.below(40), &random)
            let wanted = bytes(1, &random)[0]
            let from = random.below(data.count + 1)
            let naive = data[from...].firstIndex(of: wanted)
            let found = data.place(of: wanted, from: from)
            #expect(found == naive, "seed \(seed), round \(round)")
        }
    }

    @Test("every byte is found at every place of a run of others")
    func everyByte() {
        for wanted in UInt8.min...UInt8.max {
            for place in 0..<18 {
                var data = [UInt8](repeating: wanted &+ 1, count: 18)
                data[place] = wanted
                #expect(data.place(of: wanted) == place)
            }
        }
    }

    @Test("spans are equal when their bytes are, at any length and with any one difference")
    func equality() {
        let seed: UInt64 = 52
        var random = SplitMix64(seed: seed)
        for round in 0..<3000 {
            let first = bytes(random.below(30), &random)
            var second = first
            if random.below(2) == 0, !second.isEmpty {
                second[random.below(second.count)] ^= 1 << UInt8(random.below(8))
            } else if random.below(4) == 0 {
                second.append(0)
            }
            #expect(first.spanEquals(second) == (first == second), "seed \(seed), round \(round)")
            #expect(
                first.spanBegins(with: second) == first.starts(with: second),
                "seed \(seed), round \(round)")
            let lower = first.map(ASCII.lowercased) == second.map(ASCII.lowercased)
            #expect(
                first.spanEqualsIgnoringCase(second) == lower, "seed \(seed), round \(round)")
        }
    }

    @Test("literals are compared whole, and without case where asked")
    func literals() {
        let data = Array("Content-Type".utf8)
        #expect(data.spanEquals("Content-Type" as StaticString))
        #expect(!data.spanEquals("content-type" as StaticString))
        #expect(!data.spanEquals("Content-Typ" as StaticString))
        #expect(data.spanBegins(with: "Content" as StaticString))
        #expect(!data.spanBegins(with: "Content-Type-Options" as StaticString))
        #expect(data.spanEqualsIgnoringCase("content-type" as StaticString))
        #expect(!data.spanEqualsIgnoringCase("content_type" as StaticString))
        // `@` and backquote differ by the same bit as letters do, and are no letters.
        let odd = [UInt8(ascii: "@")]
        #expect(!odd.spanEqualsIgnoringCase("`" as StaticString))
    }

    @Test("a decimal is read as Int reads it, and nothing else is one")
    func decimals() {
        let seed: UInt64 = 53
        var random = SplitMix64(seed: seed)
        let alphabet = Array("0123456789999+- .e".utf8)
        for round in 0..<5000 {
            let count = random.below(22)
            let data = (0..<count).map { _ in
                alphabet[random.below(random.below(4) == 0 ? alphabet.count : 10)]
            }
            let text = String(decoding: data, as: UTF8.self)
            let isDigits = !text.isEmpty && data.allSatisfy(ASCII.isDigit)
            let expected = isDigits && data.count <= 19 ? Int(text) : nil
            #expect(data.decimal == expected, "\(text), seed \(seed), round \(round)")
        }
        #expect(Array("9223372036854775807".utf8).decimal == .max)
        #expect(Array("9223372036854775808".utf8).decimal == nil)
    }

    @Test("numbers are written as the standard library writes them")
    func numbers() {
        let seed: UInt64 = 54
        var random = SplitMix64(seed: seed)
        for value in [0, 1, 9, 10, 15, 16, 255, 256, .max, .min, -1, -10]
            + (0..<500).map({ _ in Int(truncatingIfNeeded: random.next()) >> random.below(63) })
        {
            var decimal: [UInt8] = []
            decimal.appendDecimal(value)
            #expect(String(decoding: decimal, as: UTF8.self) == String(value), "seed \(seed)")
            var hexadecimal: [UInt8] = []
            hexadecimal.appendHexadecimal(value)
            let expected = String(UInt(bitPattern: value), radix: 16)
            #expect(String(decoding: hexadecimal, as: UTF8.self) == expected, "seed \(seed)")
        }
        var padded = Array("x".utf8)
        padded.appendDecimal(7, width: 3)
        padded.appendDecimal(1234, width: 3)
        padded.appendDecimal(-7, width: 3)
        #expect(String(decoding: padded, as: UTF8.self) == "x0071234-007")
    }

    @Test("text, arrays and appended spans hold the very bytes")
    func copies() {
        let data = Array("a\u{0}é".utf8)
        #expect(data.spanArray == data)
        #expect(data.text == "a\u{0}é")
        #expect([0x61, 0xFF].text == "a\u{FFFD}")
        var out: [UInt8] = []
        out.append(data.span.bytes.extracting(1..<2))
        out.append("lit" as StaticString)
        out.append("é" as String)
        #expect(out == [0] + Array("lité".utf8))
    }

    @Test("a byte range counts its bytes")
    func ranges() {
        let range = ByteRange(3, 8)
        #expect(range.count == 5 && range.start == 3 && range.end == 8)
        #expect(range.range == 3..<8 && !range.isEmpty)
        #expect(ByteRange.empty.isEmpty && ByteRange(4, 4).isEmpty)
    }

    @Test("single bytes are known for what they are")
    func ascii() {
        for byte in UInt8.min...UInt8.max {
            let scalar = Character(Unicode.Scalar(byte))
            let isLetter = scalar.isASCII && scalar.isLetter
            let lowered = isLetter ? Array(scalar.lowercased().utf8)[0] : byte
            #expect(ASCII.lowercased(byte) == lowered)
            #expect(ASCII.isDigit(byte) == (0x30...0x39).contains(byte))
            let hex = scalar.isASCII ? scalar.hexDigitValue.map(UInt8.init) : nil
            #expect(ASCII.hexValue(byte) == hex)
        }
        for value in UInt8(0)..<16 {
            #expect(ASCII.hexValue(ASCII.hexDigit(value)) == value)
        }
    }
}

/// What the span of the bytes says; an expectation cannot hold a span itself.
extension [UInt8] {
    fileprivate func place(of byte: UInt8, from: Int = 0) -> Int? {
        span.bytes.firstIndex(of: byte, from: from)
    }
    fileprivate func spanEquals(_ other: [UInt8]) -> Bool { span.bytes.equals(other.span.bytes) }
    fileprivate func spanEquals(_ other: StaticString) -> Bool { span.bytes.equals(other) }
    fileprivate func spanBegins(with other: [UInt8]) -> Bool {
        span.bytes.hasPrefix(other.span.bytes)
    }
    fileprivate func spanBegins(with other: StaticString) -> Bool { span.bytes.hasPrefix(other) }
    fileprivate func spanEqualsIgnoringCase(_ other: [UInt8]) -> Bool {
        span.bytes.equalsIgnoringCase(other.span.bytes)
    }
    fileprivate func spanEqualsIgnoringCase(_ other: StaticString) -> Bool {
        span.bytes.equalsIgnoringCase(other)
    }
    fileprivate var decimal: Int? { span.bytes.decimal }
    fileprivate var spanArray: [UInt8] { span.bytes.array }
    fileprivate var text: String { span.bytes.text }
}
