// SPDX-License-Identifier: Apache-2.0

import MeshExchange

/// How a connection ends that its caller would keep: the process stops, or the port is closed.
extension ClientHandler {
    /// Ends what runs with an error that the caller can read; called when the process stops and
    /// can wait no longer.
    func abort() {
        if reading == .head || reading == .lingering {
            close()
            return
        }
        let now = loop.now
        perform(exchange.cutOff(shard: &loop.shard, at: now), at: now)
        flushIfNeeded()
    }

    /// The process is stopping.
    func drain() {
        exchange.keepsAlive = false
        if reading == .head, input.isEmpty { close() }
    }

    /// The set of listened ports changed; a connection of a closed port ends when it is idle.
    func portsChanged() {
        if port < 0 {
            drain()
        } else if !servesStream, loop.isSecured(port: port) != (serverTLS != nil) {
            // What is spoken on the port has changed: nothing more is read in the old way.
            drain()
            if reading == .head { close() }
        }
    }
}
