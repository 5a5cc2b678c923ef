// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import NIOCore
import NIOHPACK
import NIOHTTP2

/// One stream of HTTP/2, beneath a `Connection` that speaks HTTP/1.1 on it.
///
/// What the connection writes, a head and a body with its framing, becomes fields and data; what
/// the peer sends becomes a head and a body again. A body of unknown length is chunked between
/// the two. The translation of heads is that of `MeshWire`; here are the states and the bytes.
///
/// ```
///  connection ──> head ──> body ──> ended          what is sent
///  connection <── head <── body <── ended          what is received
/// ```
class HTTP2Stream: Layer {
    /// How far a message has come.
    enum Stage: UInt8 {
        case head
        case body
        case ended
    }

    unowned(unsafe) let session: HTTP2Session
    /// Its number, 0 before it is opened.
    final var number = 0
    final var sending = Stage.head
    final var receiving = Stage.head
    /// Whether the peer said that it did not look at the stream.
    final var wasRefused = false
    /// The method of the request.
    final var method = HTTPMethod.other
    /// Bytes that were given to the codec and not sent yet.
    private(set) final var waiting = 0
    /// Bytes that were received while the connection was paused.
    private(set) final var held = 0
    /// Whether the codec is done with it.
    private(set) final var isClosed = false

    /// Bytes of a head that was not written in one piece.
    private final var partialHead: [UInt8] = []
    private final var pending = ByteBuffer()
    private final var reader = BodyReader(.none, limits: HeadLimits())
    /// Whether the peer must still be told that nothing follows.
    private final var owesEnd = false
    /// Whether frames were given to the codec since the last flush.
    private final var isDirty = false
    /// How the received body is framed for the connection.
    private final var framing = BodyFraming.none
    /// Bytes of a received body whose length is known that are still to come.
    private final var left: UInt64 = 0
    private final var isPaused = false
    private final var window = 0
    /// A head that announces an empty body, until it is known that nothing follows.
    private final var heldHead: [UInt8] = []

    init(_ session: HTTP2Session, of connection: Connection) {
        self.session = session
        super.init(of: connection)
    }

    // MARK: For subclasses

    /// Reads the head that `bytes` begin with and sends it; answers its length, how the body
    /// behind it is framed, and whether another head follows; nil when it is not whole yet.
    func sendHead(
        _ bytes: RawSpan
    ) throws(Violation) -> (length: Int, framing: BodyFraming, isInterim: Bool)? {
        nil
    }

    /// Makes a head of `fields`.
    func head(
        of fields: HPACKHeaders, isLast: Bool, into out: inout [UInt8]
    ) throws(Violation) -> (framing: BodyFraming, isInterim: Bool) {
        (.none, false)
    }

    /// Sends fields, and with `isLast` the end.
    final func send(_ fields: HPACKHeaders, isLast: Bool) {
        isDirty = true
        session.send(
            HTTP2Frame(
                streamID: HTTP2StreamID(number),
                payload: .headers(.init(headers: fields, endStream: isLast))))
    }

    // MARK: What the connection writes

    override final func write(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while sending == .head, !rest.isEmpty {
            guard let used = writeHead(rest) else { return }
            rest = UnsafeRawBufferPointer(rebasing: rest[used...])
        }
        if sending == .body, !rest.isEmpty { writeBody(rest) }
    }

