// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("A snapshot that is swapped in the middle of an exchange")
struct ReloadTests {
    private let path = "/v1/chat/completions"
    private let small = #"{"model":"small"}"#

    /// The same mesh with a backend in front of the others, so that every number moves.
    private func shifted(_ sample: SnapshotSample) -> SnapshotSample {
        var next = sample
        next.version += 1
        next.backends.insert(BackendSample(name: "default/new", endpoints: 3, subnet: 9), at: 0)
        for i in next.models.indices {
            for j in next.models[i].targets.indices { next.models[i].targets[j].backend += 1 }
            for j in next.models[i].fallbacks.indices { next.models[i].fallbacks[j].backend += 1 }
        }
        return next
    }

    /// The endpoint that the driver would connect to.
    private func authority(_ drive: Drive, _ step: Step) throws -> String {
        let pick = try #require(step.dispatch)
        let endpoints = drive.exchange.snapshot.endpoints
        try #require(endpoints.indices.contains(Int(pick.endpoint)))
        return endpoints[Int(pick.endpoint)].authority
    }

    @Test("an exchange ends with the snapshot it began with, the next has the new one")
    func keepsOld() throws {
        let sample = SnapshotSample.model()
        let drive = Drive(sample)
        try drive.post(path, small)
        drive.sent()
        drive.adopt(shifted(sample))
        #expect(drive.exchange.snapshot.version == 1)
        try drive.answered(200)
        drive.ended()
        #expect(drive.record.snapshot == 1 && drive.record.backend == "default/b0")
        #expect(drive.record.endpoint == "10.0.0.1:8000")
        #expect(drive.record.upstreamModel == "real-model" && drive.unsettled == nil)
        try drive.post(path, small)
        #expect(drive.exchange.snapshot.version == 2)
        drive.gone()
        #expect(drive.record.snapshot == 2 && drive.unsettled == nil)
    }

    @Test("a body that was collected over a swap goes to the backend that was meant")
    func collecting() throws {
        let sample = SnapshotSample.model()
        for seed in UInt64(1)..<20 {
            let drive = Drive(sample, seed: seed)
            try drive.begin(
                "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(small.utf8.count)\r\n\r\n")
            drive.adopt(shifted(sample))
            let step = drive.body(small)
            #expect(try authority(drive, step) == "10.0.0.1:8000", "seed \(seed)")
            #expect(drive.forwarded().body == #"{"model":"real-model"}"#)
            drive.sent()
            try drive.answered(200)
            drive.ended()
            #expect(drive.record.backend == "default/b0" && drive.unsettled == nil)
        }
    }

    @Test("retries and fallbacks after a swap go to the backends that were meant")
    func retries() throws {
        let policy = RetryPolicy(attempts: 2)
        let sample = SnapshotSample.model(fallbacks: 1, endpoints: 2, retry: policy)
        for seed in UInt64(1)..<20 {
            let drive = Drive(sample, seed: seed)
            var seen = [try authority(drive, try drive.post(path, small))]
            drive.adopt(shifted(sample))
            for _ in 0..<3 { seen.append(try authority(drive, drive.failed(.connect))) }
            #expect(Set(seen[..<2]) == ["10.0.0.1:8000", "10.0.0.2:8000"], "seed \(seed)")
            #expect(Set(seen[2...]) == ["10.0.1.1:8000", "10.0.1.2:8000"], "seed \(seed)")
            drive.failed(.connect)
            #expect(drive.record.backend == "default/b1" && drive.unsettled == nil)
        }
    }

    @Test("a swap never sends a credential to another backend than its own")
    func credentials() throws {
        var sample = SnapshotSample.model(retry: RetryPolicy(attempts: 3), upstream: "x")
        sample.backends[0] = BackendSample(endpoints: 2) {
            $0.credential = Credential(
                header: bytes("authorization"), prefix: bytes("Bearer "),
                source: .environment("MINE"))
        }
        var next = shifted(sample)
        next.backends[0].change = {
            $0.credential = Credential(
                header: bytes("authorization"), prefix: bytes("Bearer "),
                source: .environment("OTHER"))
        }
        let drive = Drive(sample, credentials: [Secret(bytes("mine"))])
        try drive.post(path, small)
        #expect(drive.forwarded().head.field("authorization") == "Bearer mine")
        drive.adopt(next, credentials: [Secret(bytes("other")), Secret(bytes("mine"))])
        #expect(drive.forwarded().head.field("authorization") == "Bearer mine")
        let step = drive.failed(.connect)
        #expect(try authority(drive, step).hasPrefix("10.0.0."))
        #expect(drive.forwarded().head.field("authorization") == "Bearer mine")
        // The next snapshot has neither the backend nor its credential.
        var bare = next
        bare.version += 1
        bare.backends = [next.backends[0]]
        bare.models = []
        bare.names = []
        drive.adopt(bare, credentials: [Secret(bytes("other"))])
        #expect(drive.forwarded().head.field("authorization") == "Bearer mine")
        drive.gone()
        #expect(drive.unsettled == nil)
    }

    @Test("a backend that a swap took away cannot be tried again, and what ran settles")
    func vanished() throws {
        let sample = SnapshotSample.model(retry: RetryPolicy(attempts: 3))
        var next = SnapshotSample()
        next.version = 2
        next.backends = [BackendSample(name: "default/unrelated", endpoints: 2, subnet: 7)]
        let drive = Drive(sample)
        try drive.post(path, small)
        drive.adopt(next)
        let step = drive.failed(.connect)
        #expect(step.dispatch == nil && drive.refusal == "upstream-unreachable")
        #expect(drive.record.backend == "default/b0" && drive.unsettled == nil)
        #expect(drive.record.model == "small" && drive.record.upstreamModel == "real-model")
        let relaying = Drive(sample)
        try relaying.post(path, small)
        relaying.sent()
        try relaying.answered(200)
        relaying.adopt(next)
        relaying.ended()
        #expect(relaying.record.status == 200 && relaying.unsettled == nil)
    }

    @Test("an endpoint that came with a swap is not used by an exchange that does not know it")
    func newEndpoints() throws {
        let sample = SnapshotSample.model(endpoints: 2, retry: RetryPolicy(attempts: 2))
        var next = sample
        next.version = 2
        next.backends[0].addresses = ["10.0.0.9", "10.0.0.8", "10.0.0.2", "10.0.0.1", "10.0.0.7"]
        for seed in UInt64(1)..<40 {
            let drive = Drive(sample, seed: seed)
            try drive.begin(
                "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(small.utf8.count)\r\n\r\n")
            drive.adopt(next)
            let first = try authority(drive, drive.body(small))
            let second = try authority(drive, drive.failed(.connect))
            #expect(
                Set([first, second]) == ["10.0.0.1:8000", "10.0.0.2:8000"], "seed \(seed)")
            drive.gone()
            #expect(drive.unsettled == nil, "seed \(seed)")
        }
    }

    @Test("what is counted after a swap is counted against the right backend")
    func counts() throws {
        let sample = SnapshotSample.model(endpoints: 3, retry: RetryPolicy(attempts: 2))
        var next = shifted(sample)
        next.backends[1].change = { $0.outlier = OutlierPolicy(consecutiveFailures: 1) }
        let drive = Drive(sample)
        try drive.post(path, small)
        drive.adopt(next)
        drive.failed(.connect)
        drive.failed(.connect)
        #expect(drive.unsettled == nil)
        #expect(drive.shard.fleet.statistics(backend: 0, at: drive.now)?.ejected == 0)
        #expect((drive.shard.fleet.statistics(backend: 1, at: drive.now)?.ejected ?? 0) > 0)
    }
}
