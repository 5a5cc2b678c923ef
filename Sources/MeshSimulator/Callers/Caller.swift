// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// One connection of a caller: sends requests, reads answers, and believes nothing.
///
/// Whatever it is told it holds against what the servers said; see `AnswerCheck`.
final class Caller: SocketHandler {
    /// Held strongly until the world dissolves: an unowned reference costs at every use.
    let world: World
    let socket: Socket
    /// Requests that were sent and not answered, in order.
    private var outstanding: [SimulatedRequest] = []
    private var inbound = Inbound()
    private var head = ResponseHead()
    private var hasHead = false
    private var reader = BodyReader(.none, limits: HeadLimits(), ofResponse: true)
    private var check = AnswerCheck()
    private var answered = 0
    private var isOver = false
    /// Rises with every request, so that a timer that comes too late is recognised.
    private var turn = 0
    private var taken = 0
    private var isDeaf = false
    /// Whether its reader is slow or will turn deaf; such a request has the connection to itself.
    private var readsOddly = false
    /// Whether the proxy will close the connection behind this answer.
    private var isLast = false

    init(world: World, socket: Socket) {
        self.world = world
        self.socket = socket
    }

    /// Whether a request may be sent on it.
    var isUsable: Bool { !isOver && !socket.isClosed }
    /// Whether a request may be sent behind those under way.
    var takesMore: Bool {
        isUsable && !outstanding.isEmpty && outstanding.count < Limits.pipelined && !isLast
            && outstanding.allSatisfy { !$0.fate.needsOwnConnection }
    }

    // MARK: Sending

    /// Sends a request.
    func send(_ request: SimulatedRequest, at now: Instant) {
        outstanding.append(request)
        turn += 1
        let (head, body) = request.bytes(promptBytesMax: world.options.promptBytesMax)
        switch request.fate.vice {
        case .malformed(let kind):
            world.faults.count(.malformedRequest)
            socket.write(Array(MalformedRequest.all[kind].utf8))
            socket.flush(at: now)
        case .dribbles(let size):
            world.faults.count(.bodyDribbled)
            dribble(head + body, from: 0, size: size, until: .max, turn, at: now)
        case .abandons(let after):
            world.faults.count(.bodyAbandoned)
            let end = head.count + min(after, body.count - 1)
            dribble(head + body, from: 0, size: 200, until: end, turn, at: now)
        default:
            socket.write(head)
            socket.write(body)
            socket.flush(at: now)
        }
        begin(request, at: now)
    }

    private func begin(_ request: SimulatedRequest, at now: Instant) {
        switch request.fate.vice {
        case .slow, .deaf: readsOddly = true
        default: break
        }
        switch request.fate.vice {
        case .halfCloses:
            world.faults.count(.callerHalfClosed)
            request.observation.ending = .left
            socket.finish(at: now)
        case .leaves(let after, let byReset):
            let turn = turn
            world.schedule(at: now + after) { [self] now in
                guard turn == self.turn, !isOver, !request.isFinished else { return }
                world.faults.count(.callerLeft)
                leave(byReset: byReset, at: now)
            }
        case .slow: world.faults.count(.slowReader)
        default: break
        }
        guard let patience = world.options.callers.patience else { return }
        let turn = turn
        let before = answered
        world.schedule(at: now + patience) { [self] now in
            guard turn == self.turn, before == answered, !isOver else { return }
            world.faults.count(.callerLeft)
            leave(byReset: false, at: now)
        }
    }

    private func dribble(
        _ bytes: [UInt8], from start: Int, size: Int, until end: Int, _ turn: Int,
        at now: Instant
    ) {
        guard turn == self.turn, !isOver, start < min(end, bytes.count) else { return }
        let next = min(start + size, end, bytes.count)
        socket.write(Array(bytes[start..<next]))
        socket.flush(at: now)
        world.schedule(at: now + .milliseconds(5)) { [self] now in
            dribble(bytes, from: next, size: size, until: end, turn, at: now)
        }
    }

