// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

extension ProxyClient {
    /// Sends the copy of the present request that `order` asks for.
    ///
    /// A mirror never delays or fails the request itself: a copy for which there is no endpoint,
    /// no connection or no room is dropped.
    func mirror(_ order: MirrorOrder, at now: Instant) {
        let watch = order.ticket == nil ? nil : exchange.answerWatch
        guard loop.hasRoom(for: order) else {
            loop.shard.copyEnded(order, .busy, nil, watch: watch, at: now)
            return
        }
        let copy = bytes(of: order)
        loop.send(copy, for: order, of: exchange.snapshot, head.method, watch, at: now)
    }

    /// The whole message that `order` asks for.
    private func bytes(of order: MirrorOrder) -> [UInt8] {
        let bytes = headBytes
        guard let body else {
            _ = exchange.mirroredHead(
                head, unsafe bytes.span.bytes, body: nil, for: order, peer: peer,
                shard: &loop.shard)
            return loop.shard.output
        }
        let edits = exchange.mirroredHead(
            head, unsafe bytes.span.bytes, body: unsafe body.span.bytes, for: order, peer: peer,
            shard: &loop.shard)
        var copy = loop.shard.output
        edits.append(unsafe body.span.bytes, to: &copy)
        return copy
    }
}

extension ProxyLoop {
    /// Whether one more copy may be on its way; it then counts as such.
    fileprivate func hasRoom(for order: MirrorOrder) -> Bool {
        guard mirrors < Limits.mirrors else { return false }
        guard let ticket = order.ticket else { return true }
        return shard.mirrors.begin(ticket)
    }

    /// Sends `copy`, and has its answer compared where that is asked for.
    fileprivate func send(
        _ copy: [UInt8], for order: MirrorOrder, of snapshot: Snapshot, _ method: HTTPMethod,
        _ watch: AnswerWatch?, at now: Instant
    ) {
        mirrors += 1
        SideCall.start(
            on: self, copy, to: order.pick, of: snapshot,
            reading: AnswerReader(method: method, bytesMax: order.answerBytesMax),
            within: order.timeout, at: now
        ) { [self] result, answer, now in
            mirrors -= 1
            shard.copyEnded(order, result, answer, watch: watch, at: now)
            comparePairs(at: now)
        }
    }

    /// Compares the pairs of which both answers are there, and asks what is left to ask.
    func comparePairs(at now: Instant) {
        guard shard.mirrors.hasReady else { return }
        for pair in shard.mirrors.takeReady() {
            var finding = pair.compared()
            guard let order = shard.askSimilarity(&finding, at: now) else {
                shard.settle(finding)
                continue
            }
            shard.beginQuestion(order.pick, of: order.snapshot, at: now)
            questions += 1
            let asked = finding
            SideCall.start(
                on: self, order.request.reveal(), to: order.pick, of: order.snapshot,
                reading: AnswerReader(method: .post, bytesMax: SimilarityOrder.answerBytesMax),
                within: SimilarityOrder.timeout, at: now
            ) { [self] result, answer, now in
                questions -= 1
                let isAnswered = result == .answered && answer.status == 200
                shard.endQuestion(order.pick, isAnswered ? .success : .failure, at: now)
                var finding = asked
                let body = isAnswered ? answer.body : []
                finding.take(answer: unsafe body.span.bytes)
                shard.settle(finding)
            }
        }
    }
}

/// One request beside those of callers, on a connection of its own.
private final class SideCall: SocketHandler {
    private let loop: ProxyLoop
    private var answer: AnswerReader
    private var socket: Socket?
    private var inbound = Inbound()
    private var done: ((CopyResult, AnswerReader, Instant) -> Void)?

    private init(
        loop: ProxyLoop, answer: AnswerReader,
        done: @escaping (CopyResult, AnswerReader, Instant) -> Void
    ) {
        self.loop = loop
        self.answer = answer
        self.done = done
    }

    /// Sends `request`; `done` is called once with what became of it and what was read.
    static func start(
        on loop: ProxyLoop, _ request: [UInt8], to pick: Pick, of snapshot: Snapshot,
        reading answer: AnswerReader, within time: Nanoseconds, at now: Instant,
        done: @escaping (CopyResult, AnswerReader, Instant) -> Void
    ) {
        let call = SideCall(loop: loop, answer: answer, done: done)
        let authority = snapshot.endpoints[Int(pick.endpoint)].authority
        loop.world.schedule(at: now + time) { now in call.finish(.timeout, at: now) }
        loop.world.connect(to: authority, timeout: min(time, .seconds(2)), at: now) { socket, now in
            guard let socket, call.done != nil else {
                socket?.close(at: now)
                call.finish(.unreachable, at: now)
                return
            }
            call.socket = socket
            socket.handler = call
            socket.write(request)
            socket.flush(at: now)
        }
    }

    private func finish(_ result: CopyResult, at now: Instant) {
        guard let done else { return }
        self.done = nil
        socket?.close(at: now)
        done(result, answer, now)
    }

    func received(_ socket: Socket, at now: Instant) {
        socket.take(into: &inbound)
        guard done != nil else { return }
        var used = 0
        let bytes = inbound.bytes
        let progress = answer.read(
            unsafe bytes.span.bytes.extracting(inbound.at..<bytes.count), used: &used, at: now)
        inbound.drop(used)
        switch progress {
        case .more: break
        case .whole: finish(.answered, at: now)
        case .malformed: finish(.broken, at: now)
        }
    }

    func peerFinished(_ socket: Socket, at now: Instant) {
        finish(answer.peerClosed() ? .answered : .broken, at: now)
    }

    func broke(_ socket: Socket, at now: Instant) { finish(.broken, at: now) }

    func hasRoom(_ socket: Socket, at now: Instant) {}
}
