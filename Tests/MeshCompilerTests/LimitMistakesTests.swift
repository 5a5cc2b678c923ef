// SPDX-License-Identifier: Apache-2.0

import MeshModel
import Testing

@Suite struct LimitMistakesTests {
    @Test(
        "a mistake of a LimitPolicy or a price is reported where it is",
        arguments: Self.shapes + Self.limits + Self.targets)
    func reported(mistake: Mistake) {
        let found = diagnose(mistake.plain)
        #expect(found.map(\.line) == mistake.lines, "\(found)")
        #expect(found.contains { $0.message.contains(mistake.message) }, "\(found)")
        #expect(found.allSatisfy { !$0.remedy.isEmpty && !$0.resource.isEmpty })
    }

    /// A LimitPolicy for `kind` `target` with one limit `l` of these lines.
    private static func policy(
        _ lines: String..., kind: String = "Model", target: String = "m", name: String = "p"
    ) -> String {
        let group = kind == "Model" ? "pinion.dev" : "gateway.networking.k8s.io"
        let limit = lines.map { "      \($0)\n" }.joined()
        return """
            apiVersion: pinion.dev/v1alpha1
            kind: LimitPolicy
            metadata: {name: \(name)}
            spec:
              targetRefs: [{group: \(group), kind: \(kind), name: \(target)}]
              limits:
                - name: l
            \(limit)
            ---

            """
    }

    /// A Gateway with a Model `m` and a route `r` to a plain Backend.
    private static let mesh =
        Piece.gateway + Piece.llm + Piece.model("m") + Piece.web + Piece.route("r")

    private static let priced = "  price: {inputPerMillion: 1, outputPerMillion: 2}"

    static let shapes: [Mistake] = [
        Mistake("unknown field `request`", mesh + policy("request: 5 <<<", "per: 1s")),
        Mistake("0 is out of range", mesh + policy("requests: 0 <<<", "per: 1s")),
        Mistake("the number `1.5`", mesh + policy("tokens: 1.5 <<<", "per: 1s")),
        Mistake("is not a duration", mesh + policy("tokens: 1", "per: 1d <<<")),
        Mistake(
            "the field is missing",
            mesh + policy("tokens: 1").replacing("- name: l", with: "- name: l <<<")),
        Mistake("expected a decimal number", mesh + policy("cost: much <<<", "per: 1s")),
        Mistake("expected a decimal number", mesh + policy("cost: 0.0000001 <<<", "per: 1s")),
        Mistake("expected a decimal number", mesh + policy("cost: -1 <<<", "per: 1s")),
        Mistake("1000001 is out of range", mesh + policy("cost: 1000001 <<<", "per: 1s")),
        Mistake(
            "`sauce` is not something", mesh + policy("tokens: 1", "per: 1s", "key: sauce <<<")),
        Mistake(
            "`header:` is not something",
            mesh + policy("tokens: 1", "per: 1s", "key: [source, 'header:'] <<<")),
        Mistake("found a mapping", mesh + policy("tokens: 1", "per: 1s", "key: {header: a} <<<")),
        Mistake("the list is empty", mesh + policy("tokens: 1", "per: 1s", "key: [] <<<")),
        Mistake("`count` is not known", mesh + policy("tokens: 1", "per: 1s", "mode: count <<<")),
        Mistake(
            "`usd` is not the code", mesh + policy("tokens: 1", "per: 1s", "currency: usd <<<")),
        Mistake(
            "`Backend` is not supported",
            mesh
                + policy("requests: 1", "per: 1s").replacing(
                    "kind: Model, name: m}]", with: "kind: Backend, name: llm}] <<<")),
        Mistake(
            "the field is missing",
            Piece.gateway + Piece.llm
                + Piece.model("m", more: "  price: {inputPerMillion: 1} <<<")),
        Mistake(
            "expected a decimal number, found a list",
            Piece.gateway + Piece.llm
                + Piece.model(
                    "m", more: "  price: {inputPerMillion: [], outputPerMillion: 1} <<<")),
    ]