    // MARK: Reading

    func received(_ socket: Socket, at now: Instant) {
        if readsOddly {
            guard takeOddly(at: now) else { return }
        } else {
            socket.take(into: &inbound)
        }
        taken += inbound.count
        advance(at: now)
    }

    /// Takes what a slow reader takes; answers false when nothing of it is to be read.
    private func takeOddly(at now: Instant) -> Bool {
        switch outstanding.first?.fate.vice {
        case .slow:
            socket.take(into: &inbound, most: world.options.callers.slowBytes)
            socket.pause()
            world.schedule(at: now + world.options.callers.slowRest) { [self] now in
                if !isOver { socket.resume(at: now) }
            }
        case .deaf(let after) where taken > after:
            turnDeaf(at: now)
            // What the kernel forces upon a reader behind the peer's end is thrown away.
            var thrown = Inbound()
            if isDeaf { socket.take(into: &thrown) }
            return false
        default: socket.take(into: &inbound)
        }
        return true
    }

    private func turnDeaf(at now: Instant) {
        guard !isDeaf else { return }
        isDeaf = true
        socket.pause()
        world.faults.count(.deafReader)
        for request in outstanding { request.observation.ending = .left }
        world.schedule(at: now + world.options.callers.deafFor) { [self] now in
            if !isOver { leave(byReset: false, at: now) }
        }
    }

    private func advance(at now: Instant) {
        while !inbound.isEmpty, !isOver {
            guard let request = outstanding.first else {
                world.breach("answers only", "bytes came behind the last answer")
                inbound.clear()
                return
            }
            if !hasHead {
                guard readHead(request, at: now) else { return }
            }
            guard hasHead, readBody(request, at: now) else { return }
        }
    }

    /// Answers false when more bytes are needed.
    private func readHead(_ request: SimulatedRequest, at now: Instant) -> Bool {
        let bytes = inbound.bytes
        let span = unsafe bytes.span.bytes.extracting(inbound.at..<bytes.count)
        do {
            guard try head.parse(span, requestMethod: .post, limits: HeadLimits()) else {
                return false
            }
        } catch {
            world.breach("answers are HTTP", "a caller was sent a malformed head: \(error)")
            return false
        }
        guard head.status >= 200 else {
            inbound.drop(head.length)
            return true
        }
        hasHead = true
        var attempt = -1
        for field in head.fields where field.name == .other {
            guard span.extracting(field.nameRange.range).equals("x-sim-attempt") else { continue }
            attempt = span.extracting(field.valueRange.range).decimal ?? -1
        }
        check = AnswerCheck()
        request.observation.status = head.status
        request.observation.firstByte = now - request.startedAt
        if attempt >= 0 { take(attempt, for: request) }
        reader = BodyReader(head.framing, limits: HeadLimits(), ofResponse: true)
        isLast = !head.keepAlive
        inbound.drop(head.length)
        if reader.isComplete { complete(request, at: now) }
        return true
    }

    private func take(_ attempt: Int, for request: SimulatedRequest) {
        guard world.attempts.indices.contains(attempt), let log = world.attempts[attempt],
            log.request == request.number
        else {
            world.breach(
                "answers reach their caller",
                "request \(request.number) was given answer \(attempt) of another")
            return
        }
        check.log = log
        if world.options.isDeterministic, world.options.verifies, request.item.stream,
            head.status == 200
        {
            check.words = WordCheck(request: request.number, tokens: request.item.answerTokens)
        }
        request.observation.server = log.server
        if log.status != head.status {
            world.breach(
                "statuses pass", "\(log.status) became \(head.status)")
        }
    }

    /// Answers whether the body came to its end.
    private func readBody(_ request: SimulatedRequest, at now: Instant) -> Bool {
        // Taken out and put back: a second owner would make every read copy the buffer.
        var bytes: [UInt8] = []
        swap(&bytes, &inbound.bytes)
        var offset = inbound.at
        let isComplete = takePayload(unsafe bytes.span.bytes, &offset)
        swap(&bytes, &inbound.bytes)
        countTokens(request, at: now)
        guard let isComplete else { return false }
        inbound.drop(offset - inbound.at)
        if isComplete { complete(request, at: now) }
        return isComplete
    }

