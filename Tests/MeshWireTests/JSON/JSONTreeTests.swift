// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshWire

@Suite("JSON trees")
struct JSONTreeTests {
    private func read(_ text: String, bytesMax: Int = 10_000) throws -> JSONTree {
        let bytes = Array(text.utf8)
        return try JSONTree.read(bytes.span.bytes, bytesMax: bytesMax)
    }

    @Test("a document is read whole and written as it was")
    func whole() throws {
        let text = #"{"a":[1,-2,0.5,true,false,null,"x\"\\\n"],"b":{},"c":[],"é":{"d":"e"}}"#
        let tree = try read(text)
        var written: [UInt8] = []
        tree.append(to: &written)
        #expect(String(decoding: written, as: UTF8.self) == text)
        #expect(tree["é"]?["d"]?.text == "e")
        #expect(tree["a"]?.elements?.first?.integer == 1)
        #expect(try read(" [ ] ").elements == [])
        #expect(try read(#""\u0041""#).text == "A")
        #expect(try read("9223372036854775808") == .double(9_223_372_036_854_775_808))
    }

    @Test("names are compared by their bytes")
    func names() throws {
        let tree = try read("{\"e\u{301}\":1,\"\u{E9}\":2}")
        #expect(tree["\u{E9}"]?.integer == 2)
        #expect(tree["e\u{301}"]?.integer == 1)
    }

    @Test(
        "what two readers could read differently, or is too much, is refused",
        arguments: [
            #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #"{"b":{"a":1,"a":2}}"#, "{", "[1,]",
            "[1 2]",
            "{}x", "", "nul", "01", "1e999", "\u{FEFF}{}", "\"\u{1}\"", #"{"a"}"#, "{1:2}",
            String(repeating: "[", count: 17) + String(repeating: "]", count: 17),
        ])
    func refused(_ text: String) {
        #expect(throws: JSONFault.self) { try read(text) }
    }

    @Test("bytes are bounded")
    func bounded() throws {
        #expect(throws: JSONFault.self) { try read("[1,2]", bytesMax: 4) }
        #expect(try read("[1,2]", bytesMax: 5).elements?.count == 2)
    }
}
