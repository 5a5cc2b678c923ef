// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshPolicy
import MeshSnapshot
import Testing

@Suite("the list of facts")
struct FactTests {
    @Test("a fact is found again by its number, and every name is told apart")
    func numbers() {
        for (index, fact) in Fact.allCases.enumerated() {
            #expect(fact.rawValue == index)
            #expect(Fact.environment.facts[index].name == fact.name)
            #expect(!fact.note.isEmpty && !fact.note.contains("|"))
        }
        #expect(Set(Fact.allCases.map(\.name)).count == Fact.allCases.count)
    }

    @Test(
        "a rule is asked when the latest of its facts is known",
        arguments: [
            ("request.method == 'GET' && source.address == '::1'", FactStage.head, false),
            ("request.method == 'GET' || ai.model == 'x'", .body, true),
            ("destination.backend == 'default/a'", .destination, false),
            ("destination.provider == ai.model", .destination, true),
            ("true", .head, false),
        ])
    func stages(text: String, stage: FactStage, readsBody: Bool) throws {
        var layout = FactLayout()
        let program = try Program.compile(text, in: Fact.environment, layout: &layout)
        let rule = AccessRule(
            policy: "default/p", name: "r", action: .deny, program: program, message: nil,
            layout: layout)
        #expect(rule.stage == stage && rule.readsBody == readsBody)
    }

    @Test("Docs/facts.md is the text that the list writes")
    func documentation() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Docs/facts.md")
        let text = Fact.markdown()
        if ProcessInfo.processInfo.environment["PINION_WRITE_DOCS"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        let committed = try String(contentsOf: file, encoding: .utf8)
        #expect(committed == text, "run the tests with PINION_WRITE_DOCS=1 and commit the file")
    }
}