    /// Checks what is at hand of the body; answers whether that was its end, or nil when it is
    /// none.
    private func takePayload(_ span: RawSpan, _ offset: inout Int) -> Bool? {
        do throws(Violation) {
            while true {
                switch try reader.next(span, at: &offset) {
                case .payload(let range): check.take(span.extracting(range.range), world)
                case .needMore: return false
                case .end: return true
                }
            }
        } catch {
            world.breach("answers are HTTP", "a caller was sent a malformed body: \(error)")
            return nil
        }
    }

    private func countTokens(_ request: SimulatedRequest, at now: Instant) {
        guard let log = check.log, log.eventBytes > 0 else { return }
        let tokens = check.words?.tokens ?? min(log.tokens, check.delivered / log.eventBytes)
        guard tokens > request.observation.tokens else { return }
        if request.observation.tokens == 0 {
            request.observation.firstToken = now - request.startedAt
        } else {
            let gap = now - request.lastTokenAt
            request.observation.gapMax = max(request.observation.gapMax, gap)
            request.observation.generation = request.observation.generation + gap
        }
        request.observation.tokens = tokens
        request.lastTokenAt = now
    }

    // MARK: Ends

    /// The framing says that the answer is complete.
    private func complete(_ request: SimulatedRequest, at now: Instant) {
        check.expectWhole(world)
        if let log = check.log {
            request.observation.cachedTokens = log.cachedTokens
            if log.eventBytes == 0 { request.observation.tokens = log.tokens }
        }
        request.observation.ending = check.log == nil ? .refused : .whole
        hasHead = false
        answered += 1
        outstanding.removeFirst()
        turn += 1
        world.finished(request, at: now)
        if isLast {
            // Whatever was sent behind it is not answered on this connection.
            isOver = true
            socket.close(at: now)
            abandonRest(at: now)
        } else if outstanding.isEmpty, !request.fate.needsOwnConnection {
            world.callers.keep(self)
        } else if outstanding.isEmpty {
            isOver = true
            socket.close(at: now)
        }
    }

    func peerFinished(_ socket: Socket, at now: Instant) {
        // Who threw bytes away cannot tell whether the answer was whole.
        if hasHead, !isDeaf, let request = outstanding.first, reader.peerClosed() {
            complete(request, at: now)
        }
        ended(at: now)
        socket.close(at: now)
    }

    func broke(_ socket: Socket, at now: Instant) {
        ended(at: now)
        socket.close(at: now)
    }

    func hasRoom(_ socket: Socket, at now: Instant) {}

    /// The connection is gone before the answer was complete.
    private func ended(at now: Instant) {
        guard !isOver else { return }
        isOver = true
        if hasHead, let request = outstanding.first {
            outstanding.removeFirst()
            if request.observation.ending != .left { request.observation.ending = .truncated }
            world.finished(request, at: now)
        }
        abandonRest(at: now)
    }

    private func abandonRest(at now: Instant) {
        let rest = outstanding
        outstanding = []
        for (place, request) in rest.enumerated() {
            let isFirst = place == 0 && !hasHead
            if answered > 0 || !isFirst, !request.wasResent, !request.fate.needsOwnConnection {
                // A kept connection may close under one's hands; then a new one is opened.
                request.wasResent = true
                world.sendOnNewConnection(request, at: now)
                continue
            }
            world.finished(request, at: now)
        }
    }

    private func leave(byReset: Bool, at now: Instant) {
        isOver = true
        if byReset { socket.reset(at: now) } else { socket.close(at: now) }
        let rest = outstanding
        outstanding = []
        for request in rest {
            request.observation.ending = .left
            world.finished(request, at: now)
        }
    }
}
