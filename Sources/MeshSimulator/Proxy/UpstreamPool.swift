// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting

/// Idle connections of one loop to one endpoint, the one used last first.
final class UpstreamPool {
    /// The endpoint that the connections lead to.
    private(set) var slot: EndpointSlot?
    private var idle: [ProxyUpstream] = []

    /// Count of idle connections.
    var count: Int { idle.count }

    /// Drops everything and serves another endpoint.
    func restart(for slot: EndpointSlot, at now: Instant) {
        closeAll(at: now)
        self.slot = slot
    }

    /// A connection that is still open, or nil.
    func take(at now: Instant) -> ProxyUpstream? {
        while let last = idle.popLast() {
            if last.isOpen { return last }
            last.close(at: now)
        }
        return nil
    }

    /// Keeps a connection for the next request; closes it when enough are kept.
    func keep(_ upstream: ProxyUpstream, max: Int, until: Instant, at now: Instant) {
        guard idle.count < max, upstream.isOpen else {
            upstream.close(at: now)
            return
        }
        upstream.idleUntil = until
        idle.append(upstream)
    }

    /// Forgets a connection that closed by itself.
    func remove(_ upstream: ProxyUpstream) {
        if let index = idle.firstIndex(where: { $0 === upstream }) { idle.remove(at: index) }
    }

    /// Closes what has been idle for too long. The oldest stand first.
    func prune(at now: Instant) {
        guard let first = idle.first, first.idleUntil <= now else { return }
        let expired = idle.prefix { $0.idleUntil <= now }
        idle.removeFirst(expired.count)
        for upstream in expired { upstream.close(at: now) }
    }

    /// Closes everything.
    func closeAll(at now: Instant) {
        let all = idle
        idle = []
        for upstream in all { upstream.close(at: now) }
    }
}
