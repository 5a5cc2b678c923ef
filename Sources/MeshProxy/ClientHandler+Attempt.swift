// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshWire

extension ClientHandler {
    /// Bodies up to this size are kept for a second attempt although nothing needs to read them.
    static let replayedBodyMax = 256 * 1024
    /// The same for a body that was streamed on HTTP/2 as it came.
    static let retainedBodyMax = 64 * 1024

    /// Sends the request to `pick`, on a waiting connection or a new one.
    func dispatch(_ pick: Pick, after delay: Nanoseconds, fresh: Bool, at now: Instant) {
        countAttempt()
        keepSmallBody()
        guard delay.rawValue > 0 else {
            connect(pick, fresh: fresh, at: now)
            return
        }
        let token = attempt
        loop.sockets.schedule(at: now + delay) { [self] in
            guard token == attempt, isOpen else { return }
            let now = loop.now
            connect(pick, fresh: fresh, at: now)
            flushIfNeeded()
        }
    }

    /// Takes the body out of `inbound` when all of it is there, so that it can be sent twice.
    private func keepSmallBody() {
        guard !exchange.isRequestComplete, !hasBody else { return }
        guard case .length(let count) = head.framing, count <= UInt64(Self.replayedBodyMax),
            let whole = input.take(Int(count))
        else {
            reading = .streaming
            return
        }
        keepBody(whole)
        exchange.requestCompleted(bytes: Int(count), at: loop.now)
    }

    func connect(_ pick: Pick, fresh: Bool, at now: Instant) {
        askedPick = pick
        let snapshot = exchange.snapshot
        let number = Int(snapshot.endpoints[Int(pick.endpoint)].backend)
        let tls = snapshot.backends[number].tls
        if snapshot.backends[number].version == .http2 {
            connectStream(pick, fresh: fresh, at: now)
            return
        }
        if !fresh, let waiting = loop.pool(pick.slot).take(tls: tls) {
            send(on: waiting, at: now)
            return
        }
        let endpoint = snapshot.endpoints[Int(pick.endpoint)]
        let policy = snapshot.backends[number].connections
        guard let address = loop.address(of: endpoint, id: pick.endpoint, in: snapshot) else {
            perform(
                exchange.attemptFailed(.connect, shard: &loop.shard, at: now), at: now)
            return
        }
        let token = attempt
        loop.connect(
            to: address, slot: pick.slot, tls: tls, timeout: exchange.connectTimeout
        ) { [self] upstream in
            let now = loop.now
            guard isOpen, looksAt(attempt: token) else {
                // Too late for this exchange; another one may still use the connection.
                if let upstream { loop.keep(upstream, policy: policy, at: now) }
                return
            }
            if let upstream {
                send(on: upstream, at: now)
            } else {
                perform(
                    exchange.attemptFailed(.connect, shard: &loop.shard, at: now), at: now)
            }
            flushIfNeeded()
        }
    }

    /// The same for an endpoint that is spoken to in HTTP/2.
    private func connectStream(_ pick: Pick, fresh: Bool, at now: Instant) {
        let snapshot = exchange.snapshot
        let endpoint = snapshot.endpoints[Int(pick.endpoint)]
        let number = Int(endpoint.backend)
        guard let address = loop.address(of: endpoint, id: pick.endpoint, in: snapshot) else {
            perform(
                exchange.attemptFailed(.connect, shard: &loop.shard, at: now), at: now)
            return
        }
        let token = attempt
        loop.openStream(
            to: address, slot: pick.slot, tls: snapshot.backends[number].tls, fresh: fresh,
            idleTimeout: snapshot.backends[number].connections.idleTimeout,
            timeout: exchange.connectTimeout
        ) { [self] upstream in
            let now = loop.now
            guard isOpen, looksAt(attempt: token) else {
                upstream?.close()
                return
            }
            if let upstream {
                send(on: upstream, at: now)
            } else {
                perform(
                    exchange.attemptFailed(.connect, shard: &loop.shard, at: now), at: now)
            }
            flushIfNeeded()
        }
    }

    private func send(on upstream: UpstreamHandler, at now: Instant) {
        self.upstream = upstream
        upstream.attach(self)
        let bytes = headBytes.window
        if hasBody {
            let payload = body.window
            let edits = exchange.forwardedHead(
                head, bytes.bytes, body: payload.bytes, peer: peer, shard: &loop.shard)
            upstream.write(loop.shard.output)
            write(payload, edits, on: upstream)
        } else {
            _ = exchange.forwardedHead(
                head, bytes.bytes, body: nil, peer: peer, shard: &loop.shard)
            upstream.write(loop.shard.output)
        }
        upstream.flush()
        exchange.requestSent(at: now)
        if reading == .streaming {
            continueIfExpected()
            resumeReads()
            if !input.isEmpty { advance() }
        }
        rearm(at: now)
    }

    /// Writes a body with the edits that were made to it.
    private func write(
        _ body: UnsafeRawBufferPointer, _ edits: BodyEdits, on upstream: UpstreamHandler
    ) {
        var at = 0
        for splice in edits.splices {
            upstream.write(UnsafeRawBufferPointer(rebasing: body[at..<splice.range.start]))
            upstream.write(splice.replacement)
            at = splice.range.end
        }
        upstream.write(UnsafeRawBufferPointer(rebasing: body[at...]))
    }

