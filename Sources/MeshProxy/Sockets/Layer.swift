// SPDX-License-Identifier: Apache-2.0

/// What may lie between a `Connection` and the bytes of its socket: encryption, or a stream of
/// HTTP/2, in which case the connection has no socket of its own.
///
/// The connection hands over what it writes and says what becomes of it; the layer gives it what
/// came with `receivedInside`. It never calls back from within a call of the connection's.
class Layer {
    /// Whom it serves; nil once that is closed.
    final unowned(unsafe) var connection: Connection?

    init(of connection: Connection) { self.connection = connection }

    /// The socket is there.
    func begin() {}

    /// Bytes of the socket's.
    func read(_ bytes: UnsafeRawBufferPointer) {}

    /// The peer sends nothing more.
    func inputEnded() {}

    /// Bytes for the peer, sent with the next flush at the latest.
    func write(_ bytes: UnsafeRawBufferPointer) {}

    /// Sends what was written.
    func flush() {}

    /// Whether all that was written has left this layer.
    var isFlushed: Bool { true }

    /// Whether the connection wants to be given what comes.
    func readingChanged(isPaused: Bool) {}

    /// The connection writes nothing more and goes on reading.
    func shutOutput() {}

    /// The connection is about to close: what the peer must be told of that is said now.
    func sayGoodbye() {}

    /// The connection is closed.
    func ended() {}
}
