// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshWire

/// How requests are read.
extension ProxyClient {
    /// Uses what was read as far as it goes.
    func advance(at now: Instant) {
        // A finished answer asks for the next request from within this loop.
        if isAdvancing { return }
        isAdvancing = true
        defer { isAdvancing = false }
        var goesOn = true
        while goesOn, !inbound.isEmpty || reading == .collecting, !isClosed {
            switch reading {
            case .head:
                // Whoever sends requests without reading the answers waits.
                flushIfNeeded(at: now)
                if socket.isWritable {
                    goesOn = readHead(at: now)
                } else {
                    socket.pause()
                    goesOn = false
                }
            case .collecting: goesOn = collect(at: now)
            case .streaming: goesOn = streamBody(at: now)
            case .waiting:
                if inbound.count > Limits.waitingBytes { socket.pause() }
                goesOn = false
            case .lingering:
                inbound.clear()
                goesOn = false
            }
        }
        flushIfNeeded(at: now)
    }

    private func readHead(at now: Instant) -> Bool {
        if isIdle {
            isIdle = false
            deadline = now + loop.shard.snapshot.limits.headTimeout
        }
        let bytes = inbound.bytes
        let span = unsafe bytes.span.bytes.extracting(inbound.at..<bytes.count)
        do {
            guard try head.parse(span, limits: loop.headLimits) else {
                arm(at: now)
                return false
            }
        } catch {
            begins(request: -1)
            perform(
                exchange.refuseMalformed(error, shard: &loop.shard, at: now), at: now)
            return false
        }
        var name = -1
        if let field = head.first(.xRequestID) {
            name = RequestName.number(span.extracting(field.valueRange.range)) ?? -1
        }
        headBytes = inbound.take(head.length)
        reading = .waiting
        reader = BodyReader(head.framing, limits: loop.headLimits)
        begins(request: name)
        let own = headBytes
        perform(
            exchange.begin(
                head, unsafe own.span.bytes, port: port, shard: &loop.shard, at: now), at: now)
        return true
    }

    /// Collects the body for a decision; answers whether there may be more to do.
    private func collect(at now: Instant) -> Bool {
        let limit = exchange.snapshot.limits.bufferedBodyBytesMax
        switch takeBody(limit: limit) {
        case .whole:
            reading = .waiting
            let bytes = headBytes
            let payload = body ?? []
            perform(
                exchange.bodyCollected(
                    unsafe payload.span.bytes, head, unsafe bytes.span.bytes,
                    shard: &loop.shard, at: now), at: now)
            return true
        case .partial:
            continueIfExpected(at: now)
            exchange.bodyProgressed(at: now)
            rearm(at: now)
            return false
        case .tooLarge:
            perform(
                exchange.bodyFailed(Refusal(.bodyTooLarge), shard: &loop.shard, at: now),
                at: now)
            return false
        case .malformed(let violation):
            perform(
                exchange.bodyFailed(Refusal(violation), shard: &loop.shard, at: now), at: now)
            return false
        }
    }

    private enum Taken {
        case whole
        case partial
        case tooLarge
        case malformed(Violation)
    }

    /// Moves payload from `inbound` to `body`.
    private func takeBody(limit: Int) -> Taken {
        if body == nil, case .length(let count) = head.framing {
            if count > UInt64(limit) { return .tooLarge }
            if inbound.count >= Int(count) {
                body = inbound.take(Int(count))
                reader = BodyReader(.none, limits: loop.headLimits)
                return .whole
            }
        }
        var offset = inbound.at
        var result = Taken.partial
        var collected = body ?? []
        body = nil
        let bytes = inbound.bytes
        let span = unsafe bytes.span.bytes
        do throws(Violation) {
            pieces: while true {
                switch try reader.next(span, at: &offset) {
                case .payload(let range):
                    if collected.count + range.count > limit {
                        result = .tooLarge
                        break pieces
                    }
                    collected.append(span.extracting(range.range))
                case .end:
                    result = .whole
                    break pieces
                case .needMore: break pieces
                }
            }
        } catch {
            result = .malformed(error)
        }
        inbound.drop(offset - inbound.at)
        body = collected
        return result
    }

    /// Tells a caller that waits for it to send the body.
    func continueIfExpected(at now: Instant) {
        guard head.expectsContinue, !hasContinued else { return }
        hasContinued = true
        write("HTTP/1.1 100 Continue\r\n\r\n")
        flushIfNeeded(at: now)
    }

    /// Passes on what came of a streamed body; answers whether there may be more to do.
    func streamBody(at now: Instant) -> Bool {
        guard let upstream, exchange.phase == .sent || exchange.phase == .relaying else {
            // No connection yet: the caller waits.
            socket.pause()
            return false
        }
        var offset = inbound.at
        var ended = false
        loop.ranges.removeAll(keepingCapacity: true)
        let bytes = inbound.bytes
        let span = unsafe bytes.span.bytes
        do throws(Violation) {
            pieces: while true {
                switch try reader.next(span, at: &offset) {
                case .payload(let range): loop.ranges.append(range)
                case .end:
                    ended = true
                    break pieces
                case .needMore: break pieces
                }
            }
        } catch {
            perform(exchange.bodyFailed(Refusal(error), shard: &loop.shard, at: now), at: now)
            return false
        }
        forward(span, ended: ended, to: upstream, at: now)
        inbound.drop(offset - inbound.at)
        upstream.socket.flush(at: now)
        guard self.upstream === upstream else { return false }
        if ended {
            exchange.requestCompleted(bytes: 0, at: now)
            reading = .waiting
            rearm(at: now)
            return true
        }
        if !upstream.isWritable {
            socket.pause()
            exchange.isPaused = true
        }
        rearm(at: now)
        return false
    }

    /// Writes the payload in `loop.ranges` with the framing it came with.
    private func forward(
        _ span: RawSpan, ended: Bool, to upstream: ProxyUpstream, at now: Instant
    ) {
        var count = 0
        for range in loop.ranges { count += range.count }
        let isChunked = head.framing == .chunked
        if count > 0 {
            exchange.requestProgressed(bytes: count, at: now)
            var line: [UInt8] = []
            HeadWriter.appendChunkHead(count, to: &line)
            if isChunked { upstream.socket.write(line) }
            for range in loop.ranges { upstream.socket.write(span.extracting(range.range)) }
            if isChunked { upstream.socket.write(ended ? "\r\n0\r\n\r\n" : "\r\n") }
        } else if isChunked, ended {
            upstream.socket.write("0\r\n\r\n")
            // Nothing of it was sent before: a second attempt sends it as an empty body.
            if exchange.canReplay { body = [] }
        }
    }

    /// The upstream takes more of a streamed body.
    func upstreamWritable(at now: Instant) {
        guard reading == .streaming else { return }
        exchange.isPaused = false
        socket.resume(at: now)
        if !inbound.isEmpty { advance(at: now) }
    }
}
