// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange

/// Waiting for a place at a backend, and giving up what takes too much room.
extension ClientHandler {
    /// Waits to be called by the turnstile.
    func park() {
        let ticket = exchange.turnstileTicket
        guard ticket != parked else { return }
        unpark()
        parked = ticket
        loop.waiting[ticket] = self
    }

    func unpark() {
        guard parked != 0 else { return }
        loop.waiting[parked] = nil
        parked = 0
    }

    /// The turnstile called, or the deadline passed.
    func called(_ end: QueueEnd) {
        unpark()
        guard isOpen, exchange.phase == .queued else { return }
        let now = loop.now
        let bytes = headBytes.window
        let payload = hasBody ? body.window.bytes : nil
        perform(
            exchange.turnstileOpened(
                end, head, bytes.bytes, body: payload, shard: &loop.shard, at: now), at: now)
        // What came while it waited was not looked at.
        resumeReads()
        advance()
    }

    /// Bytes that wait for it, or in it for the rest.
    var waitingBytes: Int { body.count + input.count + unsentBytes }

    /// Whether an answer is being written that nobody reads.
    var isUnread: Bool { !isWritable && reading != .lingering }

    /// Gives up an answer that takes too much room because nobody reads it.
    func cut() {
        perform(exchange.clientGone(shard: &loop.shard, at: loop.now), at: loop.now)
        if isOpen { close() }
    }

    /// There is room again for the body that was not read.
    func resumeSlowed() {
        guard isOpen, reading == .collecting else { return }
        resumeReads()
        advance()
    }
}
