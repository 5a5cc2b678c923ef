// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshCompiler
import MeshModel
import MeshSimulator
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("A world")
struct WorldTests {
    @Test("every request of a quiet world is answered whole, and the records say so")
    func quiet() throws {
        let world = try WorldSample.world(seed: 1)
        while world.run(for: .seconds(1)) {}
        let outcome = world.finish()
        #expect(outcome.breaches == [])
        #expect(outcome.count(.whole) == 60)
        #expect(outcome.records == 60)
        #expect(outcome.requests.allSatisfy { $0.tokens == 12 && $0.status == 200 })
        #expect(outcome.answers.allSatisfy { $0 > 10 })
        #expect(outcome.servers.reduce(0) { $0 + $1.generatedTokens } == 720)
    }

    @Test("time to first token and between tokens is what the engine costs and the network adds")
    func timing() throws {
        let world = try WorldSample.world(seed: 2, requests: 1)
        while world.run(for: .seconds(1)) {}
        let outcome = world.finish()
        let seen = try #require(outcome.requests.first)
        // 18 ms in front of the scheduler, one step of prefill (30 ms), six crossings.
        let first = try #require(seen.firstToken)
        #expect(first > .milliseconds(38) && first < .milliseconds(55), "\(first)")
        let each = try #require(seen.perToken)
        #expect(each > .milliseconds(18) && each < .milliseconds(22), "\(each)")
    }

    @Test("what a request costs is what its model's tokens are priced at")
    func cost() throws {
        let free = try WorldSample.world(seed: 1)
        while free.run(for: .seconds(1)) {}
        #expect(free.finish().requests.allSatisfy { $0.cost == nil })
        let price = "  price: {inputPerMillion: 0.5, outputPerMillion: 2, currency: EUR}"
        let world = try WorldSample.world(seed: 1, price: price)
        while world.run(for: .seconds(1)) {}
        let outcome = world.finish()
        #expect(outcome.requests.count == 60)
        let euro = try #require(Currency("EUR"))
        let each = Cost(trillionths: 100 * 500_000 + 12 * 2_000_000, currency: euro)
        #expect(outcome.requests.allSatisfy { $0.cost == each })
    }

    @Test("equal seeds give equal digests, others do not")
    func digest() throws {
        func digest(_ seed: UInt64) throws -> UInt64 {
            let world = try WorldSample.world(seed: seed)
            while world.run(for: .milliseconds(7)) {}
            return world.finish().digest
        }
        #expect(try digest(3) == digest(3))
        #expect(try digest(3) != digest(4))
    }
}

/// A mesh of two servers and a workload of one request each 20 ms.
enum WorldSample {
    static func world(
        seed: UInt64, requests: Int = 60, options: WorldOptions = WorldOptions(),
        price: String = ""
    ) throws -> World {
        var next = 0
        return World(
            snapshot: try snapshot(version: 1, price: price),
            servers: ["10.0.0.1:8000", "10.0.0.2:8000"].map {
                ServerPlan($0, profile: .small)
            },
            seed: seed, options: options
        ) {
            guard next < requests else { return nil }
            next += 1
            return WorkItem(
                at: Instant(nanoseconds: UInt64(next) * 20_000_000), model: "m",
                promptTokens: 100, answerTokens: 12)
        }
    }

    static func snapshot(version: UInt64, price: String = "") throws -> Snapshot {
        let text = text.replacing("  # price", with: price)
        let (resources, problems) = ResourceSet.parse([SourceFile(path: "mesh.yaml", text: text)])
        let made = Compiler.compile(resources, resolved: ResolvedNames(), version: version)
        return try #require(
            made.snapshot, "\(problems.map(\.description) + made.diagnostics.map(\.description))")
    }

    private static let text = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: mesh}
        spec:
          gatewayClassName: pinion
          listeners: [{name: http, port: 8080, protocol: HTTP}]
        ---
        apiVersion: pinion.dev/v1alpha1
        kind: Model
        metadata: {name: m}
        spec:
          targets: [{backendRef: {name: b}}]
          # price
        ---
        apiVersion: pinion.dev/v1alpha1
        kind: Backend
        metadata: {name: b}
        spec:
          dialect: OpenAI
          endpoints:
            - {address: 10.0.0.1, port: 8000}
            - {address: 10.0.0.2, port: 8000}
        """
}
