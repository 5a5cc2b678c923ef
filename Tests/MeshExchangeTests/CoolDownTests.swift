// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Pauses that model servers ask for")
struct CoolDownTests {
    private let path = "/v1/chat/completions"
    private let small = #"{"model":"small"}"#
    private let hour = "retry-after: 3600\r\ncontent-length: 0\r\n"

    private func hint(_ seconds: Int) -> String {
        "retry-after: \(seconds)\r\ncontent-length: 0\r\n"
    }

    /// A mesh whose backends have credentials, so that what they say holds for all of it.
    private func providers(_ fallbacks: Int) -> Drive {
        var sample = SnapshotSample.model(fallbacks: fallbacks)
        for number in sample.backends.indices {
            sample.backends[number].change = { backend in
                backend.credential = Credential(
                    header: bytes("authorization"), prefix: bytes("Bearer "),
                    source: .environment("KEY"))
            }
        }
        return Drive(
            sample, credentials: sample.backends.map { _ in Secret(bytes("secret")) })
    }

    private func finish(_ drive: Drive, _ status: Int = 200) throws {
        drive.sent()
        try drive.answered(status)
        drive.ended()
        #expect(drive.unsettled == nil)
    }

    @Test("the next request passes over a provider that asked for a pause, until it is over")
    func passesOver() throws {
        let drive = providers(1)
        try drive.post(path, small)
        drive.sent()
        #expect(try drive.answered(429, hint(20)).dispatch?.endpoint == 1)
        try finish(drive)
        #expect(drive.record.attempts == 2)
        for _ in 0..<3 {
            #expect(try drive.post(path, small).dispatch?.endpoint == 1)
            try finish(drive)
            #expect(drive.record.attempts == 1, "nobody asked the first one")
            #expect(drive.record.flags.contains(.fallback))
        }
        drive.wait(.seconds(20))
        #expect(try drive.post(path, small).dispatch?.endpoint == 0)
        try finish(drive)
    }

    @Test("when everything cools down the caller is told when the first is back")
    func everything() throws {
        let drive = providers(1)
        try drive.post(path, small)
        drive.sent()
        try drive.answered(429, hint(40))
        drive.sent()
        try drive.answered(429, hint(7))
        // The answer of the one that is back first passes as it came.
        #expect(drive.phase == .relaying)
        drive.ended()
        #expect(drive.record.status == 429 && drive.unsettled == nil)
        #expect(drive.written.field("retry-after") == "7")
        for _ in 0..<3 {
            drive.wait(.seconds(1))
            #expect(try drive.post(path, small).dispatch == nil)
            #expect(drive.record.status == 429 && drive.record.attempts == 0)
            #expect(drive.refusal == "upstream-rate-limited" && drive.unsettled == nil)
        }
        #expect(drive.written.field("retry-after") == "4")
        drive.wait(.seconds(4))
        #expect(try drive.post(path, small).dispatch?.endpoint == 1)
        drive.gone()
    }

    @Test("the sooner of two pauses is told, whoever answered last")
    func soonest() throws {
        let drive = providers(1)
        try drive.post(path, small)
        drive.sent()
        try drive.answered(429, hint(5))
        drive.sent()
        try drive.answered(429, hint(60))
        #expect(drive.record.status == 429 && drive.refusal == "upstream-rate-limited")
        #expect(drive.written.field("retry-after") == "5")
        #expect(drive.unsettled == nil)
    }

    @Test("a 429 that does not say when is told with the pause that the server gets")
    func unhinted() throws {
        let drive = providers(0)
        for seconds in [1, 2, 4] {
            try drive.post(path, small)
            drive.sent()
            #expect(try drive.answered(429).relaysBody)
            drive.ended()
            #expect(drive.written.field("retry-after") == "\(seconds)")
            drive.wait(.seconds(Int64(seconds)))
        }
    }

    @Test("a server of one's own speaks for itself: another endpoint is asked at once")
    func endpoints() throws {
        let drive = Drive(
            SnapshotSample.model(
                endpoints: 2, retry: RetryPolicy(attempts: 2, statuses: [503])))
        let first = try #require(try drive.post(path, small).dispatch)
        drive.sent()
        let second = try #require(try drive.answered(429, hour).dispatch)
        #expect(second.endpoint != first.endpoint)
        try finish(drive)
        for _ in 0..<8 {
            #expect(try drive.post(path, small).dispatch?.endpoint == second.endpoint)
            try finish(drive)
        }
    }

    @Test("what a caller's own key used up is nobody else's business")
    func callersKey() throws {
        let drive = Drive(SnapshotSample.model(fallbacks: 1))
        try drive.post(path, small, fields: "Authorization: Bearer mine\r\n")
        drive.sent()
        #expect(try drive.answered(429, hour).dispatch?.endpoint == 1)
        try finish(drive)
        #expect(try drive.post(path, small).dispatch?.endpoint == 0)
        drive.gone()
        // A server that is overloaded is so for everybody.
        try drive.post(path, small, fields: "Authorization: Bearer mine\r\n")
        drive.sent()
        try drive.answered(503, hour)
        try finish(drive)
        #expect(try drive.post(path, small).dispatch?.endpoint == 1)
        drive.gone()
    }

