// SPDX-License-Identifier: Apache-2.0

import MeshCompiler
import MeshModel
import MeshSnapshot
import Testing

@Suite struct IdentityMistakesTests {
    @Test(
        "a mistake of an IdentityProvider or a Secret is reported where it is",
        arguments: Self.shapes + Self.sources + Self.facts + Self.secrets)
    func reported(mistake: Mistake) {
        let found = diagnose(mistake.plain)
        #expect(found.map(\.line) == mistake.lines, "\(found)")
        #expect(found.contains { $0.message.contains(mistake.message) }, "\(found)")
        #expect(found.allSatisfy { !$0.remedy.isEmpty && !$0.resource.isEmpty })
        #expect(found.allSatisfy { !$0.description.contains("hunter2") })
    }

    /// An IdentityProvider called `name` for `target`, with `method` as its last field.
    private static func provider(
        _ method: String, name: String = "corp", target: String = gateway, more: String = ""
    ) -> String {
        """
        apiVersion: pinion.dev/v1alpha1
        kind: IdentityProvider
        metadata: {name: \(name)}
        spec:
          targetRefs: [\(target)]
        \(more.isEmpty ? "" : "  \(more)\n")\(method)
        ---

        """
    }

    private static func jwt(_ fields: String = "", issuer: String = "https://a.test") -> String {
        "  jwt:\n    issuer: \(issuer)\n    audiences: [mesh]\n\(fields)"
    }

    private static let keys = "  apiKeys: {file: keys.jsonl}"
    private static let gateway =
        "{group: gateway.networking.k8s.io, kind: Gateway, name: main}"

    private static func access(_ when: String, _ target: String = gateway) -> String {
        """
        apiVersion: pinion.dev/v1alpha1
        kind: AccessPolicy
        metadata: {name: p}
        spec:
          targetRefs: [\(target)]
          rules:
            - {name: r, action: deny, when: "\(when)"}
        ---

        """
    }

    private static let mesh =
        Piece.gateway + Piece.route("r") + Piece.web

    static let shapes: [Mistake] = [
        Mistake(
            "nothing says how callers are known",
            mesh + provider("").replacing("{name: corp}", with: "{name: corp} <<<")),
        Mistake("`apiKeys` is written beside `jwt`", mesh + provider(jwt() + keys + " <<<")),
        Mistake(
            "there is no Gateway `other`",
            mesh
                + provider(jwt(), target: gateway.replacing("main", with: "other"))
                .replacing("other}]", with: "other}] <<<")),
        Mistake(
            "Gateway/main has no listener `htpp`",
            mesh
                + provider(
                    jwt(),
                    target: "{group: gateway.networking.k8s.io, kind: Gateway, "
                        + "name: main, sectionName: htpp}"
                ).replacing("htpp}]", with: "htpp}] <<<")),
        Mistake(
            "`sectionName` means a listener",
            mesh
                + provider(
                    jwt(),
                    target: "{group: gateway.networking.k8s.io, kind: HTTPRoute, "
                        + "name: r, sectionName: http}"
                ).replacing("http}]", with: "http}] <<<")),
        Mistake(
            "`Backend` is not supported",
            mesh
                + provider(jwt(), target: "{group: pinion.dev, kind: Backend, name: web}")
                .replacing("web}]", with: "web}] <<<")),
        Mistake(
            "named twice",
            mesh
                + provider(jwt(), target: gateway + ", " + gateway)
                .replacing("main}]", with: "main}] <<<")),
        Mistake("`none` is not supported", mesh + provider(jwt("    algorithms: [none] <<<"))),
        Mistake("`HS256` is not supported", mesh + provider(jwt("    algorithms: [HS256] <<<"))),
        Mistake("is not known here", mesh + provider(jwt("    algorithms: [ES256K] <<<"))),
        Mistake(
            "every token of the issuer is taken",
            mesh + provider("  jwt:\n    issuer: https://a.test <<<")),
        Mistake(
            "Gateway/main",
            mesh + provider(jwt(), name: "a")
                + provider(
                    jwt(issuer: "https://a.test <<<"), name: "b")
        ).expecting("has the same issuer"),
    ]

    static let sources: [Mistake] = [
        Mistake(
            "keys from an `http` URL could be anybody's",
            mesh + provider(jwt(issuer: "http://a.test <<<"))),
        Mistake(
            "keys from an `http` URL", mesh + provider(jwt("    jwksUri: http://a.test/k <<<"))),
        Mistake(
            "is not a URL that keys can be fetched from",
            mesh + provider(jwt(issuer: "accounts.a.test <<<"))),
        Mistake(
            "`caFile` is written beside `jwksFile`",
            mesh + provider(jwt("    jwksFile: k.json\n    caFile: ca.pem <<<"))),
        Mistake("out of range", mesh + provider(jwt("    clockSkew: 6m <<<"))),
        Mistake("out of range", mesh + provider(jwt("    refresh: 1s <<<"))),
        Mistake("is shorter than `refresh`", mesh + provider(jwt("    maxStale: 1m <<<"))),
    ]

