// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshExchange
import MeshPolicy
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Copies whose answers are compared")
struct MirrorTests {
    private static let chat = "/v1/chat/completions"
    private static let ask = #"{"model":"small","messages":[]}"#
    private static let json = "content-type: application/json\r\n"

    /// A model on backend 0 with a mirror on backend 1.
    private func sample(
        _ comparison: Comparison? = Comparison(percent: 100), percent: Int = 100
    ) -> SnapshotSample {
        var sample = SnapshotSample.model()
        sample.backends = (0..<3).map { BackendSample(name: "default/b\($0)", subnet: $0) }
        sample.models[0].mirrors = [
            Mirror(
                backend: 1, numerator: percent, denominator: 100, upstreamModel: bytes("next"),
                price: Price(input: 2, output: 3, cachedInput: 2, currency: .usd))
        ]
        sample.models[0].targets[0].price =
            Price(input: 1, output: 1, cachedInput: 1, currency: .usd)
        sample.models[0].comparison = comparison
        return sample
    }

    private func document(_ text: String, input: Int = 5, output: Int = 7) -> String {
        #"{"choices":[{"message":{"content":"\#(text)"},"finish_reason":"stop"}],"#
            + #""usage":{"prompt_tokens":\#(input),"completion_tokens":\#(output)}}"#
    }