    @Test("an answer that says that nothing is left spares the provider a refusal")
    func usedUp() throws {
        let drive = providers(1)
        try drive.post(path, small)
        drive.sent()
        let fields = "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 6m0s\r\n"
        try drive.answered(200, fields + "content-length: 2\r\n")
        drive.ended()
        #expect(try drive.post(path, small).dispatch?.endpoint == 1)
        drive.gone()
        drive.wait(.seconds(300))
        #expect(
            try drive.post(path, small).dispatch?.endpoint == 0,
            "no server is believed for longer than the policy says")
        drive.gone()
    }

    @Test("a short pause of the only server is waited for, as Retry-After says")
    func waits() throws {
        let drive = Drive(
            SnapshotSample.model(
                retry: RetryPolicy(attempts: 2, statuses: [429, 503], backoffMax: .seconds(2))))
        for status in [429, 503] {
            try drive.post(path, small)
            drive.sent()
            let step = try drive.answered(status, hint(2))
            #expect(step.dispatch?.endpoint == 0 && step.delay == .seconds(2), "\(status)")
            drive.wait(.seconds(2))
            try finish(drive)
        }
    }

    @Test("a weighted target that cools down leaves its share to the others")
    func shares() throws {
        let drive = providers(1)
        var sample = SnapshotSample.model(fallbacks: 1)
        sample.version = 2
        sample.models[0].targets += sample.models[0].fallbacks
        sample.models[0].fallbacks = []
        sample.backends.indices.forEach { number in
            sample.backends[number].change = {
                $0.coolDown = CoolDownPolicy(scope: .backend)
            }
        }
        drive.adopt(sample)
        while try drive.post(path, small).dispatch?.endpoint != 1 { drive.gone() }
        drive.sent()
        try drive.answered(429, hint(9))
        drive.ended()
        for _ in 0..<40 {
            #expect(try drive.post(path, small).dispatch?.endpoint == 0)
            drive.gone()
        }
        drive.wait(.seconds(9))
        var seen: Set<EndpointID> = []
        for _ in 0..<40 {
            seen.insert(try #require(try drive.post(path, small).dispatch).endpoint)
            drive.gone()
        }
        #expect(seen == [0, 1])
    }

    @Test("without cool-downs every request finds out for itself")
    func switchedOff() throws {
        var sample = SnapshotSample.model(fallbacks: 1)
        sample.backends[0].change = { $0.coolDown = nil }
        let drive = Drive(sample)
        for _ in 0..<3 {
            #expect(try drive.post(path, small).dispatch?.endpoint == 0)
            drive.sent()
            #expect(try drive.answered(429, hour).dispatch?.endpoint == 1)
            try finish(drive)
        }
    }

    @Test("a circuit opens after failures in a row, and one request finds out that it may close")
    func circuit() throws {
        var sample = SnapshotSample.model(fallbacks: 1)
        sample.backends[0].change = { $0.outlier = OutlierPolicy(consecutiveFailures: 2) }
        let drive = Drive(sample)
        for _ in 0..<2 {
            #expect(try drive.post(path, small).dispatch?.endpoint == 0)
            drive.sent()
            try drive.answered(500)
            try finish(drive)
        }
        #expect(try drive.post(path, small).dispatch?.endpoint == 1)
        try finish(drive)
        drive.wait(.seconds(5))
        #expect(try drive.post(path, small).dispatch?.endpoint == 0)
        drive.sent()
        drive.failed(.reset(wasReused: false))
        try finish(drive)
        #expect(try drive.post(path, small).dispatch?.endpoint == 1, "the trial failed")
        try finish(drive)
        drive.wait(.seconds(5))
        #expect(try drive.post(path, small).dispatch?.endpoint == 0)
        try finish(drive)
        #expect(try drive.post(path, small).dispatch?.endpoint == 0)
        drive.gone()
    }

    @Test("what is broken is asked all the same when nobody else is left")
    func lastHope() throws {
        var sample = SnapshotSample.model()
        sample.backends[0].change = { $0.outlier = OutlierPolicy(consecutiveFailures: 1) }
        let drive = Drive(sample)
        for _ in 0..<3 {
            #expect(try drive.post(path, small).dispatch?.endpoint == 0)
            try finish(drive, 500)
        }
    }

    @Test("what was decided while something cooled down is decided again in a replay")
    func replay() throws {
        var sample = SnapshotSample.model(fallbacks: 2, endpoints: 2)
        sample.recording = RecordingSettings(perSecondMax: 100)
        sample.backends[0].change = {
            $0.coolDown = CoolDownPolicy(scope: .model)
            $0.outlier = OutlierPolicy(consecutiveFailures: 1)
        }
        sample.backends[1].change = { $0.outlier = OutlierPolicy(consecutiveFailures: 1) }
        let drive = Drive(sample)
        try drive.post(path, small)
        drive.sent()
        try drive.answered(429, hint(20))
        drive.sent()
        try drive.answered(500)
        try finish(drive)
        for _ in 0..<3 {
            drive.wait(.seconds(3))
            try drive.post(path, small)
            try finish(drive)
        }
        let recordings = drive.shard.recorder.all
        #expect(recordings.count == 4)
        let snapshot = drive.shard.snapshot
        for recording in recordings {
            let again = try Replay.run(recording) { _ in snapshot }
            #expect(again.difference == nil)
        }
        let told = Explanation.of(recordings[1], under: snapshot).rendered
        #expect(told.contains("cools down for another 17000.000 ms"), "\(told)")
    }
}
