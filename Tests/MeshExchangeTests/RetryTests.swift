// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Retries")
struct RetryTests {
    private func sample(_ retry: RetryPolicy, endpoints: Int = 3) -> SnapshotSample {
        var sample = SnapshotSample()
        sample.backends = [BackendSample(endpoints: endpoints)]
        sample.rules = [.forward(to: 0, retry: retry)]
        return sample
    }

    @Test("a connection that could not be made is tried at another endpoint at once")
    func connect() throws {
        let drive = Drive(sample(RetryPolicy(attempts: 2)))
        let first = try #require(try drive.get("/").dispatch)
        let step = drive.failed(.connect)
        let second = try #require(step.dispatch)
        #expect(second.slot != first.slot && step.delay == .zero && step.abandonsUpstream)
        #expect(!step.needsFreshConnection && drive.inFlight == 1)
        drive.sent()
        try drive.answered(200)
        drive.ended()
        #expect(drive.record.attempts == 2 && drive.record.flags == .retried)
        #expect(drive.record.status == 200 && drive.record.refusal == nil)
        #expect(drive.record.endpoint != nil && drive.unsettled == nil)
    }

    @Test("attempts are bounded, then the failure is told", arguments: [1, 2, 3, 5])
    func bound(attempts: Int) throws {
        for failure in [AttemptFailure.connect, .connectTimeout, .reset(wasReused: false)] {
            let drive = Drive(sample(RetryPolicy(attempts: attempts)))
            try drive.get("/")
            var dispatches = 1
            while drive.phase != .done {
                if drive.failed(failure).dispatch != nil { dispatches += 1 }
                try #require(dispatches < 20)
            }
            // One that cannot be reached in time is not waited for a second time.
            let bound = failure == .connectTimeout ? min(attempts, 3) : attempts
            #expect(dispatches == bound && drive.record.attempts == UInt16(bound))
            let isReset = failure == .reset(wasReused: false)
            #expect(drive.record.status == (isReset ? 502 : 503))
            #expect(drive.refusal == (isReset ? "upstream-reset" : "upstream-unreachable"))
            #expect(drive.record.fault == .upstream && drive.unsettled == nil)
            #expect(drive.record.flags.contains(.retried) == (attempts > 1))
        }
    }

