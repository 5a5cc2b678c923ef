// SPDX-License-Identifier: Apache-2.0

import MeshModel
import Testing

@Suite struct RolloutMistakesTests {
    @Test(
        "a mistake of a Rollout is reported where it is",
        arguments: Self.shapes + Self.sides + Self.analyses)
    func reported(mistake: Mistake) {
        let found = diagnose(mistake.plain)
        #expect(found.map(\.line) == mistake.lines, "\(found)")
        #expect(found.contains { $0.message.contains(mistake.message) }, "\(found)")
        #expect(found.allSatisfy { !$0.remedy.isEmpty && !$0.resource.isEmpty })
    }

    @Test("a Rollout of each kind of target compiles without a word")
    func sound() {
        #expect(diagnose(Self.mesh + Self.rollout()).isEmpty)
        #expect(diagnose(Self.mesh + Self.ofRoute("r")).isEmpty)
        #expect(diagnose(Self.mesh + Self.ofRoute("r, sectionName: split")).isEmpty)
    }

    /// Lines of YAML that end a document.
    private static func rollout(
        _ name: String = "roll", target: String = "m", stable: String = "llm",
        canary: String = "next", steps: String = "  steps: [{weight: 10}, {weight: 50}]",
        _ more: String...
    ) -> String {
        let rest = more.map { "\n  \($0)" }.joined()
        return """
            apiVersion: pinion.dev/v1alpha1
            kind: Rollout
            metadata: {name: \(name)}
            spec:
              targetRef: {group: pinion.dev, kind: Model, name: \(target)}
              stable: \(stable)
              canary: \(canary)
            \(steps)\(rest)
            ---

            """
    }

    private static func ofRoute(
        _ reference: String, stable: String = "web", canary: String = "new", name: String = "roll"
    ) -> String {
        rollout(name, stable: stable, canary: canary).replacing(
            "{group: pinion.dev, kind: Model, name: m}",
            with: "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: \(reference)}")
    }

    private static func backend(_ name: String) -> String {
        Piece.web.replacing("name: web", with: "name: \(name)")
    }

    /// A Gateway with a Model `m` on `llm` and `next`, and a route `r` to `web` and `new`.
    private static let mesh =
        Piece.gateway + Piece.llm + Piece.llm.replacing("name: llm", with: "name: next")
        + Piece.model("m", more: "    - backendRef: {name: next}")
        + Piece.web + backend("new")
        + Piece.route(
            "r",
            rules: """
                    - name: split
                      backendRefs:
                        - {group: pinion.dev, kind: Backend, name: web, weight: 9}
                        - {group: pinion.dev, kind: Backend, name: new, weight: 1}
                """)

    static let shapes: [Mistake] = [
        Mistake("unknown field `stabel`", mesh + rollout("roll", "stabel: llm <<<")),
        Mistake(
            "0 is out of range", mesh + rollout(steps: "  steps: [{weight: 0}] <<<")),
        Mistake(
            "101 is out of range", mesh + rollout(steps: "  steps: [{weight: 101}] <<<")),
        Mistake("the list is empty", mesh + rollout(steps: "  steps: [] <<<")),
        Mistake(
            "a step gives the canary less than the one before",
            mesh + rollout(steps: "  steps:\n    - {weight: 50}\n    - {weight: 10} <<<")),
        Mistake("`stop`", mesh + rollout("roll", "onFailure: stop <<<")),
        Mistake(
            "unknown field `mirror`", mesh + rollout(steps: "  steps: [{weight: 1, mirror: 5}] <<<")
        ),
    ]

    static let sides: [Mistake] = [
        Mistake("`other`", mesh + rollout(canary: "other <<<")),
        Mistake("are the same target", mesh + rollout(canary: "llm <<<")),
        Mistake(
            "no rule of HTTPRoute/r has both targets",
            mesh + ofRoute("r", canary: "llm <<<")),
        Mistake(
            "a Model has no sections",
            mesh + rollout().replacing("name: m}", with: "name: m, sectionName: x} <<<")),
        Mistake(
            "rule `other` of HTTPRoute/r is not there",
            mesh
                + ofRoute("r, sectionName: other")
                .replacing("sectionName: other}", with: "sectionName: other} <<<")),
        Mistake(
            "there is no Model", mesh + rollout(target: "mm").replacing("mm}", with: "mm} <<<")),
        Mistake(
            "Rollout/a shifts the targets of this Model already",
            mesh + rollout("a") + rollout("b").replacing("name: m}", with: "name: m} <<<")),
    ]

    static let analyses: [Mistake] = [
        Mistake("less than chance", mesh + rollout("roll", "analysis: {confidence: 40} <<<")),
        Mistake("too short", mesh + rollout("roll", "analysis: {window: 1s} <<<")),
        Mistake("`latency` has no bound", mesh + rollout("roll", "analysis: {latency: {}} <<<")),
        Mistake(
            "nobody said what tokens of `llm` cost",
            mesh + rollout("roll", "analysis: {cost: {percentOfStable: 120}} <<<")),
        Mistake(
            "`tokens` is known of Models alone",
            mesh
                + ofRoute("r").replacing(
                    "  canary: new\n",
                    with: "  canary: new\n  analysis: {tokens: {max: 5}} <<<\n")),
        Mistake(
            "unknown field `mirrorAgreement`",
            mesh + rollout("roll", "analysis: {mirrorAgreement: {max: 5}} <<<")),
    ]
}
