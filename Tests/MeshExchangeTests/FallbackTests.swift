// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Fallbacks of a model")
struct FallbackTests {
    private let path = "/v1/chat/completions"
    private let small = #"{"model":"small"}"#

    @Test("fallbacks are tried in their order, and the record says who answered")
    func order() throws {
        let drive = Drive(SnapshotSample.model(fallbacks: 2))
        try drive.post(path, small)
        #expect(drive.forwarded().body == #"{"model":"real-model"}"#)
        drive.sent()
        #expect(drive.failed(.connect).dispatch?.endpoint == 1)
        #expect(drive.forwarded().body == #"{"model":"fallback-1"}"#)
        drive.sent()
        #expect(try drive.answered(500).dispatch?.endpoint == 2)
        #expect(drive.forwarded().body == #"{"model":"fallback-2"}"#)
        drive.sent()
        try drive.answered(200)
        drive.ended()
        let record = drive.record
        #expect(record.model == "small" && record.upstreamModel == "fallback-2")
        #expect(record.backend == "default/b2" && record.endpoint == "10.0.2.1:8000")
        #expect(record.attempts == 3 && record.flags.contains(.fallback))
        #expect(!record.flags.contains(.retried) && drive.unsettled == nil)
    }

    @Test("retries on one target come before the next target")
    func retriesFirst() throws {
        let policy = RetryPolicy(attempts: 2, statuses: [503])
        let drive = Drive(SnapshotSample.model(fallbacks: 1, endpoints: 2, retry: policy))
        try drive.post(path, small)
        var endpoints: [EndpointID] = [drive.currentPick?.endpoint ?? -1]
        for _ in 0..<3 {
            drive.sent()
            let step = try drive.answered(503)
            if let pick = step.dispatch { endpoints.append(pick.endpoint) }
        }
        #expect(Set(endpoints[..<2]) == [0, 1] && Set(endpoints[2...]) == [2, 3])
        drive.sent()
        #expect(try drive.answered(503).relaysBody, "nothing else is left to try")
        drive.ended()
        #expect(drive.record.status == 503 && drive.record.attempts == 4)
        #expect(drive.record.upstreamModel == "fallback-1")
        #expect(drive.record.flags == [.retried, .fallback])
        #expect(drive.unsettled == nil)
    }

    @Test(
        "a status falls back when another model may do better",
        arguments: [
            (429, true), (500, true), (502, true), (503, true), (529, true), (400, false),
            (401, false), (404, true), (422, false), (408, true), (409, true), (410, true),
            (424, true), (451, true), (501, true),
        ])
    func statuses(status: Int, fallsBack: Bool) throws {
        let drive = Drive(
            SnapshotSample.model(fallbacks: 1, retry: RetryPolicy(attempts: 1, statuses: [])))
        try drive.post(path, small)
        drive.sent()
        let step = try drive.answered(status)
        #expect((step.dispatch != nil) == fallsBack)
        if fallsBack {
            drive.sent()
            try drive.answered(200)
        }
        drive.ended()
        #expect(drive.record.status == (fallsBack ? 200 : UInt16(status)))
        #expect(drive.unsettled == nil)
    }

    @Test("a time-out of the first byte falls back")
    func timeout() throws {
        let drive = Drive(SnapshotSample.model(fallbacks: 1))
        try drive.post(path, small)
        drive.sent()
        #expect(drive.expire().dispatch?.endpoint == 1)
        drive.sent()
        try drive.answered(200)
        drive.ended()
        #expect(drive.record.flags == [.fallback, .usageMissing] && drive.unsettled == nil)
    }

    @Test("a target without endpoints is passed over")
    func empty() throws {
        var sample = SnapshotSample.model(fallbacks: 2)
        sample.backends[0].addresses = []
        sample.backends[1].addresses = []
        let drive = Drive(sample)
        #expect(try drive.post(path, small).dispatch?.endpoint == 0)
        #expect(drive.record.attempts == 1 && drive.record.flags == .fallback)
        drive.sent()
        try drive.answered(200)
        drive.ended()
        #expect(drive.record.backend == "default/b2" && drive.unsettled == nil)
        sample.backends[2].addresses = []
        let nobody = Drive(sample)
        try nobody.post(path, small)
        #expect(nobody.record.status == 503 && nobody.refusal == "upstream-unreachable")
        #expect(nobody.unsettled == nil)
    }

    @Test("once an answer has begun, nothing else is tried")
    func tooLate() throws {
        let drive = Drive(SnapshotSample.model(fallbacks: 1))
        try drive.post(path, small)
        drive.sent()
        try drive.answered(200)
        #expect(drive.failed(.reset(wasReused: false)).dispatch == nil)
        let step = drive.broke()
        #expect(step.dispatch == nil && step.closesClient && !step.endsAnswer)
        #expect(drive.record.flags == [.truncated, .usageMissing])
        #expect(drive.record.attempts == 1 && drive.unsettled == nil)
    }
}
