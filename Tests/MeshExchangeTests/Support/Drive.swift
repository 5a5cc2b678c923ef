// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshDialects
import MeshEngines
import MeshExchange
import MeshLimits
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire
import Testing

/// Drives one exchange after another as a proxy would, with heads written as text, a clock that
/// stands still unless it is moved, and everything that was written kept.
final class Drive {
    var shard: Shard
    var exchange = Exchange()
    var now = Instant(nanoseconds: 3_600_000_000_000)
    var head = RequestHead()
    var headBytes: [UInt8] = []
    var payload: [UInt8]?
    /// Every step since the last beginning.
    var steps: [Step] = []
    /// What the caller was sent: complete heads, and payloads without framing.
    var written = ""
    /// The head that was kept back and then written, in front of the piece that let it go.
    var releasedHead = ""
    private var answerHead = ResponseHead()

    init(
        _ sample: SnapshotSample, seed: UInt64 = 1, credentials: [Secret<[UInt8]>?] = []
    ) {
        shard = Shard(seed: seed, wallOffset: 0)
        adopt(sample, credentials: credentials)
    }

    /// Swaps the snapshot.
    func adopt(_ sample: SnapshotSample, credentials: [Secret<[UInt8]>?] = []) {
        let filled =
            credentials
            + [Secret<[UInt8]>?](
                repeating: nil, count: max(0, sample.backends.count - credentials.count))
        shard.adopt(sample.snapshot, credentials: filled, at: now)
    }

    var record: ExchangeRecord { exchange.record }
    var phase: Exchange.Phase { exchange.phase }
    var keepsAlive: Bool { exchange.keepsAlive }
    var deadline: Instant { exchange.deadline }
    var currentPick: Pick? { exchange.currentPick }
    /// How many of the steps ended the exchange.
    var doneCount: Int { steps.filter(\.isDone).count }
    var inFlight: Int { shard.fleet.inFlight }
    var active: Int64 { shard.metrics.mesh.activeRequests }
    var refusal: String? { record.refusal.map { "\($0)" } }

    /// A request head was read.
    @discardableResult
    func begin(_ text: String, port: Int = 0) throws -> Step {
        let bytes = Array(text.utf8)
        headBytes = bytes
        head.reset()
        let isWhole = try head.parse(bytes.span.bytes, limits: HeadLimits())
        try #require(isWhole, "the head of the test is not whole")
        steps = []
        written = ""
        releasedHead = ""
        payload = nil
        let head = head
        return take(
            exchange.begin(head, bytes.span.bytes, port: port, shard: &shard, at: now))
    }

    /// The whole body that was asked for.
    @discardableResult
    func body(_ text: String) -> Step { body(Array(text.utf8)) }

    @discardableResult
    func body(_ bytes: [UInt8]) -> Step {
        let (head, headBytes) = (head, headBytes)
        payload = bytes
        return take(
            exchange.bodyCollected(
                bytes.span.bytes, head, headBytes.span.bytes, shard: &shard, at: now))
    }

    /// A POST of `body` to `path`, up to the first dispatch or refusal.
    @discardableResult
    func post(_ path: String, _ body: String, fields: String = "") throws -> Step {
        let step = try begin(
            "POST \(path) HTTP/1.1\r\nHost: mesh.test\r\n\(fields)"
                + "Content-Length: \(body.utf8.count)\r\n\r\n")
        return step.collectsBody ? self.body(body) : step
    }

    /// A GET of `path`, up to the first dispatch or refusal.
    @discardableResult
    func get(_ path: String, fields: String = "") throws -> Step {
        try begin("GET \(path) HTTP/1.1\r\nHost: mesh.test\r\n\(fields)\r\n")
    }

    /// What would go upstream: the head as text, and the body with its edits.
    func forwarded(peer: String = "192.0.2.7") -> (head: String, body: String) {
        let (head, headBytes) = (head, headBytes)
        let peer = Array(peer.utf8)
        var body: [UInt8] = []
        if let payload {
            let edits = exchange.forwardedHead(
                head, headBytes.span.bytes, body: payload.span.bytes, peer: peer, shard: &shard)
            edits.append(payload.span.bytes, to: &body)
        } else {
            _ = exchange.forwardedHead(
                head, headBytes.span.bytes, body: nil, peer: peer, shard: &shard)
        }
        return (
            String(decoding: shard.output, as: UTF8.self), String(decoding: body, as: UTF8.self)
        )
    }

    /// Keys that were asked for were fetched, or not.
    @discardableResult
    func keysSettled() -> Step {
        let (head, headBytes, body) = (head, headBytes, payload ?? [])
        return take(
            exchange.keysSettled(
                head, headBytes.span.bytes, body: payload == nil ? nil : body.span.bytes,
                shard: &shard, at: now))
    }

    /// What would go to a mirror: the head as text, and the body with its edits.
    func mirrored(_ order: MirrorOrder) -> (head: String, body: String) {
        let (head, headBytes, payload) = (head, headBytes, payload ?? [])
        let edits = exchange.mirroredHead(
            head, headBytes.span.bytes, body: self.payload == nil ? nil : payload.span.bytes,
            for: order, peer: Array("192.0.2.7".utf8), shard: &shard)
        var body: [UInt8] = []
        edits.append(payload.span.bytes, to: &body)
        return (
            String(decoding: shard.output, as: UTF8.self), String(decoding: body, as: UTF8.self)
        )
    }

    /// The mirror of `order` answered `text`, a whole message; a copy that is not begun yet is.
    /// Answers whether there was room for it.
    @discardableResult
    func mirrorAnswered(_ order: MirrorOrder, _ text: String) -> Bool {
        if let ticket = order.ticket, !shard.mirrors.begin(ticket) { return false }
        mirrorEnded(order, text)
        return true
    }

