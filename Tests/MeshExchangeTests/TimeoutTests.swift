// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Time limits")
struct TimeoutTests {
    private func drive(_ timeouts: Timeouts, attempts: Int = 1) -> Drive {
        var sample = SnapshotSample()
        sample.backends = [BackendSample(endpoints: 2)]
        sample.rules = [
            .forward(to: 0, retry: RetryPolicy(attempts: attempts), timeouts: timeouts)
        ]
        return Drive(sample)
    }

    /// Checks that nothing happens just before `limit`, and that the code is right at it.
    private func expect(
        _ drive: Drive, after limit: Nanoseconds, _ status: UInt16, _ code: String
    ) {
        #expect(drive.deadline == drive.now + limit)
        drive.wait(limit - Nanoseconds(1))
        let early = drive.tick()
        #expect(!early.isDone && !early.writes && early.dispatch == nil)
        drive.wait(Nanoseconds(1))
        let step = drive.tick()
        #expect(step.isDone && step.abandonsUpstream)
        #expect(drive.record.status == status && drive.refusal == code)
        #expect(drive.record.fault == .upstream && drive.unsettled == nil)
        #expect(!drive.tick().isDone)
    }

    @Test("a connection that is not made in time")
    func connect() throws {
        let drive = drive(Timeouts(connect: .seconds(3)))
        try drive.get("/")
        expect(drive, after: .seconds(3), 503, "upstream-unreachable")
    }

    @Test("an answer that does not begin in time")
    func firstByte() throws {
        let drive = drive(Timeouts(firstByte: .seconds(7)))
        try drive.get("/")
        drive.wait(.seconds(1))
        drive.sent()
        expect(drive, after: .seconds(7), 504, "first-byte-timeout")
    }

    @Test("a caller that stops sending its body is to blame, not the endpoint")
    func slowUpload() throws {
        let drive = drive(Timeouts(firstByte: .seconds(7)), attempts: 3)
        try drive.begin("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        drive.sent()
        for _ in 0..<3 {
            drive.wait(.seconds(29))
            #expect(!drive.tick().isDone)
            drive.exchange.requestProgressed(bytes: 2, at: drive.now)
        }
        #expect(drive.deadline == drive.now + .seconds(30))
        let step = drive.expire()
        #expect(step.isDone && step.dispatch == nil && step.closesClient)
        #expect(drive.record.status == 408 && drive.refusal == "request-timeout")
        #expect(drive.record.fault == .client && drive.unsettled == nil)
    }

    @Test("the wait for an answer begins with the end of the request")
    func firstByteBehindBody() throws {
        let drive = drive(Timeouts(firstByte: .seconds(7)))
        try drive.begin("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        drive.sent()
        drive.wait(.seconds(20))
        drive.exchange.requestProgressed(bytes: 9, at: drive.now)
        drive.exchange.requestCompleted(bytes: 0, at: drive.now)
        expect(drive, after: .seconds(7), 504, "first-byte-timeout")
    }

    @Test("an attempt that takes too long, before and after the answer's head")
    func backendRequest() throws {
        let first = drive(Timeouts(backendRequest: .seconds(4), firstByte: nil))
        try first.get("/")
        first.wait(.seconds(1))
        first.sent()
        expect(first, after: .seconds(3), 504, "upstream-timeout")
        let second = drive(Timeouts(backendRequest: .seconds(4), streamIdle: .seconds(3)))
        try second.get("/")
        second.sent()
        try second.answered(200, "content-length: 9\r\n")
        second.wait(.seconds(2))
        second.came("abc")
        expect(second, after: .seconds(2), 200, "upstream-timeout")
        #expect(second.record.flags == .truncated)
    }

    @Test("a request that takes too long, in every phase")
    func request() throws {
        let limits = Timeouts(
            connect: .seconds(50), request: .seconds(9), firstByte: nil, streamIdle: nil)
        let waiting = drive(limits, attempts: 5)
        try waiting.get("/")
        waiting.wait(.seconds(2))
        expect(waiting, after: .seconds(7), 504, "upstream-timeout")
        let sent = drive(limits, attempts: 5)
        try sent.get("/")
        sent.sent()
        sent.wait(.seconds(2))
        expect(sent, after: .seconds(7), 504, "upstream-timeout")
        let relaying = drive(limits, attempts: 5)
        try relaying.get("/")
        relaying.sent()
        relaying.wait(.seconds(2))
        try relaying.answered(200)
        expect(relaying, after: .seconds(7), 200, "upstream-timeout")
    }

    @Test("an answer that falls silent, each piece begins the wait anew")
    func streamIdle() throws {
        let drive = drive(Timeouts(streamIdle: .seconds(2)))
        try drive.get("/")
        drive.sent()
        try drive.answered(200, "content-length: 9\r\n")
        for _ in 0..<5 {
            drive.wait(.milliseconds(1900))
            #expect(!drive.tick().isDone)
            drive.came("x")
        }
        expect(drive, after: .seconds(2), 200, "stream-stalled")
        #expect(drive.record.flags == .truncated)
    }

    @Test("a limit of one attempt ends that attempt, not the request")
    func nextAttempt() throws {
        let drive = drive(
            Timeouts(request: .seconds(10), backendRequest: .seconds(2), firstByte: .seconds(1)),
            attempts: 3)
        let first = try #require(try drive.get("/").dispatch)
        drive.sent()
        let step = drive.expire()
        let second = try #require(step.dispatch)
        #expect(second.slot != first.slot && drive.inFlight == 1 && step.abandonsUpstream)
        #expect(drive.deadline > drive.now)
        drive.sent()
        try drive.answered(200)
        drive.ended()
        #expect(drive.record.status == 200 && drive.unsettled == nil)
    }

    @Test("limits of a model replace those of the rule that led to it")
    func modelLimits() throws {
        let drive = Drive(
            SnapshotSample.model(timeouts: Timeouts(firstByte: .seconds(3))))
        try drive.post("/v1/chat/completions", #"{"model":"small"}"#)
        drive.sent()
        expect(drive, after: .seconds(3), 504, "first-byte-timeout")
    }

    @Test("without limits nothing ever fires")
    func none() throws {
        let drive = drive(Timeouts(firstByte: nil, streamIdle: nil))
        try drive.get("/")
        drive.sent()
        #expect(drive.deadline == .distantFuture)
        drive.wait(.seconds(1_000_000))
        #expect(!drive.tick().isDone)
        try drive.answered(200)
        #expect(drive.deadline == .distantFuture)
        drive.ended()
        #expect(drive.unsettled == nil)
    }
}
