// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshWire
import NIOCore

/// How an answer gets from the endpoint's connection to the caller's.
///
/// The bytes of a read pass as they are, framing and all, when the read begins and ends between
/// two chunks and the exchange changes nothing in it; else its payload is framed anew. So the
/// caller's side always stands between two chunks between two reads, and an error event or the
/// end can be put there at any time.
extension ClientHandler {
    /// More of the answer was read.
    func relay(from upstream: UpstreamHandler) {
        let now = LiveWorld.now()
        if upstream.isHeadTaken {
            loop.scratch.clear()
        } else {
            guard passHead(of: upstream, at: now) else { return }
        }
        relayBody(from: upstream, at: now)
    }

    /// Decides about the answer's head; false when the answer is not relayed.
    private func passHead(of upstream: UpstreamHandler, at now: Instant) -> Bool {
        let minor = UInt8(truncatingIfNeeded: head.minorVersion)
        let bytes = upstream.inbound
        let step = exchange.answerHead(
            upstream.head, bytes.readableBytesSpan, clientMinorVersion: minor,
            shard: &loop.shard, at: now)
        guard step.relaysBody else {
            perform(step, at: now)
            flushIfNeeded()
            return false
        }
        answerFraming = exchange.answerFraming(upstream.head, clientMinorVersion: minor)
        answerUpstreamIsChunked = upstream.head.isChunked
        upstream.isHeadTaken = true
        upstream.inbound.moveReaderIndex(forwardBy: upstream.head.length)
        loop.scratch.clear()
        loop.scratch.writeBytes(loop.shard.output)
        rearm(at: now)
        if upstream.inbound.readableBytes == 0, !upstream.reader.isComplete {
            // The body comes later; the head need not wait for it.
            write(loop.scratch)
            flushIfNeeded()
            return false
        }
        return true
    }

    /// Relays what is at hand of the body. `loop.scratch` holds the head on the first call.
    private func relayBody(from upstream: UpstreamHandler, at now: Instant) {
        guard exchange.phase == .relaying else { return }
        let wasAtBoundary = upstream.reader.isAtBoundary
        let hadExtras = upstream.reader.sawExtras
        loop.piece.removeAll(keepingCapacity: true)
        loop.ranges.removeAll(keepingCapacity: true)
        var offset = 0
        var outcome = ReadOutcome(isReplaced: false, isEnded: false, isBroken: false)
        let bytes = upstream.inbound
        let span = bytes.readableBytesSpan
        consume(span, upstream, &offset, &outcome, at: now)
        let isRaw =
            !outcome.isReplaced && !outcome.isBroken
            && (answerFraming == .asReceived || answerFraming == .none)
            && (!upstream.head.isChunked
                || (wasAtBoundary && !outcome.isEnded && upstream.reader.isAtBoundary
                    && !upstream.reader.sawExtras && !hadExtras))
        if isRaw {
            emit(upstream.inbound.readSlice(length: offset) ?? ByteBuffer())
        } else {
            emitPayload(of: upstream, isReplaced: outcome.isReplaced)
            upstream.inbound.moveReaderIndex(forwardBy: offset)
        }
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
            endScratch()
            dropUpstream()
            perform(exchange.answerBroke(shard: &loop.shard, at: now), at: now)
        } else if outcome.isEnded {
            endAnswer(of: upstream, at: now)
        } else {
            endScratch()
            rearm(at: now)
        }
        flushIfNeeded()
    }

    /// The answer's body is complete: everything that is left goes out in one write.
    private func endAnswer(of upstream: UpstreamHandler, at now: Instant) {
        let step = exchange.answerEnded(shard: &loop.shard, at: now)
        self.upstream = nil
        release(upstream)
        if step.writesBody { emitFramed(loop.shard.output) }
        if step.endsAnswer, isChunkedToClient {
            loop.scratch.writeStaticString("0\r\n\r\n")
        }
        endScratch()
        var rest = step
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
        loop.scratch.clear()
        // An error is no orderly end, even where the connection's end is that of the body.
        if upstream.reader.peerClosed(), !upstream.hadError {
            endAnswer(of: upstream, at: now)
        } else {
            perform(exchange.answerBroke(shard: &loop.shard, at: now), at: now)
        }
    }

    // MARK: Framing

    private var isChunkedToClient: Bool {
        answerFraming == .chunked
            || (answerFraming == .asReceived && answerUpstreamIsChunked)
    }

    /// Appends a slice to the present write; a large one goes out by itself.
    private func emit(_ slice: ByteBuffer) {
        if slice.readableBytes <= Self.copiedBodyMax {
            loop.scratch.writeImmutableBuffer(slice)
        } else {
            if loop.scratch.readableBytes > 0 { write(loop.scratch) }
            write(slice)
            loop.scratch.clear()
        }
    }

    private func emitPayload(of upstream: UpstreamHandler, isReplaced: Bool) {
        if isReplaced {
            emitFramed(loop.piece)
            return
        }
        var count = 0
        for range in loop.ranges { count += range.count }
        guard count > 0 else { return }
        let isChunked = isChunkedToClient
        if isChunked { appendChunkHead(count) }
        let start = upstream.inbound.readerIndex
        for range in loop.ranges {
            if let slice = upstream.inbound.getSlice(
                at: start + range.start, length: range.count)
            {
                emit(slice)
            }
        }
        if isChunked { loop.scratch.writeStaticString("\r\n") }
    }

    /// Appends payload of ours, as a chunk where the caller gets chunks.
    private func emitFramed(_ payload: [UInt8]) {
        guard !payload.isEmpty else { return }
        if isChunkedToClient { appendChunkHead(payload.count) }
        loop.scratch.writeBytes(payload)
        if isChunkedToClient { loop.scratch.writeStaticString("\r\n") }
    }

    private func appendChunkHead(_ size: Int) {
        var line: [UInt8] = []
        line.reserveCapacity(20)
        HeadWriter.appendChunkHead(size, to: &line)
        loop.scratch.writeBytes(line)
    }

    private func endScratch() {
        if loop.scratch.readableBytes > 0 { write(loop.scratch) }
    }

    /// Writes `shard.output` as it is.
    func writeOutput() {
        loop.scratch.clear()
        loop.scratch.writeBytes(loop.shard.output)
        endScratch()
    }

    /// Writes `shard.output` as one more piece of the answer.
    func writePayloadOutput() {
        loop.scratch.clear()
        emitFramed(loop.shard.output)
        endScratch()
    }

    /// Writes what ends the answer's body.
    func writeAnswerEnd() {
        if isChunkedToClient { write(ByteBuffer(string: "0\r\n\r\n")) }
    }
}

extension ResponseHead {
    /// Whether the body comes in chunks.
    var isChunked: Bool { framing == .chunked }
}
