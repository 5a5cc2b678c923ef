// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshWire

/// How an answer gets from the endpoint's connection to the caller's.
///
/// The bytes of a read pass as they are, framing and all, when the read begins and ends between
/// two chunks and the exchange changes nothing in it; else its payload is framed anew.
extension ProxyClient {
    private struct ReadOutcome {
        /// Whether `loop.piece` holds the payload, rather than `loop.ranges`.
        var isReplaced = false
        var isEnded = false
        var isBroken = false
    }

    /// More of the answer was read.
    func relay(from upstream: ProxyUpstream, at now: Instant) {
        guard looksAt(upstream) else { return }
        if upstream.isHeadTaken || passHead(of: upstream, at: now) {
            relayBody(from: upstream, at: now)
        }
        // When an answer begins may show that there is room for more.
        loop.heedTurnstiles(at: now)
    }

    /// Decides about the answer's head; false when the answer is not relayed.
    private func passHead(of upstream: ProxyUpstream, at now: Instant) -> Bool {
        let minor = UInt8(truncatingIfNeeded: head.minorVersion)
        let bytes = upstream.inbound.bytes
        let span = unsafe bytes.span.bytes.extracting(upstream.inbound.at..<bytes.count)
        let step = exchange.answerHead(
            upstream.head, span, clientMinorVersion: minor, shard: &loop.shard, at: now)
        loop.shareCoolDowns(at: now)
        guard step.relaysBody else {
            perform(step, at: now)
            flushIfNeeded(at: now)
            return false
        }
        answerFraming = exchange.answerFraming(upstream.head, clientMinorVersion: minor)
        answerUpstreamIsChunked = upstream.head.framing == .chunked
        if step.leavesRival { leaveRival(at: now) }
        upstream.isHeadTaken = true
        upstream.inbound.drop(upstream.head.length)
        if step.writes { writeOutput() }
        if step.writesBody { emitFramed(loop.shard.output) }
        rearm(at: now)
        if upstream.inbound.isEmpty, !upstream.reader.isComplete {
            // The body comes later; the head need not wait for it.
            flushIfNeeded(at: now)
            return false
        }
        return true
    }

    /// Relays what is at hand of the body.
    private func relayBody(from upstream: ProxyUpstream, at now: Instant) {
        guard exchange.phase == .relaying || exchange.phase == .holding else { return }
        // Taken out and put back: a second owner would make every read copy the buffer.
        var bytes: [UInt8] = []
        swap(&bytes, &upstream.inbound.bytes)
        var offset = upstream.inbound.at
        let outcome = relay(unsafe bytes.span.bytes, &offset, of: upstream, at: now)
        swap(&bytes, &upstream.inbound.bytes)
        upstream.inbound.drop(offset - upstream.inbound.at)
        finishRead(of: upstream, outcome, at: now)
    }

    /// Relays what is at hand of `span` from `offset` on.
    private func relay(
        _ span: RawSpan, _ offset: inout Int, of upstream: ProxyUpstream, at now: Instant
    ) -> ReadOutcome {
        let wasAtBoundary = upstream.reader.isAtBoundary
        let hadExtras = upstream.reader.sawExtras
        if !loop.piece.isEmpty { loop.piece.removeAll(keepingCapacity: true) }
        loop.ranges.removeAll(keepingCapacity: true)
        let first = offset
        var outcome = ReadOutcome()
        consume(span, upstream, &offset, &outcome, at: now)
        if exchange.isRaceDecided {
            exchange.settleRace(shard: &loop.shard, at: now)
            leaveRival(at: now)
        }
        if exchange.isReleasing {
            socket.write(exchange.heldHead)
            needsFlush = true
            exchange.headWritten()
        }
        let isChunked = upstream.head.framing == .chunked
        let isRaw =
            !outcome.isReplaced && !outcome.isBroken
            && (answerFraming == .asReceived || answerFraming == .none)
            && (!isChunked
                || (wasAtBoundary && !outcome.isEnded && upstream.reader.isAtBoundary
                    && !upstream.reader.sawExtras && !hadExtras))
        if isRaw {
            if offset > first { emit(span.extracting(first..<offset)) }
        } else if outcome.isReplaced {
            emitFramed(loop.piece)
        } else {
            emitRanges(span)
        }
        if world.options.sabotage == .repeatsBytes, !loop.ranges.isEmpty { emitRanges(span) }
        return outcome
    }

    private func consume(
        _ span: RawSpan, _ upstream: ProxyUpstream, _ offset: inout Int,
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
        of upstream: ProxyUpstream, _ outcome: ReadOutcome, at now: Instant
    ) {
        if outcome.isBroken {
            dropUpstream(at: now)
            perform(exchange.answerBroke(shard: &loop.shard, at: now), at: now)
        } else if outcome.isEnded {
            endAnswer(of: upstream, at: now)
        } else {
            rearm(at: now)
        }
        flushIfNeeded(at: now)
    }

    /// The answer's body is complete: everything that is left goes out in one write.
    private func endAnswer(of upstream: ProxyUpstream, at now: Instant) {
        let step = exchange.answerEnded(shard: &loop.shard, at: now)
        self.upstream = nil
        release(upstream, at: now)
        if step.writes { writeOutput() }
        if step.writesBody { emitFramed(loop.shard.output) }
        if step.endsAnswer, isChunkedToClient { write("0\r\n\r\n") }
        var rest = step
        rest.writes = false
        rest.writesBody = false
        rest.endsAnswer = false
        rest.abandonsUpstream = false
        perform(rest, at: now)
    }

    /// The endpoint closed its connection in the middle or at the legal end of an answer.
    func relayEnd(of upstream: ProxyUpstream, at now: Instant) {
        guard upstream.isHeadTaken else {
            perform(
                exchange.attemptFailed(
                    .reset(wasReused: false), shard: &loop.shard, at: now), at: now)
            return
        }
        let isEnd = upstream.reader.peerClosed() && !upstream.hadError
        // An error is no orderly end, even where the connection's end is that of the body.
        if isEnd {
            endAnswer(of: upstream, at: now)
        } else if world.options.sabotage == .takesBreakForEnd {
            write("0\r\n\r\n")
            socket.flush(at: now)
            perform(exchange.answerBroke(shard: &loop.shard, at: now), at: now)
        } else {
            perform(exchange.answerBroke(shard: &loop.shard, at: now), at: now)
        }
    }

    // MARK: Framing

    /// Whether the caller gets chunks.
    var isChunkedToClient: Bool {
        answerFraming == .chunked
            || (answerFraming == .asReceived && answerUpstreamIsChunked)
    }

    private func emit(_ span: RawSpan) {
        socket.write(span)
        needsFlush = true
    }

    private func emitRanges(_ span: RawSpan) {
        var count = 0
        for range in loop.ranges { count += range.count }
        guard count > 0 else { return }
        let isChunked = isChunkedToClient
        if isChunked { emitChunkHead(count) }
        for range in loop.ranges { emit(span.extracting(range.range)) }
        if isChunked { write("\r\n") }
    }

    /// Writes payload of ours, as a chunk where the caller gets chunks.
    func emitFramed(_ payload: [UInt8]) {
        guard !payload.isEmpty else { return }
        if isChunkedToClient { emitChunkHead(payload.count) }
        socket.write(payload)
        if isChunkedToClient { write("\r\n") }
        needsFlush = true
    }

    private func emitChunkHead(_ size: Int) {
        var line: [UInt8] = []
        line.reserveCapacity(20)
        HeadWriter.appendChunkHead(size, to: &line)
        socket.write(line)
    }
}
