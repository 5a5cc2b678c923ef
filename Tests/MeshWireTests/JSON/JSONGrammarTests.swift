// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshWire
import Testing

/// The fault of `text` as one whole document, or nil.
private func fault(_ text: [UInt8]) -> JSONFault? {
    do {
        try JSONGrammar.validate(text.span.bytes)
        return nil
    } catch {
        return error
    }
}

private func fault(_ text: String) -> JSONFault? { fault(Array(text.utf8)) }

@Suite("JSON grammar")
struct JSONGrammarTests {
    @Test(
        "valid documents pass",
        arguments: [
            "null", " true ", "false", "\"\"", "0", "-0", "-1.5e+10", "[]", "{}", "[ ]", "{ }",
            "[1,2,[3,{}],{\"a\":[]}]", "{\"a\":1,\"a\":2}", "\"\\u0000\\ud83d\\ude00\"",
            "\"\u{7F}\u{2028}\u{10FFFF}\"", "\r\n\t [\r1\n,\t2 ]", "{\"a\":{\"b\":{\"c\":[[[]]]}}}",
        ])
    func valid(text: String) { #expect(fault(text) == nil) }

    @Test(
        "invalid documents are refused with a reason and a place",
        arguments: [
            ("", .truncated, 0), ("  ", .truncated, 2), ("[", .truncated, 1),
            ("{\"a\"", .truncated, 4), ("{\"a\":", .truncated, 5), ("[1,", .truncated, 3),
            ("\"abc", .truncated, 4), ("\"abcdefghijklm", .truncated, 14), ("tru", .truncated, 0),
            ("-", .truncated, 1), ("1.", .truncated, 2), ("1e", .truncated, 2),
            ("truE", .unexpectedByte, 0), ("NaN", .unexpectedByte, 0), ("[1,]", .unexpectedByte, 3),
            ("[1 2]", .unexpectedByte, 3), ("[1}", .unexpectedByte, 2), ("{]", .unexpectedByte, 1),
            ("{\"a\":1]", .unexpectedByte, 6), ("{\"a\" 1}", .unexpectedByte, 5),
            ("{a:1}", .unexpectedByte, 1), ("{\"a\":1,}", .unexpectedByte, 7),
            ("[01]", .unexpectedByte, 2), ("'a'", .unexpectedByte, 0), ("+1", .unexpectedByte, 0),
            ("// x\n1", .unexpectedByte, 0), ("\u{B}1", .unexpectedByte, 0),
            ("1 1", .trailingBytes, 2), ("{}}", .trailingBytes, 2), ("[] \0", .trailingBytes, 3),
            ("\u{FEFF}{}", .byteOrderMark, 0), ("\"a\nb\"", .controlByte, 2),
            ("\"abcdefgh\u{1F}\"", .controlByte, 9), ("\"\\x\"", .invalidEscape, 1),
            ("\"\\u12g4\"", .invalidEscape, 5), ("\"\\ud800\"", .loneSurrogate, 1),
            ("\"\\ud800abcdef\"", .loneSurrogate, 1), ("\"\\udc00\"", .loneSurrogate, 1),
            ("\"\\ud800\\ud800\"", .loneSurrogate, 1), ("\"\\udc00\\udc00\"", .loneSurrogate, 1),
            ("-a", .invalidNumber, 1),
            ("1.e1", .invalidNumber, 2), ("1e+", .truncated, 3), ("1ex", .invalidNumber, 2),
        ] as [(String, JSONFault.Reason, Int)])
    func invalid(text: String, reason: JSONFault.Reason, offset: Int) {
        #expect(fault(text) == JSONFault(reason, at: offset))
    }

    @Test("64 levels pass and 65 are refused, of either kind")
    func depth() {
        for (open, inner, close) in [("[", "", "]"), ("{\"a\":", "1", "}")] {
            for levels in [1, 63, 64] {
                let text =
                    String(repeating: open, count: levels) + inner
                    + String(repeating: close, count: levels)
                #expect(fault(text) == nil)
            }
            let deep = String(repeating: open, count: 65)
            #expect(fault(deep)?.reason == .tooDeep)
            #expect(fault(String(repeating: open, count: 100_000))?.code == .tooDeep)
        }
        let mixed = String(repeating: "[{\"a\":", count: 32) + "[]"
        #expect(fault(mixed)?.reason == .tooDeep)
    }

    @Test("a number of 1024 bytes passes and one byte more is refused")
    func longNumber() {
        #expect(fault(String(repeating: "1", count: 1024)) == nil)
        #expect(fault(String(repeating: "1", count: 1025))?.code == .tooLarge)
        #expect(fault("-1." + String(repeating: "1", count: 1_000_000))?.code == .tooLarge)
    }

    @Test("strings are refused exactly when they are not UTF-8, at every alignment")
    func utf8() {
        var random = SplitMix64(seed: 11)
        let leads: [UInt8] = [
            0x41, 0x7F, 0x80, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEE, 0xEF, 0xF0,
            0xF1, 0xF4, 0xF5, 0xFF, 0x9F, 0xA0, 0x8F, 0x90,
        ]
        var refused = 0
        for round in 0..<40_000 {
            var text = Array(repeating: UInt8(ascii: "x"), count: random.below(9))
            for _ in 0..<1 + random.below(4) { text.append(leads[random.below(leads.count)]) }
            if random.below(2) == 0 { text += Array("日本é".utf8) }
            let isValid = String(validating: text, as: UTF8.self) != nil
            let found = fault([0x22] + text + [0x22])
            #expect((found == nil) == isValid, "seed 11 round \(round) \(text)")
            if !isValid {
                #expect(found?.reason == .invalidUTF8, "seed 11 round \(round) \(text)")
                refused += 1
            }
        }
        #expect(refused > 1000 && refused < 39_000)
    }
}

@Suite("JSON grammar against other parsers")
struct JSONDifferentialTests {
    @Test("random documents pass, every truncation of an object is refused")
    func truncation() {
        for seed in 0..<300 as Range<UInt64> {
            var generator = RandomJSON(seed: seed)
            let text = Array(("{\"k\":" + generator.value(depth: 4) + "}").utf8)
            #expect(fault(text) == nil, "seed \(seed)")
            for count in 0..<text.count {
                #expect(fault(Array(text[..<count])) != nil, "seed \(seed) cut at \(count)")
            }
        }
    }

