// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshExchange
import MeshSnapshot
import MeshWire

extension ClientHandler {
    /// Puts the request that nginx asks about in the place of its question; false when the
    /// question was refused.
    func readAsked(at now: Instant) -> Bool {
        let window = headBytes.window
        let isPlain = head.framing == .none || head.framing == .length(0)
        guard isPlain, let asked = AskedRequest(nginx: head, window.bytes),
            let bytes = asked.head(closes: !head.keepAlive)
        else {
            refuseAsked(
                Refusal(
                    .malformedRequest,
                    message: "a question of auth_request has no body and the fields "
                        + "X-Original-Method, X-Original-URI and X-Real-IP, once each; set them "
                        + "with proxy_set_header"), at: now)
            return false
        }
        headBytes.clear()
        bytes.withUnsafeBytes { headBytes.append($0) }
        exchange.peer = asked.source
        do {
            head.reset()
            guard try head.parse(headBytes.window.bytes, limits: loop.headLimits) else {
                refuseAsked(Refusal(.malformedRequest), at: now)
                return false
            }
        } catch {
            refuseAsked(Refusal(error), at: now)
            return false
        }
        return true
    }

    private func refuseAsked(_ refusal: Refusal, at now: Instant) {
        reading = .waiting
        perform(exchange.refuseUnread(refusal, shard: &loop.shard, at: now), at: now)
    }
}

extension Loop {
    /// Whether questions that come to `port` name the request in fields of their own.
    func asksInFields(_ port: Int) -> Bool {
        let snapshot = shard.snapshot
        return snapshot.hasAskedPorts && port >= 0 && port < snapshot.ports.count
            && snapshot.ports[port].speech == .authRequest
    }
}
