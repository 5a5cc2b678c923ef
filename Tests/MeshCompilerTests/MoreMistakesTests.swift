// SPDX-License-Identifier: Apache-2.0

import MeshModel
import Testing

@Suite struct MoreMistakesTests {
    @Test(
        "a mistake of a Gateway, Backend, Model, Mesh or policy is reported where it is",
        arguments: Self.gateways + Self.backends + Self.models + Self.policies)
    func reported(mistake: Mistake) {
        let found = diagnose(mistake.plain)
        #expect(found.map(\.line) == mistake.lines, "\(found)")
        #expect(found.contains { $0.message.contains(mistake.message) }, "\(found)")
        #expect(found.allSatisfy { !$0.remedy.isEmpty && !$0.resource.isEmpty })
    }

    private static func gateway(_ name: String, _ spec: String) -> String {
        """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: \(name)}
        spec:
          gatewayClassName: pinion
        \(spec)
        ---

        """
    }

    private static func toGateway(_ name: String) -> String {
        Piece.route("to-\(name)", parent: name)
    }

    static let gateways: [Mistake] = [
        Mistake(
            "there is a listener `http` already",
            gateway(
                "main",
                """
                  listeners:
                    - {name: http, port: 8080, protocol: HTTP}
                    - {name: http, port: 8081, protocol: HTTP} <<<
                """) + Piece.web + toGateway("main")),
        Mistake(
            "127.0.0.1:8080 with every hostname belongs to listener `http` of Gateway/a already",
            gateway("a", "  listeners: [{name: http, port: 8080, protocol: HTTP}]")
                + gateway("b", "  listeners: [{name: http, port: 8080, protocol: HTTP}] <<<")
                + Piece.web + toGateway("a") + toGateway("b")),
        Mistake(
            "with hostname `x.test` belongs to listener `one`",
            gateway(
                "main",
                """
                  listeners:
                    - {name: one, port: 8080, protocol: HTTP, hostname: x.test}
                    - {name: two, port: 8080, protocol: HTTP, hostname: x.test} <<<
                """) + Piece.web + toGateway("main")),
        Mistake(
            "cannot be bound at 127.0.0.1 as well",
            gateway(
                "a",
                "  addresses: [{value: 0.0.0.0}]\n"
                    + "  listeners: [{name: http, port: 8080, protocol: HTTP}]")
                + gateway("b", "  listeners: [{name: http, port: 8080, protocol: HTTP}] <<<")
                + Piece.web + toGateway("a") + toGateway("b")),
        Mistake(
            "nothing is attached to listener `idle`",
            gateway(
                "main",
                """
                  listeners:
                    - {name: http, port: 8080, protocol: HTTP}
                    - {name: idle, port: 8081, protocol: HTTP} <<<
                """) + Piece.web + Piece.route("r", parent: "main\n      sectionName: http")),
        Mistake(
            "the Gateway is of class `envoy` and is left to others",
            """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: other}
            spec:
              gatewayClassName: envoy <<<
              listeners: [{name: tls, port: 443, protocol: HTTPS}]
            """),
    ]

    private static func backend(_ message: String, _ spec: String) -> Mistake {
        let isNameWrong = !spec.contains("<<<")
        return Mistake(
            message,
            Piece.gateway + Piece.route("r")
                + """
                apiVersion: pinion.dev/v1alpha1
                kind: Backend
                metadata:
                  name: web\(isNameWrong ? " <<<" : "")
                spec:
                \(spec)
                """)
    }

