// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshWire
import Testing

@Suite("JSON strings")
struct JSONStringTests {
    private func decoded(_ text: String) throws -> String {
        let bytes = Array(text.utf8)
        return String(decoding: try JSONStringDecoder.decode(bytes.span.bytes), as: UTF8.self)
    }

    private func written(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.appendJSONString(bytes.span.bytes)
        return String(decoding: out, as: UTF8.self)
    }

    @Test(
        "escapes are decoded",
        arguments: [
            ("", ""), ("plain", "plain"), ("\\\"\\\\\\/", "\"\\/"),
            ("\\b\\f\\n\\r\\t", "\u{8}\u{C}\n\r\t"), ("mode\\u006c", "model"),
            ("\\u00e9\\u20AC\\ud83d\\ude00.", "é€😀."), ("é\\u0000é", "é\0é"),
        ])
    func decode(raw: String, value: String) throws { #expect(try decoded(raw) == value) }

    @Test("bad escapes are refused", arguments: ["\\", "\\q", "\\u12", "\\ud800", "\\ud800\\n"])
    func refuse(raw: String) { #expect(throws: JSONFault.self) { try decoded(raw) } }

    @Test(
        "what is written is one line that reads back",
        arguments: [
            "", "plain", "\"\\/", "a\nb\r\n\u{1}\u{8}\u{C}\t\u{1F}\u{7F}", "é€😀\u{2028}",
            "0123456789\"0123456789", "\n\ndata: [DONE]\n\n",
        ])
    func write(value: String) throws {
        let text = written(Array(value.utf8))
        #expect(text.utf8.allSatisfy { $0 >= 0x20 })
        #expect(try JSONDecoder().decode(String.self, from: Data(text.utf8)) == value)
        #expect(try decoded(String(text.dropFirst().dropLast())) == value)
        var same: [UInt8] = []
        same.appendJSONString(value)
        #expect(same == Array(text.utf8))
    }

    @Test("invalid UTF-8 is replaced as the standard library replaces it")
    func replace() {
        var random = SplitMix64(seed: 5)
        let leads: [UInt8] = [0x41, 0x80, 0xBF, 0xC2, 0xE0, 0xE1, 0xED, 0xF0, 0xF1, 0xF4, 0xFF]
        for round in 0..<5000 {
            let bytes = (0..<random.below(12)).map { _ in leads[random.below(leads.count)] }
            let expected = String(decoding: bytes, as: UTF8.self)
            #expect(written(bytes) == "\"" + expected + "\"", "seed 5 round \(round) \(bytes)")
        }
    }
}