    @Test("damaged documents are judged as Foundation judges them")
    func foundation() {
        // No digit or exponent is among the damage: Foundation refuses numbers above its range.
        let alphabet = Array("{}[]:,\"\\ntru.+- \t\u{1}x/".utf8)
        var accepted = 0
        for seed in 0..<6000 as Range<UInt64> {
            var generator = RandomJSON(seed: seed)
            let whole = Array(generator.value(depth: 3).utf8)
            let text = generator.damaged(whole, alphabet: alphabet)
            let object = try? JSONSerialization.jsonObject(
                with: Data(text), options: .fragmentsAllowed)
            let found = fault(text)
            if found == nil { accepted += 1 }
            // Foundation forgives a comma before a closing bracket in some places.
            let plain = String(decoding: text.filter { $0 > 0x20 }, as: UTF8.self)
            if found != nil, plain.contains(",}") || plain.contains(",]") { continue }
            #expect(
                (found == nil) == (object != nil),
                "seed \(seed) \(String(decoding: text, as: UTF8.self)) \(String(describing: found))"
            )
        }
        #expect(accepted > 500 && accepted < 5500)
    }

    @Test("JSONTestSuite: what must pass passes, what must not is refused")
    func suite() throws {
        guard let suite = try JSONSuites.load("json/jsontestsuite.json.gz") else { return }
        let cases = try #require(suite["cases"] as? [[String: Any]])
        var right = 0
        var judged = 0
        for each in cases {
            let name = each["name"] as? String ?? ""
            let found = fault(JSONSuites.bytes(each["b64"]))
            guard let expect = each["expect"] as? String, expect == "accept" || expect == "reject"
            else { continue }
            judged += 1
            if (found == nil) == (expect == "accept") { right += 1 }
            #expect((found == nil) == (expect == "accept"), "\(name): \(String(describing: found))")
        }
        print("JSONTestSuite: \(right) of \(judged)")
        #expect(judged > 200)
    }
}