    static let backends: [Mistake] = [
        backend("the Backend leads nowhere", "  dialect: HTTP"),
        backend(
            "`url` is written beside `endpoints`",
            "  endpoints: [{address: 127.0.0.1, port: 1}]\n  url: http://a.test <<<"),
        backend(
            "`127.0.0.1:1` is written twice",
            """
              endpoints:
                - {address: 127.0.0.1, port: 1}
                - {address: localhost, port: 1} <<<
            """),
        backend(
            "every endpoint has weight 0",
            "  endpoints: [{address: 127.0.0.1, port: 1, weight: 0}] <<<"),
        backend(
            "this duration cannot be zero",
            "  dns: {hostname: a.test, port: 1, refresh: 0s} <<<"),
        backend(
            "`pathPrefix` is written beside `url`",
            "  url: http://a.test/base\n  pathPrefix: /more <<<"),
        backend(
            "the URL has no base path", "  dialect: OpenAI\n  url: http://127.0.0.1:8000 <<<"),
        backend("`tls` is written beside an `http` URL", "  url: http://a.test\n  tls: {} <<<"),
        backend(
            "the name that certificates must have is not known",
            "  endpoints: [{address: 127.0.0.1, port: 1}]\n  tls: {caFile: /ca.pem} <<<"),
        backend(
            "`file` is written beside `env`",
            "  url: http://a.test\n  credential:\n    env: A\n    file: /b <<<"),
        backend(
            "nothing says where the credential is",
            "  url: http://a.test\n  credential: {header: x-key} <<<"),
    ]

    static let models: [Mistake] = [
        Mistake(
            "Backend/web does not speak the OpenAI API",
            Piece.gateway + Piece.web
                + Piece.model("m").replacing(
                    "{name: llm}", with: "{name: web} <<<")),
        Mistake(
            "every target has weight 0",
            Piece.gateway + Piece.llm
                + Piece.model("m").replacing(
                    "backendRef: {name: llm}", with: "backendRef: {name: llm} <<<\n      weight: 0")
        ),
        Mistake(
            "there is no Backend `lm`",
            Piece.gateway
                + Piece.llm + Piece.model("ok")
                + Piece.model("m").replacing("{name: llm}", with: "{name: lm} <<<")),
        Mistake(
            "the name `m` belongs to Model/m already",
            Piece.gateway + Piece.llm + Piece.model("m")
                + Piece.model("n", more: "  aliases:\n    - m <<<\n    - n <<<")),
        Mistake(
            "no Gateway offers the Model",
            Piece.llm + Piece.model("m <<<")),
        Mistake(
            "does not let a Model of `default` refer to its Backend `llm`",
            Piece.gateway + Piece.llm + Piece.model("ok")
                + Piece.llm.replacing("name: llm", with: "name: llm\n  namespace: far")
                + Piece.model("m").replacing("{name: llm}", with: "{name: llm, namespace: far} <<<")
        ),
    ]

    private static let core = Piece.gateway + Piece.web + Piece.route("r")
    private static let gatewayGroup = "gateway.networking.k8s.io"