    /// Passes on what came of a streamed body; answers whether there may be more to do.
    func streamBody() -> Bool {
        guard let upstream, exchange.phase == .sent || exchange.phase == .relaying else {
            // No connection yet: the caller waits.
            pauseReads()
            return false
        }
        let now = loop.now
        var offset = 0
        var ended = false
        loop.ranges.removeAll(keepingCapacity: true)
        let bytes = input.window
        let span = bytes.bytes
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
        var count = 0
        let isChunked = head.framing == .chunked
        for range in loop.ranges { count += range.count }
        if count > 0 {
            exchange.requestProgressed(bytes: count, at: now)
            if servesStream { retain(bytes, count) }
            if isChunked { upstream.writeChunkHead(count) }
            for range in loop.ranges {
                upstream.write(UnsafeRawBufferPointer(rebasing: bytes[range.range]))
            }
            if isChunked { upstream.write(ended ? "\r\n0\r\n\r\n" : "\r\n") }
        } else if isChunked, ended {
            upstream.write("0\r\n\r\n")
            // Nothing of it was sent before: a second attempt sends it as an empty body.
            if exchange.canReplay {
                body.clear()
                hasBody = true
            }
        }
        input.drop(offset)
        upstream.flush()
        if ended {
            if retained == .all {
                hasBody = true
                exchange.canReplay = true
            }
            exchange.requestCompleted(bytes: 0, at: now)
            reading = .waiting
            rearm(at: now)
            return true
        }
        if !upstream.isWritable {
            pauseReads()
            exchange.isPaused = true
        }
        rearm(at: now)
        return false
    }

    /// Keeps the payload of a stream of HTTP/2 while it is small: calls of gRPC often send their
    /// one message behind the head, and can be sent again once it is whole.
    private func retain(_ bytes: UnsafeRawBufferPointer, _ count: Int) {
        guard retained != .part else { return }
        if body.count + count <= Self.retainedBodyMax {
            retained = .all
            for range in loop.ranges {
                body.append(UnsafeRawBufferPointer(rebasing: bytes[range.range]))
            }
        } else {
            retained = .part
            body.clear()
        }
    }

    /// The upstream takes more of a streamed body.
    func upstreamWritable() {
        guard reading == .streaming else { return }
        exchange.isPaused = false
        resumeReads()
        if !input.isEmpty { advance() }
    }

    /// Gives up the present attempt's connection; keeps it when its answer was read whole.
    func abandonUpstream() {
        countAttempt()
        guard let upstream else { return }
        self.upstream = nil
        drainSmallAnswer(of: upstream)
        release(upstream)
    }

    /// Closes the present attempt's connection without hearing of it again.
    func dropUpstream() {
        guard let upstream else { return }
        self.upstream = nil
        upstream.detach()
        upstream.close()
    }

    /// Reads an answer that nobody wants to its end, if it is at hand already.
    private func drainSmallAnswer(of upstream: UpstreamHandler) {
        guard upstream.hasHead, !upstream.reader.isComplete else { return }
        if upstream.head.length <= upstream.input.count, !upstream.isHeadTaken {
            upstream.input.drop(upstream.head.length)
        }
        var offset = 0
        let bytes = upstream.input.window
        let span = bytes.bytes
        while case .payload? = try? upstream.reader.next(span, at: &offset) {}
        upstream.input.drop(offset)
    }

    /// Returns a connection to its pool when it can serve again, else closes it.
    func release(_ upstream: UpstreamHandler) {
        let isReusable = upstream.isReusable && exchange.isRequestComplete
        let snapshot = exchange.snapshot
        upstream.detach()
        guard isReusable, let pick = askedPick, upstream.leads(to: pick.slot) else {
            upstream.close()
            return
        }
        let number = Int(snapshot.endpoints[Int(pick.endpoint)].backend)
        loop.keep(upstream, policy: snapshot.backends[number].connections, at: loop.now)
    }

    /// The connection ended by itself.
    func upstreamClosed(_ upstream: UpstreamHandler) {
        guard looksAt(upstream) else { return }
        let now = loop.now
        if upstream.hasHead {
            relayEnd(of: upstream, at: now)
        } else {
            let wasReused = (upstream.served > 0 || upstream.wasRefused) && upstream.input.isEmpty
            perform(
                exchange.attemptFailed(
                    .reset(wasReused: wasReused), shard: &loop.shard, at: now), at: now)
        }
        flushIfNeeded()
    }

    /// What came is not an answer.
    func upstreamMalformed(_ upstream: UpstreamHandler) {
        guard looksAt(upstream) else { return }
        let now = loop.now
        dropUpstream()
        perform(exchange.attemptFailed(.malformed, shard: &loop.shard, at: now), at: now)
        flushIfNeeded()
    }
}

extension Connection {
    /// Writes what stands in front of a chunk.
    func writeChunkHead(_ size: Int) {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { line in
            var at = line.count - 2
            line[at] = UInt8(ascii: "\r")
            line[at + 1] = UInt8(ascii: "\n")
            var rest = size
            repeat {
                at -= 1
                line[at] = ASCII.hexDigit(UInt8(rest & 15))
                rest >>= 4
            } while rest > 0
            write(UnsafeRawBufferPointer(rebasing: line[at...]))
        }
    }
}

extension Loop {
    /// Keeps a connection as the backend's policy says, if its endpoint is still there.
    func keep(
        _ upstream: UpstreamHandler, policy: ConnectionPoolPolicy, at now: Instant
    ) {
        guard !upstream.isStream, let pool = presentPool(upstream.slot) else {
            upstream.close()
            return
        }
        pool.keep(upstream, max: policy.idleMax, until: now + policy.idleTimeout)
    }
}
