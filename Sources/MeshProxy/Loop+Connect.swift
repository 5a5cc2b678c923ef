// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import NIOSSL

extension Loop {
    /// Opens a connection to an endpoint and hands it, or nil, to `done`.
    func connect(
        to address: InternetAddress, slot: EndpointSlot, tls: UpstreamTLS?, timeout: Nanoseconds,
        done: @escaping (UpstreamHandler?) -> Void
    ) {
        guard let secured = client(of: tls) else {
            done(nil)
            return
        }
        let handler = UpstreamHandler(loop: self, slot: slot, tls: tls)
        handler.whenUsable = { [self] isGood in
            if isGood {
                shard.metrics.mesh.upstreamOpened += 1
            } else if handler.hasConnected {
                // The handshake belongs to the connection's set-up: a peer that is not who it
                // must be was not reached.
                let reason = handler.problem.isEmpty ? "it was closed" : handler.problem
                note("the TLS handshake with \(address) failed: \(reason)")
            }
            done(isGood ? handler : nil)
        }
        handler.connect(to: address, within: timeout, secured: secured)
    }

    /// Opens a stream on a connection of HTTP/2 to an endpoint and hands it, or nil, to `done`: at
    /// once when a connection has room, else when one was made. With `fresh` one is made.
    func openStream(
        to address: InternetAddress, slot: EndpointSlot, tls: UpstreamTLS?, fresh: Bool,
        idleTimeout: Nanoseconds, timeout: Nanoseconds,
        done: @escaping (UpstreamHandler?) -> Void
    ) {
        withSession(
            to: address, slot: slot, tls: tls, fresh: fresh, idleTimeout: idleTimeout,
            timeout: timeout
        ) { [self] session in
            guard let session else {
                done(nil)
                return
            }
            let handler = UpstreamHandler(loop: self, slot: slot, tls: tls)
            session.host(handler)
            done(handler)
        }
    }

    /// Hands `done` a connection of HTTP/2 to an endpoint that has room for a stream, or nil.
    func withSession(
        to address: InternetAddress, slot: EndpointSlot, tls: UpstreamTLS?, fresh: Bool,
        idleTimeout: Nanoseconds, timeout: Nanoseconds,
        done: @escaping (HTTP2ClientSession?) -> Void
    ) {
        let serve: (HTTP2ClientSession?) -> Void = { [self] session in
            guard let session else {
                done(nil)
                return
            }
            guard session.takesStreams else {
                // Others were served first.
                withSession(
                    to: address, slot: slot, tls: tls, fresh: false, idleTimeout: idleTimeout,
                    timeout: timeout, done: done)
                return
            }
            done(session)
        }
        let pool = pool(slot)
        if !fresh, let session = pool.session(tls: tls) {
            if session.isReady { serve(session) } else { session.wait(serve) }
            return
        }
        guard let secured = client(of: tls) else {
            done(nil)
            return
        }
        let session = HTTP2ClientSession(
            loop: self, slot: slot, tls: tls, idleTimeout: idleTimeout)
        pool.add(session)
        session.wait(serve)
        session.dial(address, within: timeout, secured: secured)
    }

    /// How to speak TLS as `settings` say; `.some(nil)` for cleartext, nil when they are not known
    /// any more.
    func client(of settings: UpstreamTLS?) -> TLSClient?? {
        guard let settings else { return .some(nil) }
        guard let context = tlsContext(for: settings) else { return nil }
        return TLSClient(context: context, serverName: settings.nameSent)
    }
}

extension UpstreamTLS {
    /// The server name that is sent: an IP address is none (RFC 6066 section 3) and is checked
    /// against the certificate's addresses instead.
    var nameSent: String? {
        if serverName.isEmpty || serverName.contains(":") { return nil }
        let isAddress = serverName.utf8.allSatisfy { $0 == 0x2E || ($0 >= 0x30 && $0 <= 0x39) }
        return isAddress ? nil : serverName
    }
}
