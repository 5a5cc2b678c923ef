// SPDX-License-Identifier: Apache-2.0

import Testing

/// Each check finds what it is for, and leaves alone what it should.
@Suite("the checks of tidiness check")
struct CheckTests {
    /// A Swift file of the pure room MeshRouting that holds `text`.
    private func file(
        _ text: String, at path: String = "Sources/MeshRouting/Pick.swift"
    ) -> SourceFile {
        SourceFile(path: path, bytes: Array(text.utf8))
    }

    @Test(
        "only code is left of a file",
        arguments: [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (#"f("x\"y", z)"#, #"f("    ", z)"#),
            (##"f(#"x"y"#, z)"##, ##"f(#"   "#, z)"##),
            (#"f("a\(b("c"))d")"#, #"f("  (b(" ")) ")"#),
            ("\"\"\"\n a \"b\" \n\"\"\" c", "\"\"\"\n       \n\"\"\" c"),
        ])
    func stripping(source: String, code: String) {
        #expect(String(decoding: codeOnly(Array(source.utf8)), as: UTF8.self) == code)
    }

    @Test(
        "what is banned is found",
        arguments: [
            "let a = Date()", "let t = ContinuousClock.now", "let i = Int.random(in: 0..<3)",
            "a.shuffled()", "a.randomElement()", "UUID()", "getenv(x)", "print(1)", "Task { }",
            "func f() async {}", "await g()", "let l = NSLock()", "DispatchQueue.main",
            "try! f()", "func f(x: any Sequence) {}", "x = y!", "fatalError()",
        ])
    func bansFound(line: String) {
        #expect(!bannedWords(in: [file(line)]).isEmpty)
        #expect(bannedWords(in: [file(line, at: "Sources/MeshProxy/Pick.swift")]).isEmpty)
    }

    @Test(
        "what only looks banned is left alone",
        arguments: [
            "update(x)", "at now: Instant", "Int.random(\n in: 0..<3, using: &random)",
            ".random(in: 0..<3, using: &random)", "a.shuffled(using: &random)", "let asynchronous",
            "// print(x)", "\"await\"", "blueprint(x)", "case .any", "a != b", "if !x {}",
            "let any: [UInt8]", "fatalError(\"why\")", "Double(x)",
        ])
    func bansSpared(line: String) {
        #expect(bannedWords(in: [file(line)]).map(\.message) == [])
    }

    @Test("a snapshot holds no fractions")
    func fractions() {
        let path = "Sources/MeshSnapshot/Rule.swift"
        #expect(bannedWords(in: [file("var x: Double", at: path)]).count == 1)
    }

    @Test("imports are compared with the table")
    func imports() {
        let wrong = file("package import MeshBasics\nimport struct NIOCore.ByteBuffer\n")
        #expect(forbiddenImports(in: [wrong]).map(\.line) == [2])
        #expect(forbiddenImports(in: [file("", at: "Sources/Attic/A.swift")]).count == 1)
        #expect(unsortedImports(in: [file("import B\npackage import A\n")]).count == 1)
        #expect(unsortedImports(in: [file("import B\n@testable import A\n")]).isEmpty)
    }

    @Test("undocumented declarations are found")
    func documentation() {
        let text = """
            package struct A {
                package var b: Int
                /// Fine.
                @inlinable
                package func c() {}
                var d: Int
                package static func == (a: A, b: A) -> Bool { true }
                package private(set) var e: Int
            }
            /// Fine.
            package enum F {
                case g
                func h() { switch self { case .g: break } }
                /// Fine, and so is what follows.
                case i
                // More.
                case j, k
            }
            """
        #expect(undocumented(in: [file(text)]).map(\.line) == [1, 2, 8, 12])
    }

    @Test("shapes are measured")
    func shapes() {
        let body = String(repeating: "    f()\n", count: 70)
        let long = file("func f(a: () -> Void = {}) {\n\(body)}\nfunc g() {\n f()\n}\n")
        #expect(longFunctions(in: [long]).map(\.amount) == [72])
        #expect(longFiles(in: [file(String(repeating: "\n", count: 601))]).map(\.amount) == [601])
        #expect(longLines(in: [file(String(repeating: "é", count: 101))]).count == 1)
        #expect(longLines(in: [file(String(repeating: "é", count: 100))]).isEmpty)
        #expect(missingLicenses(in: [file("import A\n")]).count == 1)
    }

    @Test("names with empty words are found")
    func names() {
        let text =
            "struct TaskManager {}\nenum Utilization {}\nstruct Score {}\nclass HTTPUtil {}\n"
        #expect(emptyNames(in: [file(text)]).map(\.line) == [1, 4])
        #expect(emptyNames(in: [file("", at: "Sources/MeshWire/JSON+Helpers.swift")]).count == 1)
    }

    @Test("open work without an issue is found")
    func markers() {
        let marker = "TO" + "DO"
        let text = "// \(marker): later\n// \(marker)(#12) later\n// \(marker)(#) later\n"
        #expect(strayMarkers(in: [file(text)]).map(\.line) == [1, 3])
    }

    @Test("links that lead nowhere are found")
    func links() {
        let text = """
            # A head, with `code`
            [good](../B.md#two-words) [good](#a-head-with-code) [good](https://x.test/y)
            [good](../Sources) `[not a](link)`
            [no file](C.md)
            [no heading](../B.md#absent)
            ```
            [not a](link)
            ```
            """
        let tree = Tree(sources: [
            file(text, at: "Docs/A.md"), file("## Two words\n", at: "B.md"),
            file("", at: "Sources/MeshWire/A.swift"),
        ])
        #expect(brokenLinks(in: tree).map(\.line) == [4, 5])
    }

    @Test("what belongs to one machine is found, and what is too large")
    func machine() {
        #expect(localNames(in: [file("// see /ho" + "me/me/x\n")]).count == 1)
        #expect(largeFiles(in: [Tree.Entry(path: "a", size: blobBytesMax)]).isEmpty)
        #expect(largeFiles(in: [Tree.Entry(path: "a", size: blobBytesMax + 1)]).count == 1)
    }

    @Test("an exception covers its amount exactly")
    func ratchet() {
        let path = "Sources/MeshWire/A.swift"
        let findings = [Finding(path: path, line: 3, message: "no")]
        let excused = { (amount: Int) in
            let exception = Exception(rule: .bans, path: path, amount: amount, reason: "why")
            return remaining(of: findings, for: .bans, exceptions: [exception])
        }
        #expect(excused(1).isEmpty)
        #expect(excused(2).count == 1)
        #expect(excused(0).count == 2)
        #expect(remaining(of: findings, for: .bans, exceptions: []) == ["\(path):3: no"])
    }
}
