// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import MeshModel

@Suite struct ShapeTests {
    private func diagnose(_ text: String) -> [Diagnostic] {
        parse([SourceFile(path: "a.yaml", text: text)]).1
    }

    /// A Backend with `spec`, which begins on line 5.
    private func backend(_ spec: String) -> [Diagnostic] {
        diagnose(
            "apiVersion: pinion.dev/v1alpha1\nkind: Backend\nmetadata: {name: b}\nspec:\n" + spec)
    }

    @Test("a diagnostic is one line: place, resource, field, what and what to do")
    func description() {
        let found = backend("  endpoint: []\n")
        #expect(
            found.map(\.description) == [
                "a.yaml:5:3: Backend/b: spec.endpoint: unknown field `endpoint`; did you mean "
                    + "`endpoints`?"
            ])
    }

    @Test(
        "what does not fit its shape is reported with position, field and remedy",
        arguments: [
            ("  dialect: 3\n", "5:12", "spec.dialect", "expected a string, found the number `3`"),
            ("  dialect: Http\n", "5:12", "spec.dialect", "`Http` is not known here"),
            ("  dialect: grpc\n", "5:12", "spec.dialect", "`grpc` is not known here"),
            ("  provider: true\n", "5:13", "spec.provider", "found the boolean `true`"),
            ("  provider: []\n", "5:13", "spec.provider", "expected a string, found a list"),
            ("  dns: a.test\n", "5:8", "spec.dns", "expected a mapping, found the string"),
            ("  endpoints: {}\n", "5:14", "spec.endpoints", "expected a list, found a mapping"),
            ("  endpoints: []\n", "5:14", "spec.endpoints", "the list is empty"),
            ("  dns: {hostname: A, port: 1}\n", "5:19", "spec.dns.hostname", "is not a hostname"),
            ("  dns: {hostname: a, port: 0}\n", "5:28", "spec.dns.port", "0 is out of range"),
            ("  dns: {hostname: a, port: '1'}\n", "5:28", "spec.dns.port", "found the string `1`"),
            ("  dns: {hostname: a, port: 1.5}\n", "5:28", "spec.dns.port", "a whole number"),
            ("  dns:\n    hostname: a\n", "6:5", "spec.dns.port", "the field is missing"),
            ("  dns:\n    hostname: a\n    port:\n", "6:5", "spec.dns.port", "field is missing"),
            ("  <<: {}\n", "5:3", "spec.<<", "unknown field `<<`"),
            (
                "  endpoints:\n    - {address: a.test, port: 1}\n", "6:17",
                "spec.endpoints[0].address", "is not an IP address or `localhost`"
            ),
            (
                "  endpoints:\n    - {address: 1.1.1.1, port: 1, labels: {a: 1}}\n", "6:47",
                "spec.endpoints[0].labels.a", "found the number `1`"
            ),
        ])
    func wrong(spec: String, place: String, field: String, message: String) {
        let found = backend(spec)
        #expect(found.count == 1, "\(found)")
        #expect(found.first.map { "\($0.line):\($0.column)" } == place)
        #expect(found.first?.field == field)
        #expect(found.first?.message.contains(message) == true, "\(found)")
        #expect(found.first?.remedy.isEmpty == false)
    }

    @Test(
        "what is no resource of ours is reported",
        arguments: [
            ("[]\n", "expected a resource, found a list"),
            ("kind: Backend\n", "the field is missing"),
            ("apiVersion: pinion.dev/v1alpha1\n", "the field is missing"),
            ("apiVersion: v1\nkind: Service\n", "unknown kind `Service` of `v1`"),
            ("apiVersion: pinion.dev/v1\nkind: Model\n", "unknown version `pinion.dev/v1`"),
            ("apiVersion: pinion.dev/v1alpha1\nkind: Modell\n", "unknown kind `Modell`"),
            (
                "apiVersion: pinion.dev/v1alpha1\nkind: Mesh\nmetadata: {name: A_b}\n",
                "`A_b` is not a DNS name"
            ),
            (
                "apiVersion: pinion.dev/v1alpha1\nkind: Mesh\nmetadata: {name: m}\n"
                    + "spec: {limits: {headBytes: 100Ki}}\n", "102400 bytes are out of range"
            ),
            (
                "apiVersion: pinion.dev/v1alpha1\nkind: Mesh\nmetadata: {name: m}\n"
                    + "spec: {limits: {headBytes: lots}}\n", "expected a number of bytes"
            ),
            (
                "apiVersion: pinion.dev/v1alpha1\nkind: Mesh\nmetadata: {name: m}\n"
                    + "spec: {accessLog: {query: no}}\n", "expected `true` or `false`"
            ),
            (
                "apiVersion: pinion.dev/v1alpha1\nkind: Mesh\nmetadata: {name: m}\n"
                    + "spec: {drainTimeout: 30}\n", "expected a string, found the number `30`"
            ),
        ])
    func noResource(text: String, message: String) {
        let found = diagnose(text)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.message.contains(message) == true, "\(found)")
        #expect(found.first?.remedy.isEmpty == false)
    }

    @Test(
        "what the standard knows and we do not offer says so",
        arguments: [
            ("  listeners: [{name: a, port: 1, protocol: TLS}]\n", "`TLS` is not supported"),
            (
                "  listeners: [{name: a, port: 1, protocol: HTTPS, "
                    + "tls: {mode: Passthrough}}]\n", "`Passthrough` is not"
            ),
            (
                "  listeners: [{name: a, port: 1, protocol: HTTP, "
                    + "allowedRoutes: {namespaces: {from: Selector}}}]\n",
                "`Selector` is not supported"
            ),
            (
                "  listeners: [{name: a, port: 1, protocol: HTTP}]\n  infrastructure: {}\n",
                "`infrastructure` is not supported"
            ),
        ])
    func refused(spec: String, message: String) {
        let found = diagnose(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\n"
                + "spec:\n  gatewayClassName: pinion\n" + spec)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.message.contains(message) == true, "\(found)")
    }

    @Test("filters and session persistence that are not offered say so") func refusedRoute() {
        let found = diagnose(
            """
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: r}
            spec:
              rules:
                - sessionPersistence: {}
                  filters:
                    - type: CORS
                      cors: {}
                    - type: ExtensionRef
                      extensionRef: {}
            """)
        #expect(found.map(\.line) == [6, 8, 9, 10, 11])
        #expect(found.allSatisfy { $0.message.hasSuffix("is not supported") })
    }

    @Test("a resource with mistakes is still read as far as possible") func lenient() {
        let (set, found) = parse([
            SourceFile(
                path: "a.yaml",
                text: """
                    apiVersion: pinion.dev/v1alpha1
                    kind: Backend
                    metadata: {name: b}
                    spec: {url: "http://a.test", tls: 3}
                    """)
        ])
        #expect(found.count == 1)
        #expect(set.backends.first?.url?.value == "http://a.test")
        #expect(set.backends.first?.metadata.isSound == false)
        #expect(!set.isComplete)
    }

    @Test("what Kubernetes writes into metadata and status is not read") func kubernetes() {
        let found = diagnose(
            """
            apiVersion: pinion.dev/v1alpha1
            kind: Mesh
            metadata: {name: m, uid: 1, generation: 3, managedFields: [{a: b}]}
            status: {anything: [goes]}
            """)
        #expect(found.isEmpty)
    }
}
