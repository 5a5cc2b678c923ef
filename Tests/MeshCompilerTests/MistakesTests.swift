// SPDX-License-Identifier: Apache-2.0

import MeshCompiler
import MeshModel
import Testing

@Suite struct MistakesTests {
    @Test(
        "a mistake is reported where it is, with what to do",
        arguments: Self.names + Self.routes + Self.filters)
    func reported(mistake: Mistake) {
        let found = diagnose(mistake.plain)
        #expect(found.map(\.line) == mistake.lines, "\(found)")
        #expect(found.contains { $0.message.contains(mistake.message) }, "\(found)")
        #expect(found.allSatisfy { !$0.remedy.isEmpty && !$0.resource.isEmpty })
    }

    static let names: [Mistake] = [
        Mistake(
            "there is a Backend `web` in namespace `default` already",
            Piece.gateway + Piece.route("r") + Piece.web
                + Piece.web.replacing("name: web", with: "name: web <<<")),
        Mistake(
            "there is a Mesh already",
            """
            apiVersion: pinion.dev/v1alpha1
            kind: Mesh
            metadata: {name: one}
            ---
            apiVersion: pinion.dev/v1alpha1
            kind: Mesh
            metadata: {name: two} <<<
            """),
        Mistake(
            "there is no Backend `wep` in namespace `default`",
            Piece.gateway + Piece.web
                + Piece.route(
                    "r",
                    rules: """
                            - backendRefs:
                                - group: pinion.dev
                                  kind: Backend
                                  name: wep <<<
                                - group: pinion.dev
                                  kind: Backend
                                  name: web
                        """)),
        Mistake(
            "which exists only in Kubernetes",
            Piece.gateway
                + Piece.route("r", rules: "    - backendRefs: [{name: web, port: 80}] <<<")
                + Piece.web.replacing("---", with: "") + "---\n"
                + Piece.route(
                    "uses-web",
                    rules: "    - matches: [{path: {value: /u}}]\n" + Piece.toWeb)),
        Mistake(
            "is not a kind of group ``",
            Piece.gateway
                + Piece.route("r", rules: "    - backendRefs: [{kind: Model, name: m}] <<<")),
        Mistake(
            "nothing can be forwarded to a `InferencePool`",
            Piece.gateway
                + Piece.route(
                    "r",
                    rules: "    - backendRefs: "
                        + "[{group: inference.networking.k8s.io, kind: InferencePool, name: m}] <<<"
                )),
        Mistake(
            "`port` means nothing for a Backend",
            Piece.gateway + Piece.web
                + Piece.route(
                    "r",
                    rules: """
                            - backendRefs:
                                - group: pinion.dev
                                  kind: Backend
                                  name: web
                                  port: 80 <<<
                        """)),
        Mistake(
            "does not let a HTTPRoute of `default` refer to its Backend `web`",
            Piece.gateway
                + Piece.web.replacing("name: web", with: "name: web\n  namespace: other")
                + Piece.route(
                    "r",
                    rules: """
                            - backendRefs:
                                - group: pinion.dev
                                  kind: Backend
                                  name: web
                                  namespace: other <<<
                        """)
                + "apiVersion: pinion.dev/v1alpha1\nkind: Mesh\nmetadata: {name: m}\n"),
        Mistake(
            "nothing refers to the Backend",
            Piece.gateway + Piece.web + Piece.route("r")
                + Piece.web.replacing("name: web", with: "name: idle <<<")),
    ]