    /// The mirror's answer to a copy that was sent has come; `text` is complete.
    func mirrorEnded(_ order: MirrorOrder, _ text: String) {
        var reader = AnswerReader(method: head.method, bytesMax: order.answerBytesMax)
        let bytes = Array(text.utf8)
        var used = 0
        let progress = reader.read(bytes.span.bytes, used: &used, at: now)
        shard.copyEnded(
            order, progress == .whole ? .answered : .broken, reader, watch: exchange.answerWatch,
            at: now)
    }

    func sent() { exchange.requestSent(at: now) }

    @discardableResult
    func failed(_ failure: AttemptFailure) -> Step {
        take(exchange.attemptFailed(failure, shard: &shard, at: now))
    }

    /// The head of an answer was read; `text` is complete.
    @discardableResult
    func answered(_ text: String, minor: UInt8 = 1) throws -> Step {
        let bytes = Array(text.utf8)
        var answer = ResponseHead()
        let isWhole = try answer.parse(
            bytes.span.bytes, requestMethod: head.method, limits: HeadLimits())
        try #require(isWhole, "the answer of the test is not whole")
        answerHead = answer
        return take(
            exchange.answerHead(
                answer, bytes.span.bytes, clientMinorVersion: minor, shard: &shard, at: now))
    }

    /// An answer with the given status and fields (complete lines).
    @discardableResult
    func answered(_ status: Int, _ fields: String = "content-length: 2\r\n") throws -> Step {
        try answered("HTTP/1.1 \(status) X\r\n\(fields)\r\n")
    }

    func framing(minor: UInt8 = 1) -> AnswerFraming {
        exchange.answerFraming(answerHead, clientMinorVersion: minor)
    }

    /// A piece of the answer's body; answers what became of it.
    @discardableResult
    func came(_ text: String, isLast: Bool = false) -> BodyVerdict {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        let verdict = exchange.answerBody(bytes.span.bytes, isLast: isLast, into: &out, at: now)
        if exchange.isReleasing {
            releasedHead = String(decoding: exchange.heldHead, as: UTF8.self)
            exchange.headWritten()
        }
        switch verdict {
        case .unchanged: written += text
        case .replaced, .broken: written += String(decoding: out, as: UTF8.self)
        }
        return verdict
    }

    @discardableResult
    func ended() -> Step { take(exchange.answerEnded(shard: &shard, at: now)) }

    @discardableResult
    func broke() -> Step { take(exchange.answerBroke(shard: &shard, at: now)) }

    @discardableResult
    func gone() -> Step { take(exchange.clientGone(shard: &shard, at: now)) }

    @discardableResult
    func tick() -> Step { take(exchange.timerFired(shard: &shard, at: now)) }

    /// The policy engine that is asked said yes, no, or nothing.
    @discardableResult
    func heard(_ outcome: EngineOutcome) -> Step {
        let (head, headBytes, body) = (head, headBytes, payload ?? [])
        let hasBody = payload != nil
        return take(
            exchange.engineAnswered(
                outcome, head, headBytes.span.bytes, body: hasBody ? body.span.bytes : nil,
                shard: &shard, at: now))
    }

    @discardableResult
    func heard(allows: Bool, reason: String? = nil) -> Step {
        heard(.answered(EngineAnswer(allows: allows, reason: reason)))
    }

    /// Moves the clock to the deadline of the exchange and fires its timer.
    @discardableResult
    func expire() -> Step {
        now = max(now, deadline)
        return phase == .queued ? called(.tooLate) : tick()
    }

    /// The wait at a turnstile is over.
    @discardableResult
    func called(_ end: QueueEnd) -> Step {
        let (head, headBytes, body) = (head, headBytes, payload ?? [])
        return take(
            exchange.turnstileOpened(
                end, head, headBytes.span.bytes, body: payload == nil ? nil : body.span.bytes,
                shard: &shard, at: now))
    }

    func wait(_ time: Nanoseconds) { now = now + time }

    /// Keeps `step` and what it asks to be written.
    @discardableResult
    func take(_ step: Step) -> Step {
        steps.append(step)
        if step.writes || step.writesBody {
            written += String(decoding: shard.output, as: UTF8.self)
        }
        return step
    }

    /// Whether all that was begun has ended, exactly once; otherwise what is wrong.
    var unsettled: String? {
        if doneCount != 1 { return "the exchange ended \(doneCount) times" }
        if phase != .done { return "the phase is \(phase)" }
        if inFlight != 0 { return "\(inFlight) attempts are in flight" }
        if active != 0 { return "\(active) exchanges are active" }
        if shard.fleet.misuses != 0 { return "the fleet was misused" }
        if deadline != .distantFuture { return "a deadline still runs" }
        if shard.ledger.outstanding != 0 { return "a reservation was not settled" }
        if let wrong = shard.ledger.invariants() { return wrong }
        return shard.fleet.invariants()
    }
}

extension String {
    /// The value of the field `name` (lower case) in this head; nil when there is none, and
    /// every value with a bar between them when there are several.
    func field(_ name: String) -> String? {
        let values = fields.filter { $0.name == name }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: "|")
    }

    /// The lines of the head, names in lower case.
    var fields: [(name: String, value: String)] {
        let head = components(separatedBy: "\r\n\r\n")[0]
        return head.components(separatedBy: "\r\n").dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? parts[1].drop { $0 == " " } : ""
            return (parts[0].lowercased(), String(value))
        }
    }

    /// What stands behind the head.
    var afterHead: String {
        components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
    }

    /// The first line.
    var startLine: String { components(separatedBy: "\r\n")[0] }
}
