// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshWire

/// How an answer gets from the endpoint's connection to the caller's.
///
/// The bytes of a read pass as they are, framing and all, when the read begins and ends between
/// two chunks and the exchange changes nothing in it; else its payload is framed anew. So the
/// caller's side always stands between two chunks between two reads, and an error event or the
/// end can be put there at any time.
extension ClientHandler {
    /// More of the answer was read.
    func relay(from upstream: UpstreamHandler) {
        guard looksAt(upstream) else { return }
        let now = loop.now
        if upstream.isHeadTaken || passHead(of: upstream, at: now) {
            relayBody(from: upstream, at: now)
        }
        // When an answer begins may show that there is room for more.
        loop.heedTurnstiles()
    }

    /// Decides about the answer's head; false when the answer is not relayed.
    private func passHead(of upstream: UpstreamHandler, at now: Instant) -> Bool {
        let minor = UInt8(truncatingIfNeeded: head.minorVersion)
        let bytes = upstream.input.window
        let step = exchange.answerHead(
            upstream.head, bytes.bytes, clientMinorVersion: minor,
            shard: &loop.shard, at: now)
        loop.shareCoolDowns()
        guard step.relaysBody else {
            perform(step, at: now)
            flushIfNeeded()
            return false
        }
        answerFraming = exchange.answerFraming(upstream.head, clientMinorVersion: minor)
        answerUpstreamIsChunked = upstream.head.isChunked
        if step.leavesRival { leaveRival() }
        upstream.isHeadTaken = true
        upstream.input.drop(upstream.head.length)
        if step.writes { writeOutput() }
        if step.writesBody { writePayloadOutput() }
        rearm(at: now)
        if upstream.input.isEmpty, !upstream.reader.isComplete {
            // The body comes later; the head need not wait for it.
            flushIfNeeded()
            return false
        }
        return true
    }

    /// Relays what is at hand of the body, in one write with the head where that came with it.
    private func relayBody(from upstream: UpstreamHandler, at now: Instant) {
        switch exchange.phase {
        case .relaying, .holding: break
        case .idle, .identifying, .asking, .collecting, .queued, .dispatched, .sent, .done: return
        }
        let wasAtBoundary = upstream.reader.isAtBoundary
        let hadExtras = upstream.reader.sawExtras
        loop.piece.removeAll(keepingCapacity: true)
        loop.ranges.removeAll(keepingCapacity: true)
        var offset = 0
        var outcome = ReadOutcome(isReplaced: false, isEnded: false, isBroken: false)
        let bytes = upstream.input.window
        let span = bytes.bytes
        consume(span, upstream, &offset, &outcome, at: now)
        if exchange.isRaceDecided {
            exchange.settleRace(shard: &loop.shard, at: now)
            leaveRival()
        }
        if exchange.isReleasing {
            write(exchange.heldHead)
            exchange.headWritten()
        }
        let isRaw =
            !outcome.isReplaced && !outcome.isBroken
            && passesFraming
            && (!upstream.head.isChunked
                || (wasAtBoundary && !outcome.isEnded && upstream.reader.isAtBoundary
                    && !upstream.reader.sawExtras && !hadExtras))
        if isRaw {
            write(UnsafeRawBufferPointer(rebasing: bytes[..<offset]))
        } else if outcome.isReplaced {
            emitFramed(loop.piece)
        } else {
            emitPayload(bytes)
        }
        upstream.input.drop(offset)
        finishRead(of: upstream, outcome, at: now)
    }

    private struct ReadOutcome {
        /// Whether `loop.piece` holds the payload, rather than `loop.ranges`.
        var isReplaced: Bool
        var isEnded: Bool
        var isBroken: Bool
    }

    private func consume(
        _ span: RawSpan, _ upstream: UpstreamHandler, _ offset: inout Int,
        _ outcome: inout ReadOutcome, at now: Instant
    ) {
        do throws(Violation) {
            while true {
                switch try upstream.reader.next(span, at: &offset) {
                case .payload(let range):
                    let before = loop.piece.count
                    let verdict = exchange.answerBody(
                        span.extracting(range.range), isLast: upstream.reader.isComplete,
                        into: &loop.piece, at: now)
                    if exchange.owesFirstEvent {
                        exchange.reportFirstEvent(shard: &loop.shard, at: now)
                    }
                    switch verdict {
                    case .unchanged:
                        if outcome.isReplaced {
                            loop.piece.append(span.extracting(range.range))
                        } else {
                            loop.ranges.append(range)
                        }
                    case .replaced:
                        if !outcome.isReplaced { prependRanges(span, before) }
                        outcome.isReplaced = true
                    case .broken:
                        if !outcome.isReplaced { prependRanges(span, before) }
                        outcome.isReplaced = true
                        outcome.isBroken = true
                        return
                    }
                case .end:
                    outcome.isEnded = true
                    return
                case .needMore: return
                }
            }
        } catch {
            outcome.isBroken = true
        }
    }

