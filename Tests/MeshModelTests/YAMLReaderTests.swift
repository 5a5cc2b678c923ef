// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import MeshModel

@Suite struct YAMLReaderTests {
    private func trees(_ text: String) -> [YAMLTree] {
        YAMLDocument.split(text).flatMap { YAMLReader.read($0).trees }
    }

    private func problems(_ text: String) -> [YAMLReader.Problem] {
        YAMLDocument.split(text).flatMap { YAMLReader.read($0).problems }
    }

    @Test("every value and key has its line and column, counted through the whole file")
    func positions() throws {
        let trees = trees("# head\na: 1\n---\n\nb:\n  - x\n  - {c: \"y\"}\n...\nd: ö\n")
        try #require(trees.count == 3)
        #expect(trees[0].entry("a")?.line == 2)
        #expect(trees[0].entry("a")?.value.column == 4)
        let list = try #require(trees[1]["b"])
        #expect(list.elements.map(\.line) == [6, 7])
        #expect(list.elements[1].entry("c")?.column == 6)
        #expect(list.elements[1]["c"]?.column == 9)
        #expect(list.elements[1]["c"]?.content == .scalar("y", isQuoted: true))
    }

    @Test("a marker within a block scalar's indentation does not cut the document")
    func markers() throws {
        let trees = trees("a: |\n  ---\n  text\n--- \nb: '--- '\n---\n# nothing\n---\nc: 1\n")
        #expect(trees.count == 3)
        #expect(trees[0]["a"]?.text == "---\ntext\n")
        #expect(trees[1].entry("b")?.line == 5)
        #expect(trees[2].entry("c")?.line == 9)
    }

    @Test("a directive belongs to the document behind it") func directives() {
        let trees = trees("%YAML 1.2\n---\na: 1\n")
        #expect(trees.count == 1)
        #expect(trees.first?.entry("a")?.line == 3)
    }

    @Test("empty files and comments hold no documents", arguments: ["", "\n\n", "# a\n", "---\n"])
    func empty(text: String) {
        #expect(trees(text).isEmpty)
        #expect(problems(text).isEmpty)
    }

    @Test("a syntax error hides nothing of the other documents") func syntax() {
        let text = "a: [1\n---\nb: 2\n---\nc: }\n"
        #expect(trees(text).count == 1)
        #expect(problems(text).map(\.line) == [2, 5] || problems(text).map(\.line) == [1, 5])
        #expect(problems(text).allSatisfy { $0.message.contains("not valid YAML") })
    }

    @Test(
        "every duplicate key is reported where it is repeated",
        arguments: [
            ("a: 1\nb: 2\na: 3\n", [3], [1]),
            ("- x: 1\n  y:\n    x: 2\n  x: 3\n- x: 1\n", [4], [3]),
            ("{a: 1, b: {a: 2, c: \"a: 1\"}, a: 3}\n", [1], [30]),
            ("\"a\": 1\n'a': 2\na : 3\n", [2, 3], [1, 1]),
            ("a:\n  b: 1\n  # b: 2\n  b: 3\nc: {d: 1, d: 2}\n", [4, 5], [3, 11]),
            ("{\"a\": 1,\n \"a\": 2}\n", [2], [2]),
        ])
    func duplicates(text: String, lines: [Int], columns: [Int]) {
        let found = problems(text)
        #expect(found.map(\.line) == lines)
        #expect(found.map(\.column) == columns)
        #expect(trees(text).count == 1)
    }

    @Test("the first of two equal keys is kept") func duplicateKept() {
        #expect(trees("a: 1\nb: 2\na: 3\n").first?["a"]?.text == "1")
    }

    @Test("an alias bomb is refused") func bomb() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let alias = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(alias)]\n"
        }
        #expect(trees(text).isEmpty)
        #expect(problems(text).count == 1)
        #expect(problems(text).first?.message.contains("500000") == true)
    }

    @Test("nesting beyond the bound is refused") func nesting() {
        let deep = String(repeating: "[", count: 80) + String(repeating: "]", count: 80)
        #expect(problems("a: \(deep)\n").first?.message.contains("nested") == true)
    }

    @Test("an alias reads as what it stands for") func alias() {
        let tree = trees("a: &x {b: 1}\nc: *x\n").first
        #expect(tree?["c"]?["b"]?.text == "1")
    }

    @Test("control characters are reported with their position") func control() {
        let found = problems("a: 1\nb: \u{1}\n")
        #expect(found.count == 1)
        #expect(found.first?.line == 2)
    }

    @Test(
        "plain scalars read after YAML 1.2",
        arguments: [
            ("no", "the string `no`"), ("on", "the string `on`"), ("true", "the boolean `true`"),
            ("12", "the number `12`"), ("0x1F", "the number `0x1F`"), ("1e3", "the number `1e3`"),
            ("'12'", "the string `12`"), ("1.2.3", "the string `1.2.3`"), ("~", "nothing"),
            ("[]", "a list"), ("{}", "a mapping"), ("1_0", "the string `1_0`"),
        ])
    func kinds(text: String, kind: String) {
        #expect(trees("a: \(text)\n").first?.entry("a")?.value.kind == kind)
    }
}
