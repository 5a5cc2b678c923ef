// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshPolicy

/// Whatever is written, the answer is a program or mistakes, and a value or a failure.
@Suite("random expressions")
struct RandomExpressionTests {
    private static let words = [
        "1", "-1", "2u", "1.5", "'a'", "b'a'", "true", "false", "null", "[", "]", "{", "}", "(",
        ")", ",", ":", "?", ".", "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&",
        "||", "!", "in", "ai.tools", "ai.model", "request.size", "jwt.claims", "x", "size(",
        ".all(x, ", ".map(x, ", ".exists(x, ", ".filter(x, ", ".startsWith('a')", "has(", ".a",
        "[0]", "[?0]", ".?a", "string(", "int(", "duration('1s')", "timestamp(0)", "type(",
        "optional.of(", ".orValue(", ".format([", "cel.bind(x, ", "math.least(", ".join()",
        ".split('')", ".replace('a', 'bb')", "dyn(", "\n", "'", "`a`", "\\", "é",
    ]

    @Test("random words never crash", arguments: 0..<8)
    func words(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        var programs = 0
        for _ in 0..<400 {
            let count = Int.random(in: 1...12, using: &random)
            let text = (0..<count).map { _ in
                Self.words.randomElement(using: &random) ?? ""
            }.joined(separator: Bool.random(using: &random) ? " " : "")
            programs += Self.run(text)
        }
        #expect(programs > 4)
    }

    @Test("random trees that parse are evaluated to something", arguments: 0..<8)
    func trees(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed) &+ 1_000)
        var programs = 0
        for _ in 0..<150 { programs += Self.run(Self.tree(4, &random)) }
        #expect(programs > 75)
    }

    @Test("random bytes never crash the parser")
    func bytes() {
        var random = SplitMix64(seed: 7)
        for _ in 0..<2_000 {
            let count = Int.random(in: 0...40, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = try? Parser.parse(bytes)
        }
    }

    /// 1 when `text` became a program, which then was evaluated checked and not checked.
    private static func run(_ text: String) -> Int {
        var count = 0
        for isChecked in [true, false] {
            var layout = FactLayout()
            guard
                let program = try? Program.compile(
                    text, in: Sample.environment, expecting: .dyn, layout: &layout,
                    isChecked: isChecked)
            else { continue }
            count = 1
            var facts = FactTable(layout)
            for slot in program.slots { fill(&facts, slot, layout) }
            _ = program.verdict(facts)
            if let value = try? program.value(facts) {
                _ = value.text
                if isChecked { #expect(fits(value, program.type), "\(text): \(value.typeName)") }
            }
        }
        return count
    }

    /// Whether a checked program kept its promise about the type.
    private static func fits(_ value: Value, _ type: Type) -> Bool {
        guard let name = type.runtimeName else { return true }
        return name == value.typeName || value.typeName == "null_type"
    }

    private static func fill(_ facts: inout FactTable, _ slot: Int, _ layout: FactLayout) {
        if layout.slots[slot].key != nil { return facts.set(slot, text: "entry") }
        switch Sample.environment.facts[layout.slots[slot].fact].type {
        case .string: facts.set(slot, text: "abc")
        case .int: facts.set(slot, .int(3))
        case .bool: facts.set(slot, .bool(true))
        case .list: facts.set(slot, .list([.string("a"), .string("b")]))
        case .timestamp: facts.set(slot, .timestamp(Timestamp(seconds: 0, nanoseconds: 0)))
        case .map: facts.set(slot, .map(.empty))
        default: facts.setAbsent(slot)
        }
    }

    private static func tree(_ depth: Int, _ random: inout SplitMix64) -> String {
        let leaves = [
            "1", "0", "-7", "2u", "1.5", "'a'", "''", "true", "false", "null", "[]", "{}",
            "ai.model",
            "ai.tools", "request.size", "jwt.claims.x", "duration('1s')", "timestamp(0)",
        ]
        guard depth > 0 else { return leaves.randomElement(using: &random) ?? "1" }
        func sub() -> String { "dyn(" + tree(depth - 1, &random) + ")" }
        switch Int.random(in: 0..<14, using: &random) {
        case 0: return "(\(sub()) + \(sub()))"
        case 1: return "(\(sub()) == \(sub()))"
        case 2: return "(\(sub()) < \(sub()))"
        case 3: return "(\(sub()) && \(sub()))"
        case 4: return "(\(sub()) || \(sub()))"
        case 5: return "(\(sub()) ? \(sub()) : \(sub()))"
        case 6: return "[\(sub()), \(sub())]"
        case 7: return "{'a': \(sub()), 1: \(sub())}"
        case 8: return "\(sub()).map(x, [x, \(sub())])"
        case 9: return "\(sub()).exists(x, x == \(sub()))"
        case 10: return "size(\(sub()))"
        case 11: return "\(sub())[\(sub())]"
        case 12: return "string(\(sub()))"
        default: return "(\(sub()) in \(sub()))"
        }
    }
}
