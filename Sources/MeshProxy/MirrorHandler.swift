// SPDX-License-Identifier: Apache-2.0

import Dispatch
import MeshBasics
import MeshDialects
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

extension ClientHandler {
    /// Sends the copy of the present request that `order` asks for.
    ///
    /// A mirror never delays or fails the request itself: a copy for which there is no room is
    /// dropped, and whatever becomes of one that was sent is nobody's business but the metrics'.
    func mirror(_ order: MirrorOrder) {
        let watch = order.ticket == nil ? nil : exchange.answerWatch
        let size = headBytes.count + (hasBody ? body.count : 0)
        guard loop.hasRoom(for: order, of: size) else {
            loop.shard.copyEnded(order, .busy, nil, watch: watch, at: loop.now)
            return
        }
        let bytes = headBytes.window
        var copy: [UInt8] = []
        if hasBody {
            let payload = body.window
            let edits = exchange.mirroredHead(
                head, bytes.bytes, body: payload.bytes, for: order, peer: peer,
                shard: &loop.shard)
            copy.reserveCapacity(loop.shard.output.count + payload.count)
            copy.append(contentsOf: loop.shard.output)
            edits.append(payload.bytes, to: &copy)
        } else {
            _ = exchange.mirroredHead(
                head, bytes.bytes, body: nil, for: order, peer: peer, shard: &loop.shard)
            copy.append(contentsOf: loop.shard.output)
        }
        loop.send(copy, for: order, of: exchange.snapshot, head.method, watch)
    }
}

extension Loop {
    /// Copies on their way at once.
    static let mirrorsMax = 256
    /// Bytes of them.
    static let mirrorBytesMax = 64 * 1024 * 1024

    /// Where answers are compared: beside the loops, since large ones take milliseconds. No more
    /// waits there than copies may be on their way.
    private static let comparisons = DispatchQueue(label: "pinion.comparisons", qos: .utility)

    /// Whether one more copy, of about `size` bytes, may be on its way; it then counts as such.
    fileprivate func hasRoom(for order: MirrorOrder, of size: Int) -> Bool {
        guard mirrorsInFlight < Self.mirrorsMax, mirrorBytes + size <= Self.mirrorBytesMax else {
            return false
        }
        guard let ticket = order.ticket else { return true }
        return shard.mirrors.begin(ticket)
    }

    /// Sends `copy`, and has its answer compared where that is asked for.
    fileprivate func send(
        _ copy: [UInt8], for order: MirrorOrder, of snapshot: Snapshot, _ method: HTTPMethod,
        _ watch: AnswerWatch?
    ) {
        mirrorsInFlight += 1
        mirrorBytes += copy.count
        SideCall.start(
            on: self, copy, to: order.pick, of: snapshot,
            reading: AnswerReader(method: method, bytesMax: order.answerBytesMax),
            within: order.timeout
        ) { [self] result, answer in
            mirrorsInFlight -= 1
            mirrorBytes -= copy.count
            shard.copyEnded(order, result, answer, watch: watch, at: now)
            comparePairs()
        }
    }

    /// Has the pairs compared of which both answers are there.
    func comparePairs() {
        guard shard.mirrors.hasReady else { return }
        for pair in shard.mirrors.takeReady() {
            Self.comparisons.async { [self] in
                let finding = pair.compared()
                sockets.execute { [self] in compared(finding) }
            }
        }
    }

    /// Asks what is left to ask about a pair, or counts it.
    private func compared(_ found: MirrorFinding) {
        var finding = found
        guard let order = shard.askSimilarity(&finding, at: now) else {
            settle(finding)
            return
        }
        shard.beginQuestion(order.pick, of: order.snapshot, at: now)
        let asked = now
        let known = finding
        SideCall.start(
            on: self, order.request.reveal(), to: order.pick, of: order.snapshot,
            reading: AnswerReader(method: .post, bytesMax: SimilarityOrder.answerBytesMax),
            within: SimilarityOrder.timeout
        ) { [self] result, answer in
            let isAnswered = result == .answered && answer.status == 200
            if isAnswered { shard.fleet.firstByte(order.pick.slot, after: now - asked, at: now) }
            shard.endQuestion(order.pick, isAnswered ? .success : .failure, at: now)
            let body = isAnswered && !answer.isOver ? answer.body : []
            Self.comparisons.async { [self] in
                var finding = known
                finding.take(answer: body.span.bytes)
                let whole = finding
                sockets.execute { [self] in settle(whole) }
            }
        }
    }

    /// Counts a pair and writes it down.
    private func settle(_ finding: MirrorFinding) {
        shard.settle(finding)
        if case .off = shard.snapshot.telemetry.accessLog { return }
        logComparison(finding)
    }
}