    static let policies: [Mistake] = [
        Mistake(
            "`balancing.type` has no effect on a HTTPRoute",
            core
                + Piece.policy(
                    "p", gatewayGroup, "HTTPRoute", "r", "  balancing:\n    type: RoundRobin <<<")),
        Mistake(
            "`timeouts.request` has no effect on a Backend",
            core
                + Piece.policy(
                    "p", "pinion.dev", "Backend", "web", "  timeouts:\n    request: 3s <<<")),
        Mistake(
            "is also set by TrafficPolicy/p",
            core
                + Piece.policy(
                    "p", gatewayGroup, "Gateway", "main", "  timeouts:\n    request: 3s")
                + Piece.policy(
                    "q", gatewayGroup, "Gateway", "main",
                    "  timeouts:\n    request: 4s <<<\n    firstByte: 1s")),
        Mistake(
            "there is no HTTPRoute `rr`",
            core
                + Piece.policy(
                    "p", gatewayGroup, "HTTPRoute", "rr <<<", "  timeouts: {request: 3s}")),
        Mistake(
            "`Backend` is not a kind of `gateway.networking.k8s.io`",
            core
                + Piece.policy(
                    "p", "\(gatewayGroup) <<<", "Backend", "web", "  timeouts: {connect: 3s}")),
        Mistake(
            "`sticky.by` has no effect on a Backend",
            core
                + Piece.policy(
                    "p", "pinion.dev", "Backend", "web",
                    "  sticky: {by: \"request.host\"} <<<")),
        Mistake(
            "`ai.model` is not known yet when a target is chosen",
            core
                + Piece.policy(
                    "p", gatewayGroup, "HTTPRoute", "r", "  sticky:\n    by: ai.model <<<")),
        Mistake(
            "the expression is list(string), and callers are told apart by one text",
            core
                + Piece.policy(
                    "p", gatewayGroup, "Gateway", "main",
                    "  sticky:\n    by: source.key.scopes <<<")),
        Mistake(
            "the expression says the same of every caller",
            core
                + Piece.policy(
                    "p", gatewayGroup, "HTTPRoute", "r", "  sticky:\n    by: \"'me'\" <<<")),
        Mistake(
            "undeclared name `source.user`",
            core
                + Piece.policy(
                    "p", gatewayGroup, "HTTPRoute", "r", "  sticky:\n    by: source.user <<<")),
        Mistake(
            "`source.identity` is not known on HTTPRoute `r`, so chance decides",
            core
                + Piece.policy(
                    "p", gatewayGroup, "HTTPRoute", "r",
                    "  sticky:\n    by: source.identity <<<")),
        Mistake(
            "`comparison.percent` has no effect on a Backend",
            core
                + Piece.policy(
                    "p", "pinion.dev", "Backend", "web",
                    "  comparison:\n    percent: 5 <<<")),
        Mistake(
            "this duration cannot be zero",
            core
                + Piece.policy(
                    "p", gatewayGroup, "Gateway", "main",
                    "  comparison:\n    percent: 5\n    timeout: 0s <<<")),
        Mistake(
            "there is no Model `vectors` in namespace `default`",
            core
                + Piece.policy(
                    "p", gatewayGroup, "Gateway", "main",
                    "  comparison:\n    percent: 5\n    similarity:\n      model: vectors <<<")),
        Mistake(
            "`comparison.similarity.perMinute` has no effect without `model`",
            core
                + Piece.policy(
                    "p", gatewayGroup, "Gateway", "main",
                    "  comparison:\n    percent: 5\n    similarity:\n      perMinute: 5 <<<")),
        Mistake(
            "HTTPRoute `r` has no mirrors whose answers could be compared",
            core
                + Piece.policy(
                    "p", gatewayGroup, "HTTPRoute", "r", "  comparison:\n    percent: 5 <<<")),
        Mistake(
            "`RingHash` needs a header to hash",
            core
                + Piece.policy(
                    "p", "pinion.dev", "Backend", "web", "  balancing:\n    type: RingHash <<<")),
        Mistake(
            "`header` has no effect without `type: RingHash`",
            core
                + Piece.policy(
                    "p", "pinion.dev", "Backend", "web",
                    "  balancing:\n    type: RoundRobin\n    header: x <<<")),
        Mistake(
            "this duration cannot be zero",
            core
                + Piece.policy(
                    "p", "pinion.dev", "Backend", "web", "  timeouts:\n    connect: 0s <<<")),
        Mistake(
            "`retry.backoff.base` is longer than `retry.backoff.max`",
            core
                + Piece.policy(
                    "p", gatewayGroup, "Gateway", "main",
                    "  retry:\n    backoff:\n      base: 2s <<<\n      max: 1s")),
        Mistake(
            "`output: file` needs a file",
            """
            apiVersion: pinion.dev/v1alpha1
            kind: Mesh
            metadata: {name: m}
            spec:
              accessLog:
                output: file <<<
            """),
        Mistake(
            "`path` has no effect without `output: file`",
            """
            apiVersion: pinion.dev/v1alpha1
            kind: Mesh
            metadata: {name: m}
            spec:
              accessLog:
                path: /log <<<
              limits:
                headTimeout: 0s <<<
            """),
    ]
}
