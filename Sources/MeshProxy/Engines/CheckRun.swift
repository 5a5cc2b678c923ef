// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshExchange
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// One question of another proxy: an exchange without a connection, which ends in a verdict.
///
/// Sendable only so that it can be handed to its event loop; nothing but that loop touches it.
final class CheckRun: @unchecked Sendable {
    private let loop: Loop
    private let asked: AskedRequest
    private var done: ((CheckVerdict) -> Void)?
    private var exchange = Exchange()
    private var head = RequestHead()
    private var headBytes: [UInt8] = []
    private var hasBody = false
    private var call: EngineCall?

    init(_ asked: AskedRequest, on loop: Loop, done: @escaping (CheckVerdict) -> Void) {
        self.asked = asked
        self.loop = loop
        self.done = done
    }

    /// Judges the request as one that came to the port at `place`.
    func start(at place: (address: String, port: UInt16)) {
        let now = loop.now
        exchange.peer = asked.source
        exchange.speaksHTTP2 = asked.speaksHTTP2
        guard let bytes = asked.head() else {
            perform(
                exchange.refuseUnread(
                    Refusal(.malformedRequest), shard: &loop.shard, at: now), at: now)
            return
        }
        headBytes = bytes
        do {
            guard try head.parse(bytes.span.bytes, limits: loop.headLimits) else {
                perform(
                    exchange.refuseUnread(
                        Refusal(.malformedRequest), shard: &loop.shard, at: now), at: now)
                return
            }
        } catch {
            perform(exchange.refuseMalformed(error, shard: &loop.shard, at: now), at: now)
            return
        }
        let port = loop.shard.snapshot.ports.firstIndex {
            $0.address == place.address && $0.number == place.port && $0.speech.isAsked
        }
        perform(
            exchange.begin(
                head, bytes.span.bytes, port: port ?? -1, shard: &loop.shard, at: now),
            at: now)
    }

    private func perform(_ step: Step, at now: Instant) {
        if step.collectsBody {
            collect(at: now)
        } else if let order = step.asks {
            call = loop.engines.ask(order, of: exchange.snapshot) { [self] outcome in
                call = nil
                let now = loop.now
                let (bytes, body) = (headBytes, asked.body ?? [])
                perform(
                    exchange.engineAnswered(
                        outcome, head, bytes.span.bytes,
                        body: hasBody ? body.span.bytes : nil, shard: &loop.shard, at: now),
                    at: now)
            }
        } else if let provider = step.awaitsKeys {
            awaitKeys(of: provider)
        } else if step.isDone {
            finish()
        }
    }

    private func awaitKeys(of provider: IdentityID) {
        let limit = loop.sockets.schedule(at: exchange.deadline) { [self] in
            let now = loop.now
            perform(exchange.timerFired(shard: &loop.shard, at: now), at: now)
        }
        loop.awaitKeys(exchange.snapshot.identity[Int(provider)].material) { [self] in
            loop.sockets.cancel(limit)
            guard exchange.phase == .identifying else { return }
            let now = loop.now
            let (bytes, body) = (headBytes, asked.body ?? [])
            perform(
                exchange.keysSettled(
                    head, bytes.span.bytes, body: hasBody ? body.span.bytes : nil,
                    shard: &loop.shard, at: now), at: now)
        }
    }

    private func collect(at now: Instant) {
        guard let body = asked.body, !body.isEmpty else {
            perform(
                exchange.bodyFailed(Refusal(.bodyNotSent), shard: &loop.shard, at: now), at: now)
            return
        }
        guard body.count <= exchange.snapshot.limits.bufferedBodyBytesMax else {
            perform(
                exchange.bodyFailed(Refusal(.bodyTooLarge), shard: &loop.shard, at: now), at: now)
            return
        }
        hasBody = true
        let bytes = headBytes
        perform(
            exchange.bodyCollected(
                body.span.bytes, head, bytes.span.bytes, shard: &loop.shard, at: now), at: now)
    }

    private func finish() {
        guard let done else { return }
        self.done = nil
        let snapshot = exchange.snapshot
        if case .off = snapshot.telemetry.accessLog {
        } else {
            let bytes = headBytes
            loop.log(
                exchange.record, head, bytes.span.bytes, client: asked.source,
                requestID: exchange.keptRequestID ?? [], logsQuery: snapshot.telemetry.logQuery)
        }
        done(verdict)
    }

    /// What was written for a caller, taken apart again.
    private var verdict: CheckVerdict {
        let edits = exchange.adoptedEdits
        let status = Int(exchange.record.status)
        var verdict = CheckVerdict(
            allows: status == 200, status: status, requestEdits: edits.request,
            answerEdits: edits.answer, fields: [], body: [])
        guard status != 200 else { return verdict }
        let output = loop.shard.output
        var answer = ResponseHead()
        let bytes = output.span.bytes
        let isWhole = try? answer.parse(bytes, requestMethod: .get, limits: HeadLimits())
        guard isWhole == true else { return verdict }
        for field in answer.fields
        where !FieldSet.hopByHop.contains(field.name) && field.name != .contentLength {
            verdict.fields.append(
                (
                    bytes.extracting(field.nameRange.range).text,
                    bytes.extracting(field.valueRange.range).text
                ))
        }
        verdict.body = Array(output[answer.length...])
        return verdict
    }
}
