// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshCompiler
import MeshExchange
import MeshModel
import MeshSnapshot
import MeshTelemetry
import MeshWire
import Testing

@Suite("Labels of collections in a vector store")
struct CollectionLabelTests {
    /// The labels of a request for `path` where `source` gives `phi`.
    private func labels(_ path: String, _ source: String) throws -> [String] {
        let text = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: g}
            spec:
              gatewayClassName: pinion
              listeners: [{name: http, port: 8080, protocol: HTTP}]
            ---
            apiVersion: pinion.dev/v1alpha1
            kind: Backend
            metadata: {name: store}
            spec: {labels: {region: eu-1}, endpoints: [{address: 10.0.0.1, port: 6333}]}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: r}
            spec:
              parentRefs: [{name: g}]
              rules: [{backendRefs: [{group: pinion.dev, kind: Backend, name: store}]}]
            ---
            apiVersion: pinion.dev/v1alpha1
            kind: ResidencyPolicy
            metadata: {name: p}
            spec: {label: phi, sources: [\(source)], allow: {regions: ["eu-*"]}}

            """
        let (resources, problems) = ResourceSet.parse([SourceFile(path: "mesh.yaml", text: text)])
        let made = Compiler.compile(resources, resolved: ResolvedNames(), version: 1)
        let snapshot = try #require(made.snapshot, "\(problems + made.diagnostics)")
        let now = Instant(nanoseconds: 1)
        var shard = Shard(seed: 1, wallOffset: 0)
        shard.adopt(snapshot, credentials: [nil], at: now)
        let bytes = Array("GET \(path) HTTP/1.1\r\nhost: h\r\n\r\n".utf8)
        var head = RequestHead()
        _ = try head.parse(bytes.span.bytes, limits: HeadLimits())
        var exchange = Exchange()
        _ = exchange.begin(head, bytes.span.bytes, port: 0, shard: &shard, at: now)
        return exchange.record.residency?.labels ?? []
    }

    @Test(
        "are given by the name in the path, however that is spelt",
        arguments: [
            ("/collections/patients", true), ("/collections/patients/points/search", true),
            ("/collections/wards-3/points", true), ("/collections/wards-", true),
            ("/collections/p%61tients/points", true), ("//collections/./patients", true),
            ("/collections/a/../patients?x=y", true),
            ("/collections/patients2", false), ("/collections/wards", false),
            ("/collections/open/points", false), ("/collections", false),
            ("/x/collections/patients", false), ("/collections/Patients", false),
        ])
    func paths(path: String, isLabelled: Bool) throws {
        let found = try labels(path, "{collections: [patients, wards-*]}")
        #expect(found == (isLabelled ? ["phi"] : []))
    }

    @Test(
        "a template says where the name stands",
        arguments: [
            ("/api/v2/tenants/t/databases/d/collections/a.b/query", true),
            ("/api/v2/tenants/t/databases/d/collections/axb/query", false),
            ("/api/v2/tenants/t/u/databases/d/collections/a.b/query", false),
            ("/collections/a.b", false),
        ])
    func template(path: String, isLabelled: Bool) throws {
        let found = try labels(
            path,
            "{collections: [a.b], "
                + "collectionPath: '/api/v2/tenants/*/databases/*/collections/{collection}'}")
        #expect(found == (isLabelled ? ["phi"] : []))
    }
}
