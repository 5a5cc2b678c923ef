// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire
import Testing

@Suite("Exchanges that end before their end")
struct EndingTests {
    private let path = "/v1/chat/completions"

    /// A drive that was brought into each phase in which a caller may leave.
    private func phases() throws -> [(String, Drive)] {
        let sample = SnapshotSample.model(fallbacks: 1, retry: RetryPolicy(attempts: 2))
        var drives: [(String, Drive)] = []
        func add(_ name: String, _ steps: (Drive) throws -> Void) throws {
            let drive = Drive(sample)
            try steps(drive)
            drives.append((name, drive))
        }
        func post(_ drive: Drive) throws {
            try drive.post(path, #"{"model":"small","stream":true}"#)
        }
        try add("collecting") {
            try $0.begin("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        }
        try add("dispatched") { try post($0) }
        try add("sent") {
            try post($0)
            $0.sent()
        }
        try add("dispatched again") {
            try post($0)
            $0.sent()
            $0.failed(.reset(wasReused: false))
        }
        try add("on a fresh connection") {
            try post($0)
            $0.sent()
            $0.failed(.reset(wasReused: true))
        }
        try add("on the fallback") {
            try post($0)
            $0.failed(.connect)
            $0.failed(.connect)
        }
        try add("holding") {
            try post($0)
            $0.sent()
            try $0.answered(200, "content-type: text/event-stream\r\n")
        }
        try add("relaying") {
            try post($0)
            $0.sent()
            try $0.answered(200, "content-type: text/event-stream\r\n")
            $0.came("data: {}\n\n")
        }
        try add("in the middle of an event") {
            try post($0)
            $0.sent()
            try $0.answered(200, "content-type: text/event-stream\r\n")
            $0.came("data: {}\n\ndata: {\"a")
            $0.written += $0.releasedHead
        }
        return drives
    }

    @Test("a caller that leaves in any phase ends everything exactly once")
    func clientGone() throws {
        for (name, drive) in try phases() {
            #expect(drive.phase != .done, "\(name)")
            let step = drive.gone()
            #expect(step.isDone && step.closesClient && step.abandonsUpstream, "\(name)")
            #expect(!step.writes && !step.writesBody && !step.endsAnswer, "\(name)")
            #expect(drive.record.flags.contains(.clientAborted), "\(name)")
            let wasAnswered = wroteHead(name)
            #expect(drive.record.status == (wasAnswered ? 200 : 499), "\(name)")
            #expect(drive.unsettled == nil, "\(name)")
        }
    }

    @Test("what comes after the end changes nothing")
    func late() throws {
        for (name, drive) in try phases() {
            drive.gone()
            let record = drive.record.total
            drive.wait(.seconds(100))
            for step in [
                drive.gone(), drive.tick(), drive.failed(.connect), drive.ended(), drive.broke(),
                try drive.answered(200), drive.failed(.reset(wasReused: true)),
            ] {
                #expect(!step.isDone && !step.writes && step.dispatch == nil, "\(name)")
            }
            drive.take(
                drive.exchange.bodyFailed(
                    Refusal(.bodyTooLarge), shard: &drive.shard, at: drive.now))
            #expect(
                drive.record.total == record && drive.written.isEmpty == !wroteHead(name), "\(name)"
            )
            #expect(drive.unsettled == nil, "\(name)")
        }
    }

    private func wroteHead(_ name: String) -> Bool {
        name == "relaying" || name.hasPrefix("in the middle")
    }

    @Test("a caller that leaves a connection on which nothing runs ends nothing")
    func idle() throws {
        let drive = Drive(SnapshotSample())
        #expect(!drive.gone().isDone && !drive.tick().isDone)
        #expect(drive.active == 0 && drive.phase == .idle)
    }

    @Test("a streamed body that turns out malformed ends its attempt without blaming the endpoint")
    func malformedBody() throws {
        var sample = SnapshotSample()
        sample.backends = [
            BackendSample(endpoints: 2) { $0.outlier = OutlierPolicy(consecutiveFailures: 1) }
        ]
        for isAnswered in [false, true] {
            let drive = Drive(sample)
            try drive.begin("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            drive.sent()
            drive.exchange.requestProgressed(bytes: 5, at: drive.now)
            if isAnswered { try drive.answered(200) }
            let step = drive.take(
                drive.exchange.bodyFailed(
                    Refusal(Violation(.badChunkSize, at: 7)), shard: &drive.shard, at: drive.now))
            #expect(step.abandonsUpstream && step.closesClient && !step.endsAnswer)
            #expect(drive.refusal == "malformed-request" && drive.unsettled == nil)
            #expect(drive.record.status == (isAnswered ? 200 : 400))
            #expect(drive.shard.fleet.statistics(backend: 0, at: drive.now)?.ejected == 0)
        }
    }

    @Test("a proxy that drains closes each connection behind its answer")
    func draining() throws {
        let drive = Drive(SnapshotSample())
        drive.shard.isDraining = true
        try drive.get("/")
        drive.sent()
        try drive.answered(200)
        #expect(drive.written.field("connection") == "close")
        drive.came("ok", isLast: true)
        let step = drive.ended()
        #expect(step.endsAnswer && step.closesClient && drive.unsettled == nil)
        try drive.get("/a%00")
        #expect(drive.written.field("connection") == "close")
        #expect(drive.steps.last?.closesClient == true)
    }

    @Test("a process that can wait no longer ends an exchange in any phase, and says why")
    func cutOff() throws {
        for (name, drive) in try phases() {
            drive.written = ""
            let step = drive.take(drive.exchange.cutOff(shard: &drive.shard, at: drive.now))
            #expect(step.isDone && step.abandonsUpstream && !step.endsAnswer, "\(name)")
            #expect(drive.refusal == "draining" && drive.record.fault == .mesh, "\(name)")
            #expect(drive.written.contains("draining"), "\(name)")
            #expect(drive.unsettled == nil, "\(name)")
            let late = drive.exchange.cutOff(shard: &drive.shard, at: drive.now)
            #expect(!late.isDone && !late.writes && !late.writesBody, "\(name)")
        }
    }

    @Test("an answer that comes before its request is whole closes the connection behind it")
    func early() throws {
        let drive = Drive(SnapshotSample())
        try drive.begin("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n")
        drive.sent()
        drive.exchange.requestProgressed(bytes: 5, at: drive.now)
        try drive.answered(403)
        #expect(drive.written.field("connection") == "close")
        drive.came("no", isLast: true)
        #expect(drive.ended().closesClient && drive.unsettled == nil)
    }

    @Test("a drain that begins while a body is collected closes behind a refusal of it")
    func drainsWhileCollecting() throws {
        let drive = Drive(SnapshotSample.model())
        try drive.begin("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        drive.shard.isDraining = true
        let step = drive.body("{")
        #expect(step.isDone && step.closesClient && drive.refusal == "invalid-json")
        #expect(drive.written.field("connection") == "close" && drive.unsettled == nil)
    }

    @Test("a drain that begins in the middle of an exchange lets its answer finish")
    func drainsLater() throws {
        let drive = Drive(SnapshotSample())
        try drive.get("/")
        drive.sent()
        drive.shard.isDraining = true
        try drive.answered(200)
        #expect(drive.written.field("connection") == "close")
        drive.came("ok", isLast: true)
        #expect(drive.ended().closesClient && drive.unsettled == nil)
    }
}
