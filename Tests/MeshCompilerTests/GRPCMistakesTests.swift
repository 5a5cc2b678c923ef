// SPDX-License-Identifier: Apache-2.0

import MeshModel
import Testing

@Suite struct GRPCMistakesTests {
    @Test(
        "a mistake of a GRPCRoute is reported where it is", arguments: Self.routes + Self.backends)
    func reported(mistake: Mistake) {
        let found = diagnose(mistake.plain)
        #expect(found.map(\.line) == mistake.lines, "\(found)")
        #expect(found.contains { $0.message.contains(mistake.message) }, "\(found)")
        #expect(found.allSatisfy { !$0.remedy.isEmpty && !$0.resource.isEmpty })
    }

    /// A GRPCRoute `calls` with these rules, beside a Backend `callee` of HTTP/2.
    private static func route(_ rules: String) -> String {
        """
        apiVersion: pinion.dev/v1alpha1
        kind: Backend
        metadata: {name: callee}
        spec:
          appProtocol: http2
          endpoints: [{address: 127.0.0.1, port: 9000}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: GRPCRoute
        metadata:
          name: calls
        spec:
          parentRefs: [{name: main}]
          rules:
        \(rules)
        ---

        """
    }

    private static let toCallee =
        "  - backendRefs: [{group: pinion.dev, kind: Backend, name: callee}]"

    static let routes: [Mistake] = [
        Mistake(
            "Backend/web is spoken to in HTTP/1.1, which cannot carry gRPC",
            Piece.gateway + Piece.web
                + route(
                    toCallee + "\n    matches: [{method: {service: a.B}}]\n"
                        + "  - backendRefs: [{group: pinion.dev, kind: Backend, name: web}]<<<")),
        Mistake(
            "calls of gRPC cannot be redirected or rewritten",
            Piece.gateway
                + route(
                    """
                    \(toCallee)
                        filters:
                        - type: URLRewrite<<<
                          urlRewrite: {hostname: other.test}
                    """)),
        Mistake(
            "`exact` is not known here",
            Piece.gateway
                + route(toCallee + "\n    matches: [{method: {type: exact, service: a}}]<<<")),
        Mistake(
            "cannot be used",
            Piece.gateway
                + route(
                    toCallee
                        + "\n    matches: [{method: {type: RegularExpression, service: \"(\"}}]<<<")
        ),
        Mistake(
            "there is a GRPCRoute `calls` in namespace `default` already",
            Piece.gateway + route(toCallee) + """
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata:
                  name: calls<<<
                spec:
                  parentRefs: [{name: main}]
                  hostnames: [other.test]
                  rules:
                  - backendRefs: [{group: pinion.dev, kind: Backend, name: callee}]
                """),
    ]

    static let backends: [Mistake] = [
        Mistake(
            "`kubernetes.io/h2c` is HTTP/2 in cleartext",
            Piece.gateway
                + route(toCallee).replacing(
                    "  appProtocol: http2\n  endpoints: [{address: 127.0.0.1, port: 9000}]",
                    with: "  appProtocol: kubernetes.io/h2c<<<\n  url: https://callee.test:9000")),
        Mistake(
            "`grpc` is not supported",
            Piece.gateway + route(toCallee).replacing("http2", with: "grpc<<<")),
    ]
}
