// SPDX-License-Identifier: Apache-2.0

import MeshExchange
import MeshWire

/// Which version of HTTP a connection speaks.
extension ClientHandler {
    /// Whether what came is, as far as it goes, how HTTP/2 begins. When all of that is there, the
    /// connection belongs to a session from now on.
    func speaksHTTP2() -> Bool {
        let preface = FrameGate.preface
        let bytes = input.window
        let count = min(bytes.count, preface.utf8CodeUnitCount)
        for i in 0..<count where bytes[i] != preface.utf8Start[i] { return false }
        if count < preface.utf8CodeUnitCount {
            head.reset()
            loop.wheel.arm(self, at: loop.now)
            return true
        }
        becomeSession()
        return true
    }

    /// What follows is HTTP/2.
    func becomeSession() {
        setIdle(false)
        loop.wheel.disarm(self)
        loop.clients.removeValue(forKey: ObjectIdentifier(self))
        HTTP2ServerSession(
            loop: loop, socket: socket, peer: peer, secured: exchange.secured
        ).takeOver(self)
    }
}
