// SPDX-License-Identifier: Apache-2.0

import MeshCompiler
import MeshModel
import MeshSnapshot
import Testing

@Suite struct ZeroConfigTests {
    private func compiled(
        _ baseURL: String?, _ hasAPIKey: Bool, _ builtIn: ZeroConfig.BuiltIn? = nil
    ) throws -> Snapshot {
        let files = ZeroConfig.resources(
            baseURL: baseURL, hasAPIKey: hasAPIKey, builtIn: builtIn)
        let (resources, found) = parse(files)
        #expect(found.isEmpty, "\(found)")
        let compilation = Compiler.compile(resources, resolved: .init(), version: 1)
        #expect(compilation.diagnostics.allSatisfy { $0.severity == .warning })
        return try #require(compilation.snapshot, "\(compilation.diagnostics)")
    }

    @Test("a key alone leads to OpenAI for every model name") func key() throws {
        let snapshot = try compiled(nil, true)
        #expect(snapshot.ports.map(\.address) == ["127.0.0.1"])
        #expect(snapshot.ports.map(\.number) == [8080])
        let backend = try #require(snapshot.backends.first)
        #expect(backend.tls?.serverName == "api.openai.com")
        #expect(backend.credential?.source == .environment("OPENAI_API_KEY"))
        #expect(backend.credential?.prefix == Array("Bearer ".utf8))
        let models = snapshot.ports[0].listeners[0].models
        #expect(models.map(\.name) == [Array("*".utf8)])
        #expect(snapshot.models[0].targets.map(\.upstreamModel) == [nil])
    }

    @Test("a base URL replaces OpenAI, without credential when there is no key") func url() throws {
        let snapshot = try compiled("http://127.0.0.1:8000/api/v1", false)
        let backend = try #require(snapshot.backends.first)
        #expect(backend.credential == nil && backend.tls == nil)
        #expect(backend.pathStrip == Array("/v1".utf8))
        #expect(backend.pathPrefix == Array("/api/v1".utf8))
        #expect(snapshot.endpoints.map(\.authority) == ["127.0.0.1:8000"])
    }

    @Test("the models of the built-in server stand beside the catch-all") func builtIn() throws {
        let server = ZeroConfig.BuiltIn(address: "127.0.0.1", port: 9, models: ["sim \"x\"", "y"])
        let snapshot = try compiled(nil, true, server)
        let names = snapshot.ports[0].listeners[0].models.map {
            String(decoding: $0.name, as: UTF8.self)
        }
        #expect(names == ["*", "sim \"x\"", "y"])
        #expect(try compiled(nil, false, server).backends.count == 1)
    }

    @Test("a base URL that is none is reported with its text") func badURL() {
        let files = ZeroConfig.resources(baseURL: "nonsense", hasAPIKey: false, builtIn: nil)
        #expect(parse(files).1.map(\.message) == ["`nonsense` is not a URL"])
    }
}
