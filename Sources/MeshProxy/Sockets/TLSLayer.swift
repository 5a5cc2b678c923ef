// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import NIOCore
import NIOSSL
import NIOTLS

/// How a connection to an endpoint is encrypted.
struct TLSClient {
    /// What is spoken, and who the endpoint must be.
    var security: UpstreamSecurity

    /// The name that is asked for and checked; nil for an address.
    var serverName: String? { security.settings.nameSent }
}

/// TLS between a `Connection` and its bytes: NIOSSL in a channel of its own.
///
/// What is written is gathered and becomes records with the next flush, so that a head and its
/// body are one record.
class TLSLayer: Layer, ChannelHost {
    private final var channel: HostedChannel?
    private final var handler: NIOSSLHandler?
    private final var plain: ByteQueue
    /// Towards an endpoint: who it must be.
    private final var security: UpstreamSecurity?
    private(set) final var isUsable = false
    private final var isLeaving = false
    /// The protocol that both sides agreed on, once the handshake is over; nil for none.
    private(set) final var negotiated: String?

    /// The side that connects.
    convenience init(
        _ settings: TLSClient, of connection: Connection, to peer: InternetAddress
    ) throws {
        self.init(on: connection)
        security = settings.security
        try host(
            NIOSSLClientHandler(
                context: settings.security.context, serverHostname: settings.serverName),
            to: peer)
    }

    /// A side that is told later how to speak.
    init(on connection: Connection) {
        plain = ByteQueue(connection.sockets.blocks)
        super.init(of: connection)
    }

    /// Speaks by `handler` from now on; `peer` is where an address counts as the peer's name.
    final func host(_ handler: NIOSSLHandler, to peer: InternetAddress? = nil) throws {
        guard let connection else { return }
        self.handler = handler
        channel = try HostedChannel(
            [handler], of: self, sockets: connection.sockets, peer: peer)
    }

    /// Whether it was told how to speak.
    final var isHosting: Bool { channel != nil }

    /// The certificate that the peer showed, when it showed one.
    final var peerCertificate: NIOSSLCertificate? { handler?.peerCertificate }

    /// The handshake is over: looks at who the peer is; false when it is refused.
    func isAccepted() -> Bool {
        guard let security, !security.settings.names.isEmpty else { return true }
        let time = WallTime(
            nanoseconds: Int64(LiveWorld.now().nanoseconds) + LiveWorld.wallOffset())
        guard let objection = security.objection(to: peerCertificate, at: time) else {
            return true
        }
        failed(objection)
        return false
    }

    /// Something went wrong. Overridden to tell somebody.
    func failed(_ reason: String) {
        if let connection, connection.isOpen { connection.fail(reason) }
    }

    // MARK: Layer

    override func begin() { channel?.begin() }

    override func read(_ bytes: UnsafeRawBufferPointer) { channel?.read(ByteBuffer(bytes: bytes)) }

    // Without a farewell inside of TLS an end is an error.
    override func inputEnded() { end() }

    override final func write(_ bytes: UnsafeRawBufferPointer) {
        plain.append(bytes)
        if plain.count > SocketLimits.gatheredMax * 2 { encrypt() }
    }

    override final func flush() {
        encrypt()
        channel?.flush()
    }

    override final var isFlushed: Bool { plain.isEmpty }

    override final func sayGoodbye() {
        // Closing the channel closes the connection, which comes here once more.
        guard isUsable, !isLeaving, let channel, !channel.isEnded else { return }
        isLeaving = true
        flush()
        channel.close()
    }

    override func ended() {
        connection = nil
        plain.clear()
        end()
    }

    private final func end() {
        handler = nil
        guard let channel else { return }
        self.channel = nil
        channel.end()
    }

    private final func encrypt() {
        guard !plain.isEmpty, let channel else { return }
        let bytes = ByteBuffer(bytes: plain.window)
        plain.clear()
        channel.write(NIOAny(bytes))
    }

    // MARK: ChannelHost

    final func hostedWrite(_ bytes: UnsafeRawBufferPointer) { connection?.writeRaw(bytes) }

    final func hostedFlush() { connection?.flushRaw() }

    final func hostedRead(_ bytes: UnsafeRawBufferPointer) { connection?.receivedInside(bytes) }

    final func hostedEvent(_ event: Any) {
        guard case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent else { return }
        self.negotiated = negotiated
        guard isAccepted() else { return }
        isUsable = true
        connection?.secured()
    }

    final func hostedFailed(_ error: any Error) { failed("\(error)") }

    final func hostedClose() {
        if let connection, connection.isOpen { connection.close() }
    }
}
