// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire
import Testing

@Suite("A call of gRPC")
struct GRPCTests {
    /// A call up to its first dispatch or refusal.
    private func call(
        _ drive: Drive, _ fields: String = "", type: String = "application/grpc"
    ) throws -> Step {
        try drive.begin(
            "POST /test.Echo/Echo HTTP/1.1\r\nhost: mesh.test\r\ncontent-type: \(type)\r\n"
                + "te: trailers\r\n\(fields)transfer-encoding: chunked\r\n\r\n")
    }

    private let answerFields =
        "content-type: application/grpc\r\ntransfer-encoding: chunked\r\n"

    @Test("is decided again from its recording to the bit")
    func replay() throws {
        for lines in ["grpc-status: 0\r\n", "grpc-status: 9\r\ngrpc-message: x\r\n", nil] {
            var sample = SnapshotSample()
            sample.recording = RecordingSettings(perSecondMax: 10, ringMax: 10)
            let drive = Drive(sample)
            _ = try call(drive, "grpc-timeout: 5S\r\n")
            drive.sent()
            drive.exchange.requestCompleted(bytes: 1, at: drive.now)
            try drive.answered(200, answerFields)
            drive.came("message")
            if let lines {
                drive.exchange.answerTrailers(Array(lines.utf8), at: drive.now)
                drive.ended()
            } else {
                drive.broke()
            }
            let recording = try #require(drive.shard.recorder.all.last)
            let snapshot = drive.shard.snapshot
            #expect(recording.line.contains("\"grpc_status\":"))
            #expect(try Replay.run(recording) { _ in snapshot }.difference == nil)
        }
    }

    @Test("is refused in its own language")
    func refusal() throws {
        var sample = SnapshotSample()
        sample.rules = []
        let drive = Drive(sample)
        let step = try call(drive)
        #expect(step.isDone && drive.refusal == "no-route")
        #expect(drive.written.startLine == "HTTP/1.1 200 OK")
        #expect(drive.written.field("content-type") == "application/grpc")
        #expect(drive.written.field("grpc-status") == "12")
        #expect(drive.written.field("grpc-message")?.hasPrefix("no route matches") == true)
        #expect(drive.written.afterHead.isEmpty)
        #expect(drive.record.grpcStatus == 12 && drive.record.status == 200)
        #expect(drive.unsettled == nil)
    }

    @Test("what only looks like one is not")
    func others() throws {
        for type in ["application/grpc-web", "application/json", "application/grpcx"] {
            var sample = SnapshotSample()
            sample.rules = []
            let drive = Drive(sample)
            _ = try call(drive, type: type)
            #expect(drive.written.startLine == "HTTP/1.1 404 Not Found")
            #expect(drive.record.grpcStatus == nil)
        }
        var sample = SnapshotSample()
        sample.rules = []
        let drive = Drive(sample)
        _ = try call(drive, type: "application/grpc+proto")
        #expect(drive.record.grpcStatus == 12)
    }

    @Test("every refusal has a status, and none is success")
    func statuses() {
        for code in Refusal.Code.allCases {
            let status = Refusal(code).grpcStatus
            #expect((1...16).contains(status), "\(code.name)")
        }
        #expect(Refusal(.accessDenied).grpcStatus == 7)
        #expect(Refusal(.requestLimit).grpcStatus == 8)
        #expect(Refusal(.upstreamUnreachable).grpcStatus == 14)
        #expect(Refusal(.upstreamTimeout).grpcStatus == 4)
        #expect(Refusal(.noRoute).grpcStatus == 12)
    }

    @Test("a message is escaped where it must be")
    func messages() throws {
        let drive = Drive(SnapshotSample())
        _ = try call(drive)
        drive.sent()
        let refusal = Refusal(.malformedRequest, message: "50 % \n\u{e9}")
        drive.take(drive.exchange.bodyFailed(refusal, shard: &drive.shard, at: drive.now))
        #expect(drive.written.field("grpc-message") == "50 %25 %0A%C3%A9")
    }