    private func message(_ body: String, status: Int = 200) -> String {
        "HTTP/1.1 \(status) X\r\n\(Self.json)content-length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// The caller is answered `body`.
    private func answer(_ drive: Drive, _ body: String, status: Int = 200) throws {
        drive.sent()
        try drive.answered(
            status, "\(Self.json)content-length: \(body.utf8.count)\r\n")
        drive.came(body, isLast: true)
        drive.ended()
        #expect(drive.unsettled == nil)
    }

    private func totals(_ drive: Drive) throws -> MirrorComparison {
        let all = drive.shard.metrics.mirrorComparisons
        #expect(all.count == 1)
        let found = try #require(all.first)
        #expect(found.labels.model == "default/small" && found.labels.mirror == "default/b1")
        #expect(found.labels.mirrorModel == "next" && found.labels.route == "models")
        return found.totals
    }

    /// Compares whatever is ready.
    @discardableResult
    private func compare(_ drive: Drive) -> [MirrorFinding] {
        drive.shard.mirrors.takeReady().map { pair in
            let finding = pair.compared()
            drive.shard.settle(finding)
            return finding
        }
    }

    @Test("a copy for a model's mirror names that model, and nothing of the caller's credential")
    func copies() throws {
        let drive = Drive(sample(nil))
        let step = try drive.post(
            Self.chat, #"{"model":"small","stream":true}"#, fields: "Authorization: Bearer x\r\n")
        let order = try #require(step.mirrors.first)
        #expect(step.mirrors.count == 1 && order.backend == 1 && order.ticket == nil)
        let copy = drive.mirrored(order)
        // Nobody looks at the answer, so nobody needs to know what it used.
        #expect(copy.body == #"{"model":"next","stream":true}"#)
        #expect(copy.head.field("content-length") == "\(copy.body.utf8.count)")
        #expect(copy.head.field("authorization") == nil)
        #expect(copy.head.field("connection") == "close")
        drive.gone()
        #expect(drive.shard.mirrors.outstanding == 0)
    }

    @Test("a copy whose answer is compared asks a stream for its usage")
    func usage() throws {
        let drive = Drive(sample())
        let step = try drive.post(Self.chat, #"{"model":"small","stream":true}"#)
        let order = try #require(step.mirrors.first)
        #expect(
            drive.mirrored(order).body
                == #"{"stream_options":{"include_usage":true},"model":"next","stream":true}"#)
        drive.gone()
    }

    @Test("both answers are compared, whichever is there first", arguments: [true, false])
    func compared(mirrorIsFirst: Bool) throws {
        let drive = Drive(sample())
        let order = try #require(try drive.post(Self.chat, Self.ask).mirrors.first)
        drive.wait(.milliseconds(20))
        func mirror() {
            drive.mirrorAnswered(order, message(document("Hello", input: 6, output: 9)))
        }
        if mirrorIsFirst { mirror() }
        drive.wait(.milliseconds(30))
        try answer(drive, document("Hello"))
        if !mirrorIsFirst {
            #expect(!drive.shard.mirrors.hasReady)
            mirror()
        }
        #expect(drive.shard.mirrors.outstanding == 1)
        let finding = try #require(compare(drive).first)
        #expect(drive.shard.mirrors.outstanding == 0)
        #expect(finding.ticket.request == drive.record.requestID)
        let pair = finding.pair
        #expect(pair.content?.sameText == true && pair.content?.sameStructure == true)
        #expect(pair.content?.sameTools == nil && pair.content?.similarity == nil)
        #expect(pair.primary.total == .milliseconds(50))
        #expect(pair.mirror.total == .milliseconds(mirrorIsFirst ? 20 : 50))
        #expect((pair.primary.tokens.input, pair.primary.tokens.output) == (5, 7))
        #expect(pair.mirror.tokens.output == 9)
        #expect(pair.primary.cost == Cost(trillionths: 12, currency: .usd))
        #expect(pair.mirror.cost == Cost(trillionths: 39, currency: .usd))
        let totals = try totals(drive)
        #expect((totals.compared, totals.sameStatus, totals.sameText) == (1, 1, 1))
        #expect((totals.primary.cost, totals.mirror.cost) == (12, 39))
        #expect(totals.copies[Int(CopyResult.answered.rawValue)] == 1)
    }

    @Test("a stream is compared by the text that it comes to, as the caller gets it")
    func streams() throws {
        let drive = Drive(sample())
        let body = #"{"model":"small","stream":true}"#
        let order = try #require(try drive.post(Self.chat, body).mirrors.first)
        func event(_ text: String, _ end: String = "null") -> String {
            #"data: {"choices":[{"index":0,"delta":{"content":"\#(text)"},"#
                + #""finish_reason":\#(end)}]}"# + "\n\n"
        }
        let usage = #"data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#
        drive.sent()
        try drive.answered(200, "content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n")
        drive.wait(.milliseconds(40))
        // Cut within an event, so that the relay holds some of it back.
        let whole = event("Hel") + event("lo", "\"stop\"") + usage + "\n\ndata: [DONE]\n\n"
        let middle = whole.index(whole.startIndex, offsetBy: 90)
        drive.came(String(whole[..<middle]))
        drive.came(String(whole[middle...]), isLast: true)
        drive.ended()
        #expect(drive.unsettled == nil)
        #expect(!drive.written.contains("usage"), "the caller did not ask for it")
        let mirrored = event("Hello", "\"stop\"") + usage + "\n\ndata: [DONE]\n\n"
        drive.mirrorAnswered(
            order,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                + "content-length: \(mirrored.utf8.count)\r\n\r\n\(mirrored)")
        let pair = try #require(compare(drive).first?.pair)
        #expect(pair.content?.sameText == true && pair.content?.sameStructure == true)
        #expect(pair.primary.firstByte == .milliseconds(40))
        #expect(pair.primary.tokens.output == 2 && pair.mirror.tokens.output == 2)
    }

    @Test("an error of the mirror, and one that the caller is told, differ by status alone")
    func errors() throws {
        let drive = Drive(sample())
        var order = try #require(try drive.post(Self.chat, Self.ask).mirrors.first)
        drive.mirrorAnswered(order, message(#"{"error":{"message":"no"}}"#, status: 500))
        try answer(drive, document("a"))
        var pair = try #require(compare(drive).first?.pair)
        #expect(pair.content == nil && !pair.sameStatus)
        #expect(pair.primary.isGood && !pair.mirror.isGood)
        order = try #require(try drive.post(Self.chat, Self.ask).mirrors.first)
        drive.mirrorAnswered(order, message(document("a")))
        drive.failed(.connect)
        #expect(drive.record.status == 503)
        pair = try #require(compare(drive).first?.pair)
        #expect(pair.primary.status == 503 && !pair.primary.isGood && pair.mirror.isGood)
        // A failure that the mirror tells as a success is one all the same.
        order = try #require(try drive.post(Self.chat, Self.ask).mirrors.first)
        drive.mirrorAnswered(order, message(#"{"error":{"message":"no"}}"#))
        try answer(drive, document("a"))
        pair = try #require(compare(drive).first?.pair)
        #expect(pair.sameStatus && !pair.mirror.isGood && pair.content == nil)
        #expect(try totals(drive).compared == 3)
    }

    @Test("what comes of a copy that is not answered is counted, and nothing of it is kept")
    func unanswered() throws {
        let drive = Drive(sample())
        for result in [CopyResult.broken, .unreachable, .timeout] {
            let order = try #require(try drive.post(Self.chat, Self.ask).mirrors.first)
            let ticket = try #require(order.ticket)
            let isBegun = drive.shard.mirrors.begin(ticket)
            #expect(isBegun)
            drive.shard.copyEnded(
                order, result, nil, watch: drive.exchange.answerWatch, at: drive.now)
            try answer(drive, document("a"))
            #expect(compare(drive).isEmpty)
            #expect(drive.shard.mirrors.outstanding == 0)
        }
        let totals = try totals(drive)
        #expect(totals.copies == [0, 1, 1, 1, 0, 0] && totals.compared == 0)
    }

    @Test("when the caller leaves there is nothing to compare")
    func left() throws {
        let drive = Drive(sample())
        for isFirst in [true, false] {
            let order = try #require(try drive.post(Self.chat, Self.ask).mirrors.first)
            if isFirst { drive.mirrorAnswered(order, message(document("a"))) }
            drive.gone()
            if !isFirst { drive.mirrorAnswered(order, message(document("a"))) }
            #expect(!drive.shard.mirrors.hasReady && drive.shard.mirrors.outstanding == 0)
        }
        #expect(try totals(drive).compared == 0)
    }

    @Test("a copy counts until its mirror is through, also when the caller leaves before")
    func abandoned() throws {
        let drive = Drive(sample())
        for isAnswered in [true, false] {
            let order = try #require(try drive.post(Self.chat, Self.ask).mirrors.first)
            let ticket = try #require(order.ticket)
            let isBegun = drive.shard.mirrors.begin(ticket)
            #expect(isBegun)
            drive.gone()
            #expect(drive.shard.mirrors.outstanding == 1)
            if isAnswered {
                drive.mirrorEnded(order, message(document("a")))
            } else {
                drive.shard.copyEnded(order, .timeout, nil, watch: nil, at: drive.now)
            }
            #expect(!drive.shard.mirrors.hasReady && drive.shard.mirrors.outstanding == 0)
        }
    }

    @Test("a Model that compares nothing is left out where its route compares")
    func excepted() throws {
        var sample = sample(Comparison(percent: 0))
        sample.rules[0].comparison = Comparison(percent: 100)
        let order = try #require(try Drive(sample).post(Self.chat, Self.ask).mirrors.first)
        #expect(order.ticket == nil)
    }

    @Test("no more copies are on their way or wait to be compared than may be")
    func bounded() throws {
        let drive = Drive(sample(Comparison(percent: 100, concurrentMax: 3)))
        var sent = 0
        for _ in 0..<10 {
            let order = try #require(try drive.post(Self.chat, Self.ask).mirrors.first)
            if drive.mirrorAnswered(order, message(document("a"))) {
                sent += 1
            } else {
                drive.shard.copyEnded(
                    order, .busy, nil, watch: drive.exchange.answerWatch, at: drive.now)
            }
            try answer(drive, document("a"))
        }
        #expect(sent == 3 && drive.shard.mirrors.outstanding == 3)
        #expect(compare(drive).count == 3)
        let order = try #require(try drive.post(Self.chat, Self.ask).mirrors.first)
        #expect(drive.mirrorAnswered(order, message(document("a"))))
        try answer(drive, document("a"))
        compare(drive)
        let totals = try totals(drive)
        #expect(totals.compared == 4)
        #expect(totals.copies[Int(CopyResult.busy.rawValue)] == 7)
    }

    @Test("an answer that is larger than what is read is compared by all but what it says")
    func tooLarge() throws {
        let drive = Drive(sample(Comparison(percent: 100, answerBytesMax: 64)))
        let order = try #require(try drive.post(Self.chat, Self.ask).mirrors.first)
        let text = String(repeating: "x", count: 500)
        drive.mirrorAnswered(order, message(document(text)))
        try answer(drive, document(text))
        let finding = try #require(compare(drive).first)
        #expect(finding.gap == .tooLarge && finding.pair.content == nil)
        #expect(finding.pair.primary.isGood && finding.pair.mirror.isGood)
    }

    @Test("a share of the copies is compared, and a share of requests copied")
    func shares() throws {
        let drive = Drive(sample(Comparison(percent: 30), percent: 50), seed: 9)
        var (copies, tickets) = (0, 0)
        for _ in 0..<2_000 {
            let step = try drive.post(Self.chat, Self.ask)
            copies += step.mirrors.count
            tickets += step.mirrors.count { $0.ticket != nil }
            drive.gone()
        }
        #expect(abs(copies - 1_000) < 120 && abs(tickets - 300) < 90, "\(copies) \(tickets)")
        #expect(drive.shard.mirrors.outstanding == 0)
    }

    @Test("the caller's answer is the same to the byte with a mirror and without")
    func invisible() throws {
        func run(_ sample: SnapshotSample) throws -> (String, String) {
            let drive = Drive(sample)
            let step = try drive.post(Self.chat, Self.ask)
            for order in step.mirrors { drive.mirrorAnswered(order, message("no", status: 500)) }
            try answer(drive, document("a"))
            return (drive.written.afterHead, drive.written.startLine)
        }
        var without = sample(nil)
        without.models[0].mirrors = []
        #expect(try run(sample()) == run(without))
    }

    @Test("no copy goes where a rule or residency does not let the request go")
    func barred() throws {
        var sample = sample()
        var access = AccessSample()
        let policy = try access.add(
            ("elsewhere", .deny, "destination.backend == 'default/b1'"))
        sample.access = access.table
        sample.models[0].access = [policy]
        let drive = Drive(sample)
        #expect(try drive.post(Self.chat, Self.ask).mirrors.isEmpty)
        try answer(drive, document("a"))
        #expect(try totals(drive).copies[Int(CopyResult.barred.rawValue)] == 1)

        var confined = self.sample()
        confined.backends[0].labels = ["region": "eu"]
        confined.backends[1].labels = ["region": "us"]
        try confined.residency.add("phi", regions: ["eu"])
        confined.residency.headers = ["x-data"]
        let other = Drive(confined)
        #expect(try other.post(Self.chat, Self.ask, fields: "x-data: phi\r\n").mirrors.isEmpty)
        try answer(other, document("a"))
        #expect(try other.post(Self.chat, Self.ask).mirrors.count == 1)
        other.gone()
    }

    @Test("a recorded exchange with copies is decided again in the same way")
    func replayed() throws {
        var sample = sample(Comparison(percent: 50), percent: 50)
        sample.recording = RecordingSettings(perSecondMax: 100, ringMax: 100)
        let drive = Drive(sample)
        for _ in 0..<20 {
            let step = try drive.post(Self.chat, Self.ask)
            for order in step.mirrors { drive.mirrorAnswered(order, message(document("a"))) }
            try answer(drive, document("a"))
            compare(drive)
        }
        let snapshot = drive.shard.snapshot
        #expect(drive.shard.recorder.all.count == 20)
        for recording in drive.shard.recorder.all {
            #expect(try Replay.run(recording) { _ in snapshot }.difference == nil)
        }
    }
}
