// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// Attempts at endpoints.
extension ProxyClient {
    /// Sends the request to `pick`, on a waiting connection or a new one.
    func dispatch(_ pick: Pick, after delay: Nanoseconds, fresh: Bool, at now: Instant) {
        countAttempt()
        keepSmallBody(at: now)
        guard delay.rawValue > 0 else {
            connect(pick, fresh: fresh, at: now)
            return
        }
        let token = attempt
        world.schedule(at: now + delay) { [self] now in
            guard token == attempt, !isClosed else { return }
            connect(pick, fresh: fresh, at: now)
            flushIfNeeded(at: now)
        }
    }

    /// Takes the body out of `inbound` when all of it is there, so that it can be sent twice.
    private func keepSmallBody(at now: Instant) {
        guard !exchange.isRequestComplete, body == nil else { return }
        guard case .length(let count) = head.framing, count <= UInt64(Limits.replayedBodyBytes),
            inbound.count >= Int(count)
        else {
            reading = .streaming
            return
        }
        body = inbound.take(Int(count))
        exchange.requestCompleted(bytes: Int(count), at: now)
    }

    func connect(_ pick: Pick, fresh: Bool, at now: Instant) {
        askedPick = pick
        let snapshot = exchange.snapshot
        if exchange.record.attempts == 1 {
            world.checkPolicyVerdict(request: request, in: snapshot)
        }
        let backend = snapshot.backends[
            Int(snapshot.endpoints[Int(pick.endpoint)].backend)]
        if !fresh, let waiting = loop.pool(pick.slot, at: now).take(at: now) {
            world.checkEndpoint(pick.endpoint, in: snapshot, request: request)
            send(on: waiting, at: now)
            return
        }
        var endpoint = pick.endpoint
        if world.options.sabotage == .ignoresPick { endpoint = 0 }
        if world.options.sabotage == .losesLabels {
            endpoint = loop.pickWithoutLabels(at: now) ?? endpoint
        }
        world.checkEndpoint(endpoint, in: snapshot, request: request)
        let token = attempt
        loop.connect(
            to: snapshot.endpoints[Int(endpoint)].authority, slot: pick.slot,
            timeout: exchange.connectTimeout, at: now
        ) { [self] upstream, now in
            guard !isClosed, looksAt(attempt: token) else {
                // Too late for this exchange; another one may still use the connection.
                if let upstream { loop.keep(upstream, policy: backend, at: now) }
                return
            }
            if let upstream {
                send(on: upstream, at: now)
            } else {
                perform(
                    exchange.attemptFailed(.connect, shard: &loop.shard, at: now), at: now)
            }
            flushIfNeeded(at: now)
        }
    }

    private func send(on upstream: ProxyUpstream, at now: Instant) {
        self.upstream = upstream
        upstream.attach(self)
        let bytes = headBytes
        if let body {
            let edits = exchange.forwardedHead(
                head, unsafe bytes.span.bytes, body: unsafe body.span.bytes, peer: peer,
                shard: &loop.shard)
            upstream.socket.write(loop.shard.output)
            var edited: [UInt8] = []
            edited.reserveCapacity(body.count + 64)
            edits.append(unsafe body.span.bytes, to: &edited)
            if world.options.sabotage == .forgetsLastWord { Self.dropLastByte(of: &edited) }
            upstream.socket.write(edited)
        } else {
            _ = exchange.forwardedHead(
                head, unsafe bytes.span.bytes, body: nil, peer: peer, shard: &loop.shard)
            upstream.socket.write(loop.shard.output)
        }
        upstream.socket.flush(at: now)
        if world.fails(.send) {
            world.faults.count(.chosenOperation)
            upstream.broke(upstream.socket, at: now)
        }
        // The flush may have found the connection closed and begun another attempt.
        guard self.upstream === upstream else { return }
        exchange.requestSent(at: now)
        if reading == .streaming {
            continueIfExpected(at: now)
            socket.resume(at: now)
            if !inbound.isEmpty { advance(at: now) }
        }
        rearm(at: now)
    }

    /// Takes the last letter out of what a request says was said.
    private static func dropLastByte(of body: inout [UInt8]) {
        let mark = Array("{\"role\":\"assistant\"".utf8)
        let starts = body.indices.filter { body[$0...].starts(with: mark) }
        guard !starts.isEmpty, let end = body.lastIndex(of: UInt8(ascii: "}")), end > 4 else {
            return
        }
        // A blank keeps the length and the grammar.
        body[body.count - 5] = UInt8(ascii: "_")
    }

    /// Gives up the present attempt's connection; keeps it when its answer was read whole.
    func abandonUpstream(at now: Instant) {
        countAttempt()
        guard let upstream else { return }
        self.upstream = nil
        drainSmallAnswer(of: upstream)
        release(upstream, at: now)
    }

    /// Closes the present attempt's connection without hearing of it again.
    func dropUpstream(at now: Instant) {
        guard let upstream else { return }
        self.upstream = nil
        upstream.detach(at: now)
        upstream.close(at: now)
    }

    /// Reads an answer that nobody wants to its end, if it is at hand already.
    private func drainSmallAnswer(of upstream: ProxyUpstream) {
        guard upstream.hasHead, !upstream.reader.isComplete else { return }
        if upstream.head.length <= upstream.inbound.count, !upstream.isHeadTaken {
            upstream.inbound.drop(upstream.head.length)
        }
        var offset = upstream.inbound.at
        let bytes = upstream.inbound.bytes
        let span = unsafe bytes.span.bytes
        while case .payload? = try? upstream.reader.next(span, at: &offset) {}
        upstream.inbound.drop(offset - upstream.inbound.at)
    }

    /// Returns a connection to its pool when it can serve again, else closes it.
    func release(_ upstream: ProxyUpstream, at now: Instant) {
        let isReusable = upstream.isReusable && exchange.isRequestComplete
        let snapshot = exchange.snapshot
        upstream.detach(at: now)
        guard isReusable, let pick = askedPick, pick.slot == upstream.slot else {
            upstream.close(at: now)
            return
        }
        let backend = snapshot.backends[Int(snapshot.endpoints[Int(pick.endpoint)].backend)]
        loop.keep(upstream, policy: backend, at: now)
    }

    /// The connection ended by itself.
    func upstreamClosed(_ upstream: ProxyUpstream, at now: Instant) {
        guard looksAt(upstream) else { return }
        if upstream.hasHead {
            relayEnd(of: upstream, at: now)
        } else {
            let wasReused = upstream.served > 0 && upstream.inbound.isEmpty
            perform(
                exchange.attemptFailed(
                    .reset(wasReused: wasReused), shard: &loop.shard, at: now), at: now)
        }
        flushIfNeeded(at: now)
    }

    /// What came is not an answer.
    func upstreamMalformed(_ upstream: ProxyUpstream, at now: Instant) {
        guard looksAt(upstream) else { return }
        dropUpstream(at: now)
        perform(exchange.attemptFailed(.malformed, shard: &loop.shard, at: now), at: now)
        flushIfNeeded(at: now)
    }
}