    @Test(
        "its caller's deadline bounds it",
        arguments: [("250m", 250), ("1S", 1000), ("500000u", 500), ("1000000n", 1)])
    func deadline(_ written: String, _ milliseconds: Int64) throws {
        let drive = Drive(SnapshotSample())
        _ = try call(drive, "grpc-timeout: \(written)\r\n")
        #expect(drive.deadline <= drive.now + .milliseconds(milliseconds))
        drive.sent()
        drive.exchange.requestCompleted(bytes: 1, at: drive.now)
        drive.wait(.milliseconds(milliseconds))
        drive.tick()
        #expect(drive.record.grpcStatus == 4 && drive.refusal == "upstream-timeout")
    }

    @Test("a deadline that is malformed bounds nothing", arguments: ["1", "S", "123456789S", "1x"])
    func badDeadline(_ written: String) throws {
        let drive = Drive(SnapshotSample())
        let plain = Drive(SnapshotSample())
        _ = try call(drive, "grpc-timeout: \(written)\r\n")
        _ = try call(plain)
        #expect(drive.deadline == plain.deadline)
    }

    @Test("its outcome stands behind the answer, and counts")
    func outcome() throws {
        for (lines, status, isFailure) in [
            ("grpc-status: 0\r\n", UInt8(0), false), ("grpc-status: 5\r\n", 5, false),
            ("grpc-message: x\r\ngrpc-status: 14\r\n", 14, true),
        ] {
            var sample = SnapshotSample()
            sample.backends = [
                BackendSample(endpoints: 2) {
                    $0.outlier = OutlierPolicy(consecutiveFailures: 1)
                }
            ]
            let drive = Drive(sample)
            _ = try call(drive)
            drive.sent()
            drive.exchange.requestCompleted(bytes: 1, at: drive.now)
            try drive.answered(200, answerFields)
            drive.came("message")
            drive.exchange.answerTrailers(Array(lines.utf8), at: drive.now)
            drive.ended()
            #expect(drive.record.grpcStatus == status)
            let backend = drive.shard.fleet.statistics(at: drive.now)[0]
            #expect(backend.ejected == (isFailure ? 1 : 0))
            #expect(drive.unsettled == nil)
        }
    }

    @Test("one that failed as a whole is tried again as its status in HTTP would be")
    func retry() throws {
        var sample = SnapshotSample()
        sample.rules[0].retry.statuses = [503]
        sample.rules[0].retry.attempts = 2
        let drive = Drive(sample)
        _ = try call(drive)
        drive.sent()
        drive.exchange.requestCompleted(bytes: 1, at: drive.now)
        let fields = "content-type: application/grpc\r\ncontent-length: 0\r\ngrpc-status: "
        let again = try drive.answered(200, fields + "14\r\n")
        #expect(again.dispatch != nil && !again.writes)
        drive.sent()
        let last = try drive.answered(200, fields + "14\r\n")
        #expect(last.writes && last.relaysBody)
        drive.ended()
        #expect(drive.record.grpcStatus == 14 && drive.record.attempts == 2)
        _ = try call(drive)
        drive.sent()
        let other = try drive.answered(200, fields + "5\r\n")
        #expect(other.writes)
        drive.ended()
    }

    @Test("an answer that breaks off ends with a status")
    func broken() throws {
        let drive = Drive(SnapshotSample())
        _ = try call(drive)
        drive.sent()
        drive.exchange.requestCompleted(bytes: 1, at: drive.now)
        try drive.answered(200, answerFields)
        drive.came("half")
        let step = drive.broke()
        #expect(step.writesTrailers && !step.endsAnswer && step.closesClient && step.isDone)
        let lines = String(decoding: drive.shard.output, as: UTF8.self)
        #expect(lines.hasPrefix("grpc-status: 14\r\ngrpc-message: "))
        #expect(drive.record.flags.contains(.truncated) && drive.record.grpcStatus == 14)
        #expect(drive.unsettled == nil)
    }
}
