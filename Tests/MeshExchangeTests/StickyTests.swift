// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshIdentity
import MeshRouting
import MeshSnapshot
import Testing

@Suite("Callers who keep their target")
struct StickyTests {
    private static let chat = "/v1/chat/completions"
    private static let body = #"{"model":"small"}"#
    private static let bySession = "request.headers['x-session-id']"

    private static func backends(_ count: Int) -> [BackendSample] {
        (0..<count).map { BackendSample(name: "default/b\($0)", subnet: $0) }
    }

    /// A route with as many targets as there are weights, shared out by `expression`.
    private func route(
        _ weights: [Int], by expression: String = Self.bySession, owner: String = "HTTPRoute/ns/r"
    ) throws -> SnapshotSample {
        var sample = SnapshotSample()
        sample.backends = Self.backends(weights.count)
        sample.rules[0].action = .forward(
            weights.indices.map {
                WeightedTarget(weight: weights[$0], destination: .backend(BackendID($0)))
            })
        sample.rules[0].sticky = try sample.sticky(
            by: expression, of: owner, targets: weights.indices.map { "b\($0)" })
        return sample
    }

    /// A model with as many targets as there are weights.
    private func model(
        _ weights: [Int], by expression: String = Self.bySession
    ) throws -> SnapshotSample {
        var sample = SnapshotSample.model()
        sample.backends = Self.backends(weights.count)
        sample.models[0].targets = weights.indices.map {
            ModelTarget(weight: weights[$0], backend: BackendID($0), upstreamModel: bytes("m\($0)"))
        }
        sample.models[0].sticky = try sample.sticky(
            by: expression, of: "Model/default/small", targets: weights.indices.map { "b\($0)" })
        return sample
    }