    @Test("every endpoint is tried before one is tried again")
    func spreads() throws {
        for seed in UInt64(1)..<30 {
            let drive = Drive(sample(RetryPolicy(attempts: 4), endpoints: 3), seed: seed)
            var seen = [try #require(try drive.get("/").dispatch).endpoint]
            for _ in 0..<3 { seen.append(try #require(drive.failed(.connect).dispatch).endpoint) }
            #expect(Set(seen[..<3]).count == 3, "seed \(seed)")
            drive.failed(.connect)
            #expect(drive.unsettled == nil, "seed \(seed)")
        }
    }

    @Test("what the policy does not list is not tried again")
    func switchedOff() throws {
        let policy = RetryPolicy(
            attempts: 3, onConnectFailure: false, onReset: false, statuses: [])
        for failure in [AttemptFailure.connect, .reset(wasReused: false), .malformed] {
            let drive = Drive(sample(policy))
            try drive.get("/")
            drive.sent()
            #expect(drive.failed(failure).dispatch == nil)
            #expect(drive.record.attempts == 1 && drive.unsettled == nil)
        }
        let drive = Drive(sample(policy))
        try drive.get("/")
        drive.sent()
        #expect(try drive.answered(503).relaysBody)
        drive.gone()
    }

    @Test("what is not an answer is never tried again")
    func malformed() throws {
        let drive = Drive(sample(RetryPolicy(attempts: 3)))
        try drive.get("/")
        drive.sent()
        drive.failed(.malformed)
        #expect(drive.record.status == 502 && drive.refusal == "upstream-malformed")
        #expect(drive.unsettled == nil)
    }

    @Test("a kept connection that was closed meanwhile costs no attempt, but only once")
    func reused() throws {
        let drive = Drive(sample(RetryPolicy(attempts: 1)))
        let first = try #require(try drive.get("/").dispatch)
        drive.sent()
        let step = drive.failed(.reset(wasReused: true))
        #expect(step.dispatch == first && step.needsFreshConnection && step.abandonsUpstream)
        #expect(step.delay == .zero && drive.inFlight == 1 && drive.record.attempts == 1)
        #expect(!drive.record.flags.contains(.retried))
        drive.sent()
        drive.failed(.reset(wasReused: true))
        #expect(drive.refusal == "upstream-reset" && drive.unsettled == nil)
    }

    @Test("a body that is gone is not sent again, not even on a fresh connection")
    func notReplayable() throws {
        for failure in [
            AttemptFailure.reset(wasReused: true), .reset(wasReused: false), .connect,
        ] {
            let drive = Drive(sample(RetryPolicy(attempts: 3)))
            try drive.begin("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
            drive.sent()
            drive.exchange.requestProgressed(bytes: 4, at: drive.now)
            #expect(drive.failed(failure).dispatch == nil)
            #expect(drive.record.attempts == 1 && drive.unsettled == nil)
        }
        let drive = Drive(sample(RetryPolicy(attempts: 3)))
        try drive.begin("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        drive.sent()
        drive.exchange.requestProgressed(bytes: 9, at: drive.now)
        #expect(try drive.answered(503).relaysBody)
        drive.ended()
        #expect(drive.record.status == 503 && drive.unsettled == nil)
    }

    @Test("listed statuses are tried again with a pause, others are passed on")
    func statuses() throws {
        let policy = RetryPolicy(attempts: 2, statuses: [429, 503])
        for (status, isRetried) in [(429, true), (503, true), (502, false), (404, false)] {
            let drive = Drive(sample(policy))
            try drive.get("/")
            drive.sent()
            let step = try drive.answered(status)
            #expect((step.dispatch != nil) == isRetried, "\(status)")
            if isRetried {
                #expect(step.abandonsUpstream && !step.writes)
                #expect(step.delay >= .zero && step.delay <= policy.backoffBase)
                drive.sent()
                #expect(try drive.answered(status).relaysBody, "the last answer is passed on")
            }
            drive.ended()
            #expect(drive.record.status == UInt16(status) && drive.unsettled == nil)
        }
    }

    @Test("Retry-After is waited for when it is short, and decides against a retry when long")
    func retryAfter() throws {
        let policy = RetryPolicy(attempts: 3, statuses: [503], backoffMax: .seconds(2))
        let short = Drive(sample(policy))
        try short.get("/")
        short.sent()
        let step = try short.answered(503, "retry-after: 2\r\ncontent-length: 0\r\n")
        #expect(step.delay == .seconds(2) && step.dispatch != nil)
        #expect(short.deadline == short.now + .seconds(7))
        short.gone()
        for value in ["3", "99999999999", "9223372036854775807"] {
            let long = Drive(sample(policy))
            try long.get("/")
            long.sent()
            #expect(
                try long.answered(503, "retry-after: \(value)\r\ncontent-length: 0\r\n").relaysBody)
            long.ended()
            #expect(long.record.attempts == 1 && long.unsettled == nil)
        }
    }

    @Test("retries stay within their budget, and what is left out is counted")
    func budget() throws {
        let policy = RetryPolicy(attempts: 2, budgetPercent: 0, budgetMinPerSecond: 1)
        let drive = Drive(sample(policy))
        var retried = 0
        for _ in 0..<30 {
            try drive.get("/")
            if drive.failed(.connect).dispatch != nil { retried += 1 }
            if drive.phase != .done { drive.failed(.connect) }
            #expect(drive.unsettled == nil)
        }
        #expect(retried == 10)
        #expect(drive.shard.metrics.mesh.retryBudgetExhausted == 20)
    }

    @Test("no retry is begun behind the time limit of the request")
    func deadline() throws {
        var sample = sample(RetryPolicy(attempts: 5))
        sample.rules[0].timeouts.request = .seconds(1)
        let drive = Drive(sample)
        try drive.get("/")
        drive.wait(.seconds(1))
        #expect(drive.failed(.connect).dispatch == nil)
        #expect(drive.record.attempts == 1 && drive.unsettled == nil)
    }

    @Test("an attempt counts as a failure of its endpoint, a caller that left does not")
    func outcomes() throws {
        var sample = sample(RetryPolicy(attempts: 1), endpoints: 2)
        sample.backends[0].change = { $0.outlier = OutlierPolicy(consecutiveFailures: 1) }
        let drive = Drive(sample)
        try drive.get("/")
        drive.gone()
        #expect(drive.shard.fleet.statistics(backend: 0, at: drive.now)?.ejected == 0)
        try drive.get("/")
        drive.sent()
        try drive.answered(404)
        drive.ended()
        #expect(drive.shard.fleet.statistics(backend: 0, at: drive.now)?.ejected == 0)
        try drive.get("/")
        drive.sent()
        try drive.answered(500)
        drive.ended()
        #expect(drive.shard.fleet.statistics(backend: 0, at: drive.now)?.ejected == 1)
        #expect(drive.unsettled == nil)
    }
}