    static let limits: [Mistake] = [
        Mistake(
            "the limit `l` limits nothing",
            mesh + policy("per: 1s").replacing("- name: l", with: "- name: l <<<")),
        Mistake(
            "`tokens` and `requests` cannot be in one limit",
            mesh + policy("requests: 1", "tokens: 5 <<<", "per: 1s")),
        Mistake("a limit of nothing", mesh + policy("cost: 0.00 <<<", "per: 1s")),
        Mistake("this duration is out of range", mesh + policy("requests: 1", "per: 0s <<<")),
        Mistake("this duration is out of range", mesh + policy("requests: 1", "per: 745h <<<")),
        Mistake(
            "come in whole numbers", mesh + policy("requests: 1", "per: 1s", "burst: 1.5 <<<")),
        Mistake("without a burst", mesh + policy("requests: 1", "per: 1s", "burst: 0 <<<")),
        Mistake(
            "the burst is out of range", mesh + policy("cost: 1", "per: 1s", "burst: 1000001 <<<")),
        Mistake(
            "`currency` has no effect without `cost`",
            mesh + policy("requests: 1", "per: 1s", "currency: USD <<<")),
        Mistake(
            "`keysMax` has no effect", mesh + policy("requests: 1", "per: 1s", "keysMax: 5 <<<")),
        Mistake(
            "the key is there twice",
            mesh + policy("requests: 1", "per: 1s", "key: [header:a, header:A] <<<")),
        Mistake(
            "`global` counts nothing apart",
            mesh + policy("requests: 1", "per: 1s", "key: [global, source] <<<")),
        Mistake(
            "there is a limit `l` already",
            mesh + policy("requests: 1", "per: 1s\n    - {name: l, requests: 2, per: 1m} <<<")),
    ]

    static let targets: [Mistake] = [
        Mistake(
            "there is no Model `n`",
            mesh + policy("requests: 1", "per: 1s").replacing("name: m}]", with: "name: n}] <<<")),
        Mistake(
            "`Model` is not a kind of `gateway.networking.k8s.io`",
            mesh
                + policy("requests: 1", "per: 1s").replacing(
                    "group: pinion.dev, kind: Model, name: m}]",
                    with: "group: gateway.networking.k8s.io, kind: Model, name: m}] <<<")),
        Mistake(
            "the Model is named twice",
            mesh
                + policy("requests: 1", "per: 1s").replacing(
                    "name: m}]",
                    with: "name: m}, {group: pinion.dev, kind: Model, name: m}] <<<")),
        Mistake(
            "tokens cannot be counted on HTTPRoute `r`",
            mesh
                + policy("tokens: 1", "per: 1s", kind: "HTTPRoute", target: "r")
                .replacing("- name: l", with: "- name: l <<<")),
        Mistake(
            "the model cannot be told apart on HTTPRoute `r`",
            mesh
                + policy("requests: 1", "per: 1s", "key: model", kind: "HTTPRoute", target: "r")
                .replacing("- name: l", with: "- name: l <<<")),
        Mistake(
            "tokens cannot be counted on Gateway `main`: nothing on it leads to a Model",
            Piece.gateway + Piece.web + Piece.route("r")
                + policy("tokens: 1", "per: 1s", kind: "Gateway", target: "main")
                .replacing("- name: l", with: "- name: l <<<")),
        Mistake("Model/m has no price", mesh + policy("cost: 1 <<<", "per: 1s")),
        Mistake(
            "Model/m has no price",
            mesh + policy("cost: 1 <<<", "per: 1s", kind: "Gateway", target: "main")),
        Mistake(
            "the limit is in EUR and a price of Model/m in USD",
            Piece.gateway + Piece.llm + Piece.model("m", more: priced)
                + policy("cost: 1 <<<", "currency: EUR", "per: 1s")),
        Mistake(
            "18 limits would apply to one request",
            mesh
                + (0..<18).map { index in
                    policy(
                        "requests: 1", "per: 1s", kind: "Gateway", target: "main",
                        name: "p-\(index < 10 ? "0" : "")\(index)"
                    ).replacing("- name: l", with: index == 17 ? "- name: l <<<" : "- name: l")
                }.joined()),
    ]

    @Test("what can be enforced is no mistake")
    func sound() {
        let routed = """
                - backendRefs: [{group: pinion.dev, kind: Model, name: m}]
            """
        let text =
            Piece.gateway + Piece.llm + Piece.model("m", more: Self.priced)
            + Piece.route("r", rules: routed)
            + Self.policy("tokens: 1", "per: 1s", kind: "HTTPRoute", target: "r", name: "a")
            + Self.policy("cost: '1.5'", "per: 744h", kind: "Gateway", target: "main", name: "b")
            + Self.policy("requests: 1", "per: 1ms", "key: [model, source]", name: "c")
        #expect(diagnose(text).isEmpty, "\(diagnose(text))")
    }
}