    private func ask(_ drive: Drive, _ session: String) throws -> EndpointID {
        let pick = try #require(
            try drive.get("/", fields: "x-session-id: \(session)\r\n").dispatch)
        drive.gone()
        return pick.endpoint
    }

    @Test("a caller keeps its target on every loop and after a restart, and others their share")
    func keeps() throws {
        let sample = try route([70, 30])
        let drives = (1...3).map { Drive(sample, seed: UInt64($0)) }
        var counts = [0, 0]
        for caller in 0..<600 {
            let found = try drives.map { try ask($0, "s\(caller)") }
            #expect(Set(found).count == 1, "caller \(caller)")
            #expect(try ask(drives[0], "s\(caller)") == found[0])
            counts[Int(found[0])] += 1
        }
        #expect(abs(counts[1] - 180) < 60, "\(counts)")
    }

    @Test("a new weight moves callers to the target that grows, and no others")
    func newWeights() throws {
        let drive = Drive(try route([90, 10]))
        let before = try (0..<400).map { try ask(drive, "s\($0)") }
        drive.adopt(try route([80, 20]))
        let after = try (0..<400).map { try ask(drive, "s\($0)") }
        #expect(before != after)
        for (was, now) in zip(before, after) where was != now {
            #expect(was == 0 && now == 1)
        }
    }

    @Test(
        "where the value is missing, empty or there twice chance decides",
        arguments: ["", "x-session-id: \r\n", "x-session-id: a\r\nx-session-id: a\r\n"])
    func missing(fields: String) throws {
        let drive = Drive(try route([50, 50]), seed: 77)
        var counts = [0, 0]
        for _ in 0..<400 {
            let pick = try #require(try drive.get("/", fields: fields).dispatch)
            counts[Int(pick.endpoint)] += 1
            drive.gone()
        }
        #expect(abs(counts[0] - 200) < 60, "\(counts)")
    }

    @Test("a model shares out its targets in the same way")
    func models() throws {
        let drive = Drive(try model([50, 50]))
        var seen: Set<EndpointID> = []
        for caller in 0..<60 {
            var own: Set<EndpointID> = []
            for _ in 0..<3 {
                let step = try drive.post(
                    Self.chat, Self.body, fields: "X-Session-Id: s\(caller)\r\n")
                own.insert(try #require(step.dispatch).endpoint)
                drive.gone()
            }
            #expect(own.count == 1)
            seen.formUnion(own)
        }
        #expect(seen == [0, 1])
    }

    @Test("two routes have different callers in their small shares")
    func owners() throws {
        let one = Drive(try route([90, 10], owner: "HTTPRoute/ns/one"))
        let other = Drive(try route([90, 10], owner: "HTTPRoute/ns/other"))
        var both = 0
        var either = 0
        for caller in 0..<1_000 {
            let (a, b) = (try ask(one, "s\(caller)") == 1, try ask(other, "s\(caller)") == 1)
            if a && b { both += 1 }
            if a || b { either += 1 }
        }
        #expect(both < 30 && either > 130, "\(both) \(either)")
    }

    @Test("the caller of a target that is down gets another, always the same, and its own again")
    func down() throws {
        let drive = Drive(try route([1, 1, 1]))
        let before = try (0..<90).map { try ask(drive, "s\($0)") }
        drive.shard.fleet.setHealth(
            backend: "default/b1", authority: "10.0.1.1:8000", healthy: false, at: drive.now)
        for _ in 0..<2 {
            let during = try (0..<90).map { try ask(drive, "s\($0)") }
            for (was, now) in zip(before, during) {
                if was == 1 { #expect(now != 1) } else { #expect(was == now) }
            }
            #expect(Set(zip(before, during).filter { $0.0 == 1 }.map(\.1)) == [0, 2])
        }
        drive.shard.fleet.setHealth(
            backend: "default/b1", authority: "10.0.1.1:8000", healthy: true, at: drive.now)
        #expect(try (0..<90).map { try ask(drive, "s\($0)") } == before)
    }

    @Test("a target that asked for a pause is passed over, and comes back")
    func cooling() throws {
        var sample = try model([1, 1])
        for number in sample.backends.indices {
            sample.backends[number].change = { $0.coolDown = CoolDownPolicy() }
        }
        let drive = Drive(sample)
        func target(_ caller: Int) throws -> EndpointID {
            let step = try drive.post(
                Self.chat, Self.body, fields: "x-session-id: s\(caller)\r\n")
            return try #require(step.dispatch).endpoint
        }
        let callers = try (0..<40).map { caller in
            defer { drive.gone() }
            return try target(caller)
        }
        let first = try #require(callers.firstIndex(of: 1))
        #expect(try target(first) == 1)
        drive.sent()
        try drive.answered(429, "retry-after: 20\r\ncontent-length: 0\r\n")
        drive.ended()
        for caller in 0..<40 {
            #expect(try target(caller) == 0)
            drive.gone()
        }
        drive.wait(.seconds(21))
        for caller in 0..<40 {
            #expect(try target(caller) == callers[caller])
            drive.gone()
        }
    }

    @Test("a target that may not have the data is passed over for requests with such data alone")
    func residency() throws {
        var sample = try route([1, 1])
        sample.backends[0].labels = ["region": "us"]
        sample.backends[1].labels = ["region": "eu"]
        sample.residency.layout = sample.access.layout
        try sample.residency.add("phi", regions: ["eu"])
        sample.residency.headers = ["x-data"]
        let drive = Drive(sample)
        var plain: Set<EndpointID> = []
        for caller in 0..<40 {
            plain.insert(try ask(drive, "s\(caller)"))
            let pick = try #require(
                try drive.get("/", fields: "x-session-id: s\(caller)\r\nx-data: phi\r\n").dispatch)
            #expect(pick.endpoint == 1)
            drive.gone()
        }
        #expect(plain == [0, 1])
    }

    @Test("a caller whom only the model's provider knows has its own target, too")
    func knownLate() throws {
        var sample = try model([1, 1], by: "source.identity")
        sample.identity = [IdentitySample.apiKeys]
        sample.models[0].identity = [0]
        let callers = (0..<10).map { IdentitySample.apiKey("owner-\($0)") }
        let lines = callers.map(\.key.line).joined(separator: [UInt8(ascii: "\n")])
        let drive = Drive(sample)
        drive.shard.callers.adopt(
            IdentityMaterial(try APIKeySet(Array(lines))), as: IdentitySample.apiKeys.material)
        var seen: Set<EndpointID> = []
        for caller in callers {
            var own: Set<EndpointID> = []
            for _ in 0..<5 {
                let step = try drive.post(
                    Self.chat, Self.body, fields: "x-api-key: \(caller.text)\r\n")
                own.insert(try #require(step.dispatch).endpoint)
                drive.gone()
            }
            #expect(own.count == 1)
            seen.formUnion(own)
        }
        #expect(seen == [0, 1])
    }
}
