// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshPolicy
import Testing

@Suite("the list of functions")
struct FunctionReferenceTests {
    private static let begin = "<!-- functions: written by make docs -->\n"
    private static let end = "<!-- end of functions -->"

    @Test("Docs/cel.md lists the functions that there are")
    func documentation() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Docs/cel.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let head = try #require(text.components(separatedBy: Self.begin).first)
        let tail = try #require(text.components(separatedBy: Self.end).last)
        let wanted =
            head + Self.begin + "\n" + FunctionReference.markdown() + "\n" + Self.end + tail
        if ProcessInfo.processInfo.environment["PINION_WRITE_DOCS"] == "1" {
            try wanted.write(to: file, atomically: true, encoding: .utf8)
        }
        let committed = try String(contentsOf: file, encoding: .utf8)
        #expect(committed == wanted, "run the tests with PINION_WRITE_DOCS=1 and commit the file")
    }
}