    /// How many of `bytes` belong to the head; nil when all do and it is not whole.
    private final func writeHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let before = partialHead.count
        do throws(Violation) {
            let sent: (length: Int, framing: BodyFraming, isInterim: Bool)?
            if before == 0 {
                sent = try sendHead(bytes.bytes)
            } else {
                partialHead.append(contentsOf: bytes)
                let whole = partialHead
                sent = try sendHead(whole.span.bytes)
            }
            guard let sent else {
                if before == 0 { partialHead.append(contentsOf: bytes) }
                return nil
            }
            partialHead = []
            if !sent.isInterim {
                reader = BodyReader(sent.framing, limits: HeadLimits())
                sending = reader.isComplete ? .ended : .body
            }
            return sent.length - before
        } catch {
            giveUp("a head of ours cannot be sent in HTTP/2: \(error.message)")
            return nil
        }
    }

    private final func writeBody(_ bytes: UnsafeRawBufferPointer) {
        let span = bytes.bytes
        var offset = 0
        do throws(Violation) {
            while true {
                switch try reader.next(span, at: &offset) {
                case .payload(let range):
                    pending.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[range.range]))
                    if pending.readableBytes >= HTTP2Limits.frameBytes { sendData() }
                case .end:
                    sending = .ended
                    owesEnd = true
                    return
                case .needMore:
                    if reader.isComplete {
                        sending = .ended
                        owesEnd = true
                    }
                    return
                }
            }
        } catch {
            giveUp("a body of ours cannot be sent in HTTP/2: \(error.message)")
        }
    }

    /// Ends the body with fields of `lines`, complete lines of HTTP/1.1; none for a plain end.
    final func finish(trailers lines: [UInt8]) {
        guard sending == .body else { return }
        sending = .ended
        guard !lines.isEmpty else {
            owesEnd = true
            return
        }
        if pending.readableBytes > 0 { sendData() }
        send(HTTP2Heads.trailers(lines), isLast: true)
    }

    override final func flush() {
        if number > 0, pending.readableBytes > 0 || owesEnd { sendData() }
        // The last frame may have closed the stream, and must leave all the same.
        guard isDirty else { return }
        isDirty = false
        session.flushFrames()
    }

    private final func sendData() {
        guard !isClosed else { return }
        let bytes = pending
        pending = ByteBuffer()
        let isLast = owesEnd
        owesEnd = false
        isDirty = true
        waiting += bytes.readableBytes
        session.waiting += bytes.readableBytes
        session.send(
            HTTP2Frame(
                streamID: HTTP2StreamID(number),
                payload: .data(.init(data: .byteBuffer(bytes), endStream: isLast))))
        if waiting > HTTP2Limits.writeHigh || session.waiting > HTTP2Limits.waitingHigh {
            connection?.layerTakes(false)
        }
    }

    /// The codec has sent `count` bytes; answers whether somebody may wait to hear of it.
    final func sent(_ count: Int) -> Bool {
        waiting -= count
        guard let connection else { return false }
        return waiting == 0 || (!connection.isWritable && waiting <= HTTP2Limits.writeLow)
    }

    /// Tells the connection that there is room.
    final func relieve() {
        guard let connection, !isClosed else { return }
        if waiting <= HTTP2Limits.writeLow { connection.layerTakes(true) }
        if isFlushed { self.connection?.layerFlushed() }
    }

    override final var isFlushed: Bool {
        if isDirty { return false }
        return isClosed || waiting == 0 && pending.readableBytes == 0 && !owesEnd
    }

    /// Ends the stream because of a fault on our side.
    private final func giveUp(_ reason: String) {
        sending = .ended
        connection?.failSoon(reason)
    }

    // MARK: What the peer sends

    /// Fields: a head, or what stands behind the body.
    final func receive(_ fields: HPACKHeaders, isLast: Bool) {
        switch receiving {
        case .head: receiveHead(fields, isLast: isLast)
        case .body: receiveTrailers(fields, isLast: isLast)
        case .ended: break
        }
    }

    private final func receiveHead(_ fields: HPACKHeaders, isLast: Bool) {
        do throws(Violation) {
            var bytes: [UInt8] = []
            let head = try head(of: fields, isLast: isLast, into: &bytes)
            if head.isInterim { return }
            begin(head.framing, isLast: isLast)
            deliver(bytes)
        } catch {
            malformed(error)
        }
    }

    /// The head was read; its body is framed as `framing` says.
    final func begin(_ framing: BodyFraming, isLast: Bool) {
        self.framing = framing
        if case .length(let count) = framing { left = count }
        receiving = isLast ? .ended : .body
    }

    private final func receiveTrailers(_ fields: HPACKHeaders, isLast: Bool) {
        guard isLast else {
            malformed(Violation(.badTrailer, at: 0))
            return
        }
        do throws(Violation) {
            var trailers = TrailerFields()
            let limits = HeadLimits(headBytesMax: 65_535, trailerBytesMax: 32 << 10)
            try HTTP2Heads.read(fields) { name, value throws(Violation) in
                try trailers.add(name, value, limits: limits)
            }
            receiving = .ended
            releaseHead()
            connection?.receivedTrailers(trailers.lines)
            if framing == .chunked { deliver(Array("0\r\n\r\n".utf8)) }
        } catch {
            malformed(error)
        }
    }

    /// A piece of the body.
    final func receive(_ bytes: ByteBuffer, isLast: Bool) {
        guard receiving == .body else { return }
        if isLast { receiving = .ended }
        let count = bytes.readableBytes
        if !heldHead.isEmpty, isLast, count == 0 { releaseHead() }
        if isPaused, count > 0 {
            held += count
            session.hold(count)
        }
        switch framing {
        case .chunked:
            var framed: [UInt8] = []
            framed.reserveCapacity(count + 32)
            if count > 0 {
                framed.appendHexadecimal(count)
                framed.append("\r\n")
                bytes.withUnsafeReadableBytes { framed.append(contentsOf: $0) }
                framed.append("\r\n")
            }
            if isLast { framed.append("0\r\n\r\n") }
            if !framed.isEmpty { deliver(framed) }
        case .length:
            guard UInt64(count) <= left else {
                malformed(Violation(.badContentLength, at: 0))
                return
            }
            left -= UInt64(count)
            if isLast, left > 0 {
                malformed(Violation(.badContentLength, at: 0))
                return
            }
            bytes.withUnsafeReadableBytes { if !$0.isEmpty { connection?.receivedInside($0) } }
        case .none, .untilClose:
            if count > 0 { malformed(Violation(.badContentLength, at: 0)) }
        }
    }

    /// Delivers a head, with what of its body is there. One that announces an empty body waits
    /// for the end of the stream: data would make it malformed, and nobody may act on it before.
    final func deliver(head bytes: [UInt8]) {
        if receiving == .body, framing == .length(0) { heldHead = bytes } else { deliver(bytes) }
    }

    private final func releaseHead() {
        let bytes = heldHead
        heldHead = []
        if !bytes.isEmpty { deliver(bytes) }
    }

    final func deliver(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { connection?.receivedInside($0) }
    }

    /// What came is not what HTTP says.
    final func malformed(_ violation: Violation) {
        session.reset(number, .protocolError, isPeersFault: true)
        connection?.fail("malformed: \(violation.message)")
    }

    /// The peer may send so many bytes on.
    final func windowChanged(to size: Int) {
        window = size
        credit()
    }

    override final func readingChanged(isPaused: Bool) {
        guard isPaused != self.isPaused else { return }
        self.isPaused = isPaused
        guard !isPaused else { return }
        if held > 0 {
            let freed = held
            held = 0
            session.hold(-freed)
        }
        credit()
    }

    private final func credit() {
        guard !isPaused, receiving == .body, !isClosed else { return }
        let credit = windowTarget - window
        guard credit >= windowTarget / 2 else { return }
        window += credit
        session.credit(number, credit)
    }

    /// Bytes that the peer may send ahead.
    var windowTarget: Int { HTTP2Limits.streamWindow }

    // MARK: End

    /// Whether all of the received message is there, be its end announced or not.
    final var hasAll: Bool {
        switch receiving {
        case .head: false
        case .ended: true
        case .body:
            switch framing {
            case .length: left == 0
            case .none: true
            case .chunked, .untilClose: false
            }
        }
    }

    /// Whether the whole answer was sent or received; overridden.
    var isAnswered: Bool { false }

    /// The codec has done with the stream, because both sides have or one reset it.
    final func closedBelow(_ code: HTTP2ErrorCode?) {
        isClosed = true
        waiting = 0
        pending = ByteBuffer()
        owesEnd = false
        if let code, code == .refusedStream { wasRefused = true }
        guard let connection else { return }
        if code == nil || (code == .noError && isAnswered) {
            // Whoever waits for its bytes to leave need not any more.
            connection.layerTakes(true)
            self.connection?.layerFlushed()
            return
        }
        connection.wasRefused = wasRefused
        connection.fail("the stream was reset: \(code.map { "\($0)" } ?? "")")
    }

    /// The connection beneath is gone.
    final func sessionEnded(_ reason: String) {
        guard !isClosed else { return }
        isClosed = true
        // As with a kept-alive connection of HTTP/1.1 that ends when it is used again.
        connection?.wasRefused = wasRefused || number > 1
        connection?.fail(reason)
    }

    override final func ended() {
        connection = nil
        pending = ByteBuffer()
        if held > 0 {
            let freed = held
            held = 0
            session.hold(-freed)
        }
    }
}