    /// The payload so far passed unchanged; it must stand in front of what replaced the rest.
    private func prependRanges(_ span: RawSpan, _ before: Int) {
        guard !loop.ranges.isEmpty else { return }
        var front: [UInt8] = []
        for range in loop.ranges { front.append(span.extracting(range.range)) }
        loop.piece.insert(contentsOf: front, at: before)
        loop.ranges.removeAll(keepingCapacity: true)
    }

    private func finishRead(
        of upstream: UpstreamHandler, _ outcome: ReadOutcome, at now: Instant
    ) {
        if outcome.isBroken {
            dropUpstream()
            perform(exchange.answerBroke(shard: &loop.shard, at: now), at: now)
        } else if outcome.isEnded {
            // Nothing follows that the caller would have to wait for; accounts are settled after.
            if !isChunkedToClient { sendNow() }
            endAnswer(of: upstream, at: now)
        } else {
            rearm(at: now)
        }
        flushIfNeeded()
    }

    /// The answer's body is complete: everything that is left goes out in one write.
    private func endAnswer(of upstream: UpstreamHandler, at now: Instant) {
        let trailers = upstream.trailers
        if !trailers.isEmpty { exchange.answerTrailers(trailers, at: now) }
        let step = exchange.answerEnded(shard: &loop.shard, at: now)
        self.upstream = nil
        release(upstream)
        if step.writes { writeOutput() }
        if step.writesBody { emitFramed(loop.shard.output) }
        if step.endsAnswer { writeAnswerEnd(trailers: trailers) }
        var rest = step
        rest.writes = false
        rest.writesBody = false
        rest.endsAnswer = false
        rest.abandonsUpstream = false
        perform(rest, at: now)
    }

    /// The endpoint closed its connection in the middle or at the legal end of an answer.
    func relayEnd(of upstream: UpstreamHandler, at now: Instant) {
        guard upstream.isHeadTaken else {
            perform(
                exchange.attemptFailed(
                    .reset(wasReused: false), shard: &loop.shard, at: now), at: now)
            return
        }
        // An error is no orderly end, even where the connection's end is that of the body.
        if upstream.reader.peerClosed(), !upstream.hadError {
            endAnswer(of: upstream, at: now)
        } else {
            perform(exchange.answerBroke(shard: &loop.shard, at: now), at: now)
        }
    }

    // MARK: Framing

    private var isChunkedToClient: Bool {
        switch answerFraming {
        case .chunked: true
        case .asReceived: answerUpstreamIsChunked
        case .none, .untilClose: false
        }
    }

    /// Whether the endpoint's framing is the caller's too.
    private var passesFraming: Bool {
        switch answerFraming {
        case .asReceived, .none: true
        case .chunked, .untilClose: false
        }
    }

    /// Writes the payload of the present read, as one chunk where the caller gets chunks.
    private func emitPayload(_ bytes: UnsafeRawBufferPointer) {
        var count = 0
        for range in loop.ranges { count += range.count }
        guard count > 0 else { return }
        let isChunked = isChunkedToClient
        if isChunked { writeChunkHead(count) }
        for range in loop.ranges {
            write(UnsafeRawBufferPointer(rebasing: bytes[range.range]))
        }
        if isChunked { write("\r\n") }
    }

    /// Writes payload of ours, as a chunk where the caller gets chunks.
    private func emitFramed(_ payload: [UInt8]) {
        guard !payload.isEmpty else { return }
        if isChunkedToClient { writeChunkHead(payload.count) }
        write(payload)
        if isChunkedToClient { write("\r\n") }
    }

    /// Writes `shard.output` as it is.
    func writeOutput() { write(loop.shard.output) }

    /// Writes `shard.output` as one more piece of the answer.
    func writePayloadOutput() { emitFramed(loop.shard.output) }

    /// Writes what ends the answer's body.
    func writeAnswerEnd() {
        if isChunkedToClient { write("0\r\n\r\n") }
    }

    /// The same with fields behind the body, complete lines, for callers who take them.
    func writeAnswerEnd(trailers lines: [UInt8]) {
        if lines.isEmpty {
            writeAnswerEnd()
        } else if !finishBody(trailers: lines), isChunkedToClient {
            write("0\r\n")
            if takesTrailers { write(lines) }
            write("\r\n")
        }
    }

    /// **Source** RFC 9110 section 6.5.1.
    private var takesTrailers: Bool {
        guard let field = head.first(.te) else { return false }
        let bytes = headBytes.window
        return bytes.bytes.extracting(field.valueRange.range).equalsIgnoringCase("trailers")
    }
}

extension ResponseHead {
    /// Whether the body comes in chunks.
    var isChunked: Bool { if case .chunked = framing { true } else { false } }
}
