// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import MeshPolicy

/// What could take too long is refused when it is read, and stopped when it runs.
@Suite("the cost of expressions")
struct CostTests {
    @Test("a loop in a loop over facts is refused with its place")
    func loops() {
        let one = "ai.tools.all(a, ai.tools.exists(b, b == a))"
        #expect(Sample.mistakes(one) == "")
        let two = "ai.tools.all(a, ai.tools.all(b, ai.tools.all(c, a == b || b == c)))"
        let found = Sample.mistakes(two)
        #expect(found.hasPrefix("1:10: an evaluation may cost "))
        #expect(found.contains("more than 100000; loop over something smaller"))
    }

    @Test("costs do not overflow")
    func overflow() {
        var text = "true"
        for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
            text = "ai.tools.all(\(name), \(text))"
        }
        #expect(Sample.mistakes(text).contains("may cost \(Int.max) units"))
    }

    @Test("more facts cost more, and a declared size counts")
    func sizes() throws {
        func cost(_ size: Int) throws -> Int {
            let environment = Environment(facts: [
                FactDeclaration("xs", .list(.int), sizeMax: size)
            ])
            var layout = FactLayout()
            return try Program.compile("xs.all(x, x > 0)", in: environment, layout: &layout).cost
        }
        #expect(try cost(1_000) > 50 * cost(10))
    }

    @Test("a fact larger than it was declared is stopped, and nothing absorbs that")
    func runTime() throws {
        let environment = Environment(
            facts: [FactDeclaration("xs", .list(.int), sizeMax: 10)], costMax: 1_000)
        var layout = FactLayout()
        let program = try Program.compile(
            "xs.all(x, x >= 0) || true", in: environment, layout: &layout)
        var facts = FactTable(layout)
        facts.set(0, .list(Array(repeating: .int(1), count: 100)))
        #expect(program.verdict(facts) == .holds)
        facts.set(0, .list(Array(repeating: .int(1), count: 5_000)))
        guard case .unknown(let fault) = program.verdict(facts) else { throw Unexpected() }
        #expect(fault.code == .costExceeded)
    }

    @Test(
        "texts that grow are stopped",
        arguments: [
            "t.replace('a', t).replace('a', t).replace('a', t).size() > 0",
            "[t, t, t, t].map(x, x.replace('', t)).join(t).size() > 0",
            "t.split('').map(x, t).join(t).size() > 0",
        ])
    func growth(text: String) throws {
        // Declared too small, so that the estimate lets it pass.
        let environment = Environment(
            facts: [FactDeclaration("t", .string, sizeMax: 1)], costMax: 1_000_000)
        var layout = FactLayout()
        let program = try Program.compile(text, in: environment, layout: &layout)
        var facts = FactTable(layout)
        facts.set(0, text: String(repeating: "a", count: 4_000))
        guard case .unknown(let fault) = program.verdict(facts) else { throw Unexpected() }
        #expect(fault.code == .costExceeded)
    }

    @Test("what looks at pairs, and patterns that must be compiled, are dear")
    func dear() throws {
        func cost(_ text: String) throws -> Int {
            var layout = FactLayout()
            return try Program.compile(
                text, in: Sample.environment, expecting: .dyn, layout: &layout
            ).cost
        }
        #expect(try cost("sets.intersects(ai.tools, ['a', 'b'])") < 1_000)
        #expect(try cost("sets.intersects(ai.tools, ai.tools)") > 64 * 64)
        #expect(try cost("ai.model.matches('a+')") < 1_000)
        #expect(try cost("ai.model.matches(request.method)") > Limits.patternCost)
        #expect(Sample.mistakes("ai.tools.all(t, 'a'.matches(t))").contains("may cost"))
    }

    @Test("the deepest expressions that are accepted are also evaluated")
    func depth() throws {
        for (open, middle, close) in [
            ("!(", "true", ")"), ("[", "1", "]"), ("dyn(", "1", ")"), ("{1:", "2", "}"),
            ("(true ? ", "1", " : 2)"), ("[1].map(x, ", "1", ")"), ("[", "ai.model", "]"),
            ("(false || (", "true", "))"), ("[1].exists(x, ", "ai.stream", ")"),
        ] {
            var count = 249
            while count > 0 {
                let text =
                    String(repeating: open, count: count) + middle
                    + String(repeating: close, count: count)
                if Sample.mistakes(text).isEmpty { break }
                count -= 1
            }
            #expect(count > 80, "\(open)")
            let text =
                String(repeating: open, count: count) + middle
                + String(repeating: close, count: count)
            var layout = FactLayout()
            let program = try Program.compile(
                text, in: Sample.environment, expecting: .dyn, layout: &layout)
            var facts = FactTable(layout)
            for slot in program.slots { facts.set(slot, .bool(true)) }
            _ = try program.value(facts).text
        }
    }

    @Test("a pattern takes time linear in the text")
    func pattern() throws {
        var rule = try Rule("request.path.matches('(a+)+$')")
        rule.set("request.path", text: String(repeating: "a", count: 8_000) + "b")
        #expect(rule.verdict == .fails)
    }
}
