// SPDX-License-Identifier: Apache-2.0

import MeshModel
import Testing

@Suite struct AccessMistakesTests {
    @Test(
        "a mistake of an AccessPolicy is reported where it is",
        arguments: Self.shapes + Self.rules + Self.targets)
    func reported(mistake: Mistake) {
        let found = diagnose(mistake.plain)
        #expect(found.map(\.line) == mistake.lines, "\(found)")
        #expect(found.contains { $0.message.contains(mistake.message) }, "\(found)")
        #expect(found.allSatisfy { !$0.remedy.isEmpty && !$0.resource.isEmpty })
    }

    @Test(
        "a mistake within an expression is reported at its place in the file",
        arguments: [
            ("request.method == 'A' && request.pth == ''", 2, 38),
            ("'request.method == ''A'' && request.pth == ''x'''", 2, 41),
            ("\"request.method == \\\"A\\\" && request.pth == ''\"", 2, 41),
            ("|\n          request.method == 'A'\n            && request.pth == ''", 4, 16),
            ("|-\n\n          request.pth == ''", 2, 13),
            (">\n          request.method == 'A'\n          && request.pth == ''", 2, 13),
        ])
    func places(written: String, line: Int, column: Int) {
        let text = Self.mesh + Self.policy("- name: r\n      action: deny\n      when: \(written)")
        let found = diagnose(text)
        let first =
            text.split(separator: "\n", omittingEmptySubsequences: false)
            .firstIndex { $0.contains("when:") } ?? 0
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.message == "undeclared name `request.pth`")
        #expect(found.first?.remedy == "did you mean `request.path`?")
        #expect(found.first?.line == first + line - 1, "\(found)")
        #expect(found.first?.column == column, "\(found)")
    }

    /// An AccessPolicy for `kind` `target` with these rules.
    private static func policy(
        _ rules: String, kind: String = "Gateway", target: String = "main", name: String = "p",
        more: String = ""
    ) -> String {
        let isOurs = kind == "Model" || kind == "Backend"
        let group = isOurs ? "pinion.dev" : "gateway.networking.k8s.io"
        return """
            apiVersion: pinion.dev/v1alpha1
            kind: AccessPolicy
            metadata: {name: \(name)}
            spec:
              targetRefs: [{group: \(group), kind: \(kind), name: \(target)}]
            \(more)
              rules:
                \(rules)
            ---

            """
    }

    /// One rule on one line.
    private static func rule(
        _ when: String, action: String = "deny", name: String = "r"
    ) -> String {
        "- {name: \(name), action: \(action), when: \"\(when)\"}"
    }

    /// A Gateway with a Model `m` and a route `r` to a Backend of plain HTTP.
    private static let mesh =
        Piece.gateway + Piece.llm + Piece.model("m") + Piece.web + Piece.route("r")

    private static let method = "request.method == 'GET'"

    static let shapes: [Mistake] = [
        Mistake(
            "nothing says when rule `r` applies", mesh + policy("- {name: r, action: deny} <<<")),
        Mistake("`block`", mesh + policy(rule(method, action: "block") + " <<<")),
        Mistake("`perhaps`", mesh + policy(rule(method), more: "  default: perhaps <<<")),
        Mistake("`shadow`", mesh + policy(rule(method), more: "  mode: shadow <<<")),
        Mistake(
            "unknown field",
            mesh + policy("- {name: r, action: deny, if: a, when: request.size == 1} <<<")),
    ]

    static let rules: [Mistake] = [
        Mistake(
            "there is a rule `r` already",
            mesh
                + policy(
                    rule(method) + "\n    " + rule("request.path == '/'") + " <<<")),
        Mistake("`default`", mesh + policy(rule(method, name: "default") + " <<<")),
        Mistake(
            "`jwt.claims` is not known on Gateway `main`: nobody asks who callers are",
            mesh + policy(rule("jwt.claims.sub == 'a'") + " <<<")),
        Mistake("is string, but bool", mesh + policy(rule("request.method") + " <<<")),
        Mistake("no overload", mesh + policy(rule("request.size > 'a'") + " <<<")),
        Mistake("can never be evaluated", mesh + policy(rule("1 / 0 == 1") + " <<<")),
        Mistake("refuses every request", mesh + policy(rule("true") + " <<<")),
        Mistake("can never matter", mesh + policy(rule("1 == 2") + " <<<")),
        Mistake("can never matter", mesh + policy(rule("true", action: "require") + " <<<")),
        Mistake("refuses every", mesh + policy(rule("false", action: "require") + " <<<")),
        Mistake("lets every request pass", mesh + policy(rule("true", action: "allow") + " <<<")),
        Mistake("can never matter", mesh + policy(rule("false", action: "allow") + " <<<")),
        Mistake(
            "rule `r` of default/p, at mesh.yaml:",
            mesh
                + policy(
                    rule(method) + "\n    "
                        + rule(method, action: "allow", name: "s") + " <<<")),
        Mistake(
            "refuses what it allows",
            mesh + policy(rule(method), name: "q")
                + policy(rule(method, action: "allow") + " <<<", name: "z")),
        Mistake(
            "the rule refuses every request",
            mesh
                + policy(
                    rule(method) + "\n    "
                        + rule(method, action: "require", name: "s") + " <<<")),
        Mistake(
            "the rule refuses every request",
            mesh
                + policy(
                    rule(method, action: "require") + "\n    "
                        + rule("!(\(method))", action: "require", name: "s") + " <<<")),
        Mistake(
            "no request can fulfil the rule and rule `r` of default/p",
            mesh
                + policy(
                    rule("request.method == 'GET'", action: "require") + "\n    "
                        + rule("request.method == 'POST'", action: "require", name: "s")
                        + " <<<")),
        Mistake(
            "says already",
            mesh + policy(rule(method) + "\n    " + rule(method, name: "s") + " <<<")),
        Mistake(
            "the `allow` rules change nothing",
            mesh
                + policy(
                    rule(method, action: "allow"), more: "  default: allow <<<")),
        Mistake(
            "refuses every request",
            mesh
                + policy(
                    rule(method), more: "  default: deny <<<")),
    ]

    static let targets: [Mistake] = [
        Mistake(
            "there is no HTTPRoute `s`",
            mesh
                + policy(
                    rule(method), kind: "HTTPRoute", target: "s"
                ).replacing("name: s}", with: "name: s} <<<")
                .replacing("<<<]", with: "] <<<")),
        Mistake(
            "`ai.model` is not known on HTTPRoute `r`: Backend/web does not speak",
            mesh + policy(rule("ai.model == 'm'") + " <<<", kind: "HTTPRoute", target: "r")),
        Mistake(
            "`ai.stream` is not known on Backend `web`",
            mesh + policy(rule("ai.stream") + " <<<", kind: "Backend", target: "web")),
        Mistake(
            "`ai.model` makes every body on Gateway `main` be read",
            mesh + policy(rule("ai.model == 'm'") + " <<<")),
    ]
}
