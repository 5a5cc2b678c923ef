// SPDX-License-Identifier: Apache-2.0

import MeshModel
import Testing

@Suite struct OverloadMistakesTests {
    @Test("a mistake of an OverloadPolicy is reported where it is", arguments: Self.mistakes)
    func reported(mistake: Mistake) {
        let found = diagnose(mistake.plain)
        #expect(found.map(\.line) == mistake.lines, "\(found)")
        #expect(found.contains { $0.message.contains(mistake.message) }, "\(found)")
        #expect(found.allSatisfy { !$0.remedy.isEmpty && !$0.resource.isEmpty })
    }

    @Test("a policy without a mistake is none")
    func good() {
        let text =
            Self.mesh
            + Self.policy(
                "concurrency: {min: 2, max: 64, initial: 4, tolerancePercent: 150, slack: 5ms}",
                "queue: {length: 0}",
                "priorities: [{name: a, priority: -3, when: \"source.identity == 'a'\"}]")
        #expect(diagnose(text) == [])
    }

    private static func policy(
        _ lines: String..., target: String = "name: llm", name: String = "p"
    ) -> String {
        let body = lines.map { "  \($0)\n" }.joined()
        return """
            apiVersion: pinion.dev/v1alpha1
            kind: OverloadPolicy
            metadata: {name: \(name)}
            spec:
              targetRefs: [{group: pinion.dev, kind: Backend, \(target)}]
            \(body)
            ---

            """
    }

    private static let mesh =
        Piece.gateway + Piece.llm + Piece.model("m") + Piece.web + Piece.route("r")

    static let mistakes: [Mistake] = [
        Mistake("unknown field `limits`", mesh + policy("limits: 5 <<<")),
        Mistake("0 is out of range", mesh + policy("concurrency: {limit: 0} <<<")),
        Mistake("100 is out of range", mesh + policy("concurrency: {tolerancePercent: 100} <<<")),
        Mistake(
            "`min` has no effect beside `limit`",
            mesh + policy("concurrency: {limit: 4, min: 2} <<<")),
        Mistake("`max` is below `min`", mesh + policy("concurrency: {min: 9, max: 8} <<<")),
        Mistake(
            "`initial` is not between",
            mesh + policy("concurrency: {min: 9, max: 20, initial: 30} <<<")),
        Mistake("cannot be zero", mesh + policy("queue: {timeout: 0s} <<<")),
        Mistake("is above its `timeout`", mesh + policy("queue: {timeout: 1s, target: 2s} <<<")),
        Mistake("there is no Backend", mesh + policy(target: "name: absent").marked("absent")),
        Mistake(
            "has OverloadPolicy",
            mesh + policy(name: "a") + policy(name: "b").marked("name: llm")),
        Mistake(
            "the Backend is named twice",
            mesh
                + policy().replacing(
                    "name: llm}]",
                    with: "name: llm}, {group: pinion.dev, kind: Backend, name: llm}] <<<")),
        Mistake(
            "`Model` is not supported",
            mesh
                + policy().replacing(
                    "kind: Backend, name: llm}]", with: "kind: Model, name: m}] <<<")),
        Mistake(
            "there is a priority `a` already",
            mesh
                + policy(
                    "priorities:", "- {name: a, priority: 1, when: 'true'}",
                    "- {name: a, priority: 2, when: 'true'} <<<")),
        Mistake(
            "before a Backend is chosen",
            mesh
                + policy(
                    "priorities:",
                    "- {name: a, priority: 1, when: \"destination.region == 'eu'\"} <<<")),
        Mistake(
            "1001 is out of range",
            mesh + policy("priorities:", "- {name: a, priority: 1001, when: 'true'} <<<")),
    ]
}

extension String {
    /// The text with `<<<` at the end of the line of `word`.
    fileprivate func marked(_ word: String) -> String {
        split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.contains(word) && $0.contains("targetRefs") ? "\($0) <<<" : String($0) }
            .joined(separator: "\n")
    }
}
