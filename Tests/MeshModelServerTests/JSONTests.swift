// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import MeshModelServer

struct JSONTests {
    @Test(
        "what is written is what was read",
        arguments: [
            "null", "true", "[]", "{}", "[1,-2,0]", "1.5", "{\"b\":1,\"a\":[{}]}",
            "\"a\\\"b\\\\c\\nd\\u0001\"", "\"é漢🦊\"", "9223372036854775807",
        ])
    func roundTrip(text: String) throws {
        let value = try JSON(parsing: Array(text.utf8))
        #expect(String(decoding: value.bytes, as: UTF8.self) == text)
    }

    @Test("escapes are read, pairs joined and lone surrogates replaced")
    func escapes() throws {
        let text = #""\u00e9 \ud83e\udd8a \ud83e x \/ \b""#
        let value = try JSON(parsing: Array(text.utf8))
        #expect(value.text == "é 🦊 \u{FFFD} x / \u{08}")
    }

    @Test("numbers keep their kind")
    func numbers() throws {
        let value = try JSON(parsing: Array("[1,1.0,1e2,-0.5]".utf8))
        #expect(value == [1, .number(1), .number(100), .number(-0.5)])
        #expect(JSON.number(3).whole == 3)
        #expect(JSON.number(3.5).whole == nil)
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", " ", "{", "[1,]", "{\"a\":}", "{a:1}", "01", "1.", "-", "+1", "nul", "\"\t\"",
            "\"\\x\"", "\"\\u12\"", "[1] 2", "\"abc", "{\"a\" 1}", "1e999", "[,1]", "tru",
        ])
    func refused(text: String) {
        #expect(throws: JSONFault.self) { try JSON(parsing: Array(text.utf8)) }
    }

    @Test("nesting is bounded")
    func depth() {
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(throws: JSONFault.self) { try JSON(parsing: Array(deep.utf8)) }
        let fair = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        #expect(throws: Never.self) { try JSON(parsing: Array(fair.utf8)) }
    }

    @Test("bytes that are not UTF-8 are refused")
    func invalidText() {
        #expect(throws: JSONFault.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test("the JSON test suite is read as it says")
    func suite() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appending(path: "../shared/suites/json/jsontestsuite.json.gz").standardized
        guard FileManager.default.fileExists(atPath: file.path) else {
            print("skipped: no \(file.path)")
            return
        }
        let process = Process()
        process.executableURL = URL(filePath: "/bin/gzip")
        process.arguments = ["-dc", file.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = pipe.fileHandleForReading.readDataToEndOfFile()
        let cases = try JSON(parsing: Array(text))["cases"]?.elements ?? []
        #expect(cases.count > 100)
        for item in cases {
            // Some cases may be refused or read with other text in them: no verdict is wrong there.
            guard let expected = item["expect"]?.text, expected == "accept" || expected == "reject"
            else { continue }
            let bytes = try #require(Data(base64Encoded: item["b64"]?.text ?? ""))
            let value = try? JSON(parsing: Array(bytes))
            let isAccepted = expected == "accept"
            #expect((value != nil) == isAccepted, "\(item["name"]?.text ?? "")")
        }
    }
}
