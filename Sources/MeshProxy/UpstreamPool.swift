// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot

/// Idle connections of one event loop to one endpoint, the one used last first.
final class UpstreamPool {
    /// The endpoint that the connections lead to.
    private(set) var slot: EndpointSlot?
    private var idle: [UpstreamHandler] = []
    /// Connections of HTTP/2, which serve many exchanges at once.
    private var sessions: [HTTP2ClientSession] = []

    /// Count of idle connections.
    var count: Int { idle.count }

    /// Whether the connections lead to the endpoint in `slot`.
    func serves(_ slot: EndpointSlot) -> Bool {
        guard let own = self.slot else { return false }
        return own.index == slot.index && own.generation == slot.generation
    }

    /// Drops everything and serves another endpoint.
    func restart(for slot: EndpointSlot) {
        closeAll()
        self.slot = slot
    }

    /// A connection that is still open and encrypted as `tls` says, or nil.
    func take(tls: UpstreamTLS?) -> UpstreamHandler? {
        while let last = idle.popLast() {
            if last.isOpen, tls == nil ? last.tls == nil : last.tls == tls { return last }
            last.close()
        }
        return nil
    }

    /// A connection of HTTP/2 on which another stream may be opened, encrypted as `tls` says; or
    /// one that is being made and can be waited for.
    func session(tls: UpstreamTLS?) -> HTTP2ClientSession? {
        var waited: HTTP2ClientSession?
        for session in sessions where session.tls == tls {
            if session.takesStreams { return session }
            if session.takesWaiters { waited = session }
        }
        return waited
    }

    /// Counts `session` among the connections to the endpoint.
    func add(_ session: HTTP2ClientSession) { sessions.append(session) }

    /// Forgets a session that ended.
    func remove(_ session: HTTP2ClientSession) { sessions.removeAll { $0 === session } }

    /// Keeps a connection for the next request; closes it when enough are kept.
    func keep(_ upstream: UpstreamHandler, max: Int, until: Instant) {
        guard idle.count < max, upstream.isOpen else {
            upstream.close()
            return
        }
        upstream.idleUntil = until
        idle.append(upstream)
    }

    /// Forgets a connection that closed by itself.
    func remove(_ upstream: UpstreamHandler) {
        if let index = idle.firstIndex(where: { $0 === upstream }) { idle.remove(at: index) }
    }

    /// Closes what has been idle for too long. The oldest stand first.
    func prune(at now: Instant) {
        for session in sessions where session.isIdle(at: now) { session.retire() }
        guard let first = idle.first, first.idleUntil <= now else { return }
        let expired = idle.prefix { $0.idleUntil <= now }
        idle.removeFirst(expired.count)
        for upstream in expired { upstream.close() }
    }

    /// Closes those that were used longest ago until `count` are left.
    func trim(to count: Int) {
        guard idle.count > count else { return }
        let surplus = idle.prefix(idle.count - count)
        idle.removeFirst(surplus.count)
        for upstream in surplus { upstream.close() }
    }

    /// Closes everything.
    func closeAll() {
        let all = idle
        idle = []
        for upstream in all { upstream.close() }
        let open = sessions
        sessions = []
        for session in open { session.retire() }
    }
}