    static let routes: [Mistake] = [
        Mistake(
            "there is no Gateway `mian`",
            Piece.gateway + Piece.web + Piece.route("ok")
                + Piece.route(
                    "r", parent: "mian <<<",
                    rules: "    - matches: [{path: {value: /r}}]\n" + Piece.toWeb)),
        Mistake(
            "the route attaches to no Gateway",
            Piece.gateway + Piece.web + Piece.route("ok")
                + Piece.route("r <<<").replacing(
                    "  parentRefs:\n    - name: main\n", with: "")),
        Mistake(
            "Gateway/main has no listener `htp`",
            Piece.gateway + Piece.web + Piece.route("ok")
                + Piece.route("r", parent: "main\n      sectionName: htp <<<")),
        Mistake(
            "no listener of Gateway/main that is meant has port 81",
            Piece.gateway + Piece.web + Piece.route("ok")
                + Piece.route("r", parent: "main\n      port: 81 <<<")),
        Mistake(
            "Gateway/main does not let a HTTPRoute attach",
            Piece.gateway.replacing(
                "protocol: HTTP",
                with: "protocol: HTTP\n      allowedRoutes: {kinds: [{kind: Model, "
                    + "group: pinion.dev}]}")
                + Piece.web + Piece.llm + Piece.model("m") + Piece.route("r", parent: "main <<<")),
        Mistake(
            "Gateway/main lets nothing of namespace `team` attach",
            Piece.gateway + Piece.web + Piece.route("ok")
                + Piece.web.replacing("name: web", with: "name: web\n  namespace: team")
                + Piece.route(
                    "r\n  namespace: team", parent: "main <<<\n      namespace: default")),
        Mistake(
            "no hostname of the route is served by a listener of Gateway/main",
            Piece.gateway.replacing(
                "protocol: HTTP", with: "protocol: HTTP\n      hostname: \"*.example.com\"")
                + Piece.web + Piece.route("ok")
                + Piece.route(
                    "r", parent: "main <<<", hostnames: "  hostnames: [example.com, a.test]")),
        Mistake(
            "HTTPRoute/a has an equal match for hostname `x.test`",
            Piece.gateway + Piece.web
                + Piece.route("a", hostnames: "  hostnames: [x.test, y.test]")
                + Piece.route(
                    "b", hostnames: "  hostnames: [x.test]",
                    rules: "    - matches:\n        - path: {value: /} <<<\n" + Piece.toWeb)),
        Mistake(
            "the rule can never apply",
            Piece.gateway + Piece.web
                + Piece.route(
                    "r",
                    rules: """
                            - matches: [{path: {value: /a}}, {path: {value: /b}}]
                        \(Piece.toWeb)
                            - matches: [{path: {value: /b/}}] <<<
                        \(Piece.toWeb)
                        """)),
        Mistake(
            "the match is equal to an earlier one",
            Piece.gateway + Piece.web
                + Piece.route(
                    "r",
                    rules: """
                            - matches:
                                - path: {value: /a}
                                - headers: [{name: A, value: x}, {name: b, value: y}]
                                - path: {value: /c}
                                - headers: [{name: B, value: y}, {name: a, value: x}] <<<
                        \(Piece.toWeb)
                        """)),
        Mistake(
            "the rule leads nowhere",
            Piece.gateway
                + Piece.route("r", rules: "    - matches: [{path: {value: /a}}] <<<")),
        Mistake(
            "every backend has weight 0",
            Piece.gateway + Piece.web
                + Piece.route(
                    "r",
                    rules: "    - backendRefs: "
                        + "[{group: pinion.dev, kind: Backend, name: web, weight: 0}] <<<")),
        Mistake(
            "there is a rule `one` already",
            Piece.gateway + Piece.web
                + Piece.route(
                    "r",
                    rules: """
                            - name: one
                        \(Piece.toWeb)
                            - name: one <<<
                              matches: [{path: {value: /b}}]
                        \(Piece.toWeb)
                        """)),
        Mistake(
            "`backendRequest` is longer than `request`",
            Piece.gateway + Piece.web
                + Piece.route(
                    "r",
                    rules: "    - timeouts: {request: 1s, backendRequest: 2s} <<<\n"
                        + Piece.toWeb)),
        Mistake(
            "the path `a` does not start with `/`",
            Piece.gateway + Piece.web
                + Piece.route(
                    "r",
                    rules: """
                            - matches:
                                - path: {value: a} <<<
                                - path: {value: /a//b} <<<
                                - path: {value: /a/../b} <<<
                                - path: {type: Exact, value: /a/..} <<<
                                - path: {type: Exact, value: "/a#b"} <<<
                                - path: {type: Exact, value: "/a?b"} <<<
                                - path: {type: Exact, value: /a%2fb} <<<
                        \(Piece.toWeb)
                        """)),
        Mistake(
            "cannot be used",
            Piece.gateway + Piece.web
                + Piece.route(
                    "r",
                    rules: """
                            - matches:
                                - path: {type: RegularExpression, value: "/a(b"} <<<
                                - headers:
                                    - name: x
                                      type: RegularExpression
                                      value: "(a)\\\\1" <<<
                        \(Piece.toWeb)
                        """)),
        Mistake(
            "`X-A` is written twice in one match",
            Piece.gateway + Piece.web
                + Piece.route(
                    "r",
                    rules: """
                            - matches:
                                - headers:
                                    - {name: x-a, value: "1"}
                                    - {name: X-A, value: "2"} <<<
                        \(Piece.toWeb)
                        """)),
    ]
}
