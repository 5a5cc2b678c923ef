// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import NIOCore
import NIOSSL
import NIOTLS

/// How a connection to an endpoint is encrypted.
struct TLSClient {
    var context: NIOSSLContext
    /// The name that is asked for and checked; nil for an address.
    var serverName: String?
}

/// TLS between a `Connection` and its bytes: NIOSSL in a channel of its own.
///
/// What is written is gathered and becomes records with the next flush, so that a head and its
/// body are one record.
final class TLSLayer: Layer, ChannelHost {
    private var channel: HostedChannel?
    private var plain: ByteQueue
    private var isUsable = false
    /// The protocol that both sides agreed on, once the handshake is over; nil for none.
    private(set) var negotiated: String?

    /// The side that connects.
    init(_ settings: TLSClient, of connection: Connection) throws {
        plain = ByteQueue(connection.sockets.blocks)
        super.init(of: connection)
        let handler = try NIOSSLClientHandler(
            context: settings.context, serverHostname: settings.serverName)
        channel = try HostedChannel([handler], of: self, sockets: connection.sockets)
    }

    // MARK: Layer

    override func begin() { channel?.begin() }

    override func read(_ bytes: UnsafeRawBufferPointer) { channel?.read(ByteBuffer(bytes: bytes)) }

    // Without a farewell inside of TLS an end is an error.
    override func inputEnded() { end() }

    override func write(_ bytes: UnsafeRawBufferPointer) {
        plain.append(bytes)
        if plain.count > SocketLimits.gatheredMax * 2 { encrypt() }
    }

    override func flush() {
        encrypt()
        channel?.flush()
    }

    override var isFlushed: Bool { plain.isEmpty }

    override func sayGoodbye() {
        guard isUsable, let channel, !channel.isEnded else { return }
        flush()
        channel.close()
    }

    override func ended() {
        connection = nil
        plain.clear()
        end()
    }

    private func end() {
        guard let channel else { return }
        self.channel = nil
        channel.end()
    }

    private func encrypt() {
        guard !plain.isEmpty, let channel else { return }
        let bytes = ByteBuffer(bytes: plain.window)
        plain.clear()
        channel.write(NIOAny(bytes))
    }

    // MARK: ChannelHost

    func hostedWrite(_ bytes: UnsafeRawBufferPointer) { connection?.writeRaw(bytes) }

    func hostedFlush() { connection?.flushRaw() }

    func hostedRead(_ bytes: UnsafeRawBufferPointer) { connection?.receivedInside(bytes) }

    func hostedEvent(_ event: Any) {
        guard case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent else { return }
        isUsable = true
        self.negotiated = negotiated
        connection?.secured()
    }

    func hostedFailed(_ error: any Error) {
        if let connection, connection.isOpen { connection.fail("\(error)") }
    }

    func hostedClose() {
        if let connection, connection.isOpen { connection.close() }
    }
}