    static let facts: [Mistake] = [
        Mistake(
            "`source.key.owner` is not known on Gateway `main`",
            mesh + provider(jwt())
                + access("source.key.owner == 'a'").replacing("'a'\"}", with: "'a'\"} <<<")),
        Mistake(
            "`jwt.claims` is not known on HTTPRoute `r`",
            mesh
                + access(
                    "jwt.claims.sub == 'a'",
                    "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}"
                ).replacing("'a'\"}", with: "'a'\"} <<<")),
        Mistake(
            "`source.identity` is not known on Backend `web`: nobody asks who callers are on route",
            mesh
                + access(
                    "source.identity == 'a'", "{group: pinion.dev, kind: Backend, name: web}"
                ).replacing("'a'\"}", with: "'a'\"} <<<")),
        Mistake(
            "callers cannot be told apart by identity on Gateway `main`",
            mesh + """
                apiVersion: pinion.dev/v1alpha1
                kind: LimitPolicy
                metadata: {name: p}
                spec:
                  targetRefs: [\(gateway)]
                  limits: [{name: l, requests: 1, per: 1s, key: identity}] <<<
                """),
    ]

    private static func secret(_ fields: String) -> String {
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n\(fields)\n---\n"
    }

    private static func web(_ credential: String) -> String {
        Piece.gateway + Piece.route("r")
            + Piece.web.replacing("spec:", with: "spec:\n  credential: \(credential)")
    }

    static let secrets: [Mistake] = [
        Mistake("not base64", mesh + secret("data: {token: hunter2!} <<<")),
        Mistake("expected a string", mesh + secret("stringData:\n  token: [hunter2] <<<")),
        Mistake("expected a string", mesh + secret("stringData:\n  token: 12345 <<<")),
        Mistake("expected a mapping", mesh + secret("stringData: hunter2 <<<")),
        Mistake("unknown field `date`", mesh + secret("date: {token: hunter2} <<<")),
        Mistake(
            "there is no Secret `t`",
            web("{secretRef: {name: t, key: token}} <<<") + secret("stringData: {token: hunter2}")),
        Mistake(
            "Secret/s has no value `tok`",
            web("{secretRef: {name: s, key: tok}} <<<") + secret("stringData: {token: hunter2}")),
        Mistake(
            "`secretRef` is written beside `env`",
            web("{env: KEY, secretRef: {name: s, key: token}} <<<")
                + secret("stringData: {token: hunter2}")),
        Mistake(
            "a credential for `authorization` stands in the configuration",
            Piece.gateway + Piece.web
                + Piece.route("r").replacing(
                    "- backendRefs:",
                    with: """
                        - filters:
                                - type: RequestHeaderModifier
                                  requestHeaderModifier:
                                    set: [{name: authorization, value: hunter2}] <<<
                              backendRefs:
                        """)),
    ]

    @Test("what makes a fact known is found wherever it is attached")
    func known() {
        let section =
            "{group: gateway.networking.k8s.io, kind: Gateway, name: main, sectionName: http}"
        let route = "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}"
        for target in [Self.gateway, section, route] {
            let text =
                Self.mesh + Self.provider(Self.jwt(), target: target)
                + Self.provider(Self.keys, name: "keys", target: target)
                + Self.access("jwt.claims.sub == 'a' || source.key.id == 'b'", route)
            #expect(diagnose(text).isEmpty, "\(diagnose(text))")
        }
    }

    @Test("a route's own providers take the place of the Gateway's")
    func particular() throws {
        let route = "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}"
        let text =
            Self.mesh + Self.provider(Self.jwt())
            + Self.provider(Self.keys, name: "keys", target: route)
        let (resources, _) = ResourceSet.parse([SourceFile(path: "m.yaml", text: text)])
        let snapshot = try #require(
            Compiler.compile(resources, resolved: ResolvedNames(), version: 1).snapshot)
        #expect(snapshot.identity.map(\.name) == ["default/corp", "default/keys"])
        #expect(snapshot.rules.map(\.identity) == [[1]])
    }
}

extension Mistake {
    /// The same, whose message is another.
    fileprivate func expecting(_ message: String) -> Mistake { Mistake(message, text) }
}
