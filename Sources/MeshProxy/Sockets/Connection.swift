// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MeshBasics

/// One TCP connection: reads what comes, writes what is given, and says when it ends.
///
/// A subclass is told by the methods it overrides (`received`, `relieved`, `flushed`, `ended`) and
/// finds what was read in `input`. Bytes to send are gathered by `write`; those of a `flush` leave
/// in one system call, after all events of the turn: so the code that decides and the code of the
/// kernel run for many connections each, not in turns. What the kernel does not take waits here,
/// and `isWritable` is false from `writeHigh` waiting bytes until there are fewer than `writeLow`:
/// whoever produces more must stop reading its own source until `relieved`.
///
/// Calls back only from its loop, never from within `write`, `flush` or `pauseReads`: a write that
/// fails is reported after the present event. `close` alone calls `ended` before it returns.
///
/// With a `Layer` (TLS, or a stream of HTTP/2) all of this is about the bytes inside of it.
class Connection: Pollable {
    /// What was read and not yet used.
    final var input: Input
    /// Whether it may read and write; false from the moment it is closed.
    private(set) final var isOpen = false
    /// Whether more may be written now.
    private(set) final var isWritable = true
    /// Whether the peer was reached when it was connected to.
    private(set) final var hasConnected = false
    /// What went wrong when it did not end in an orderly way, for the log.
    private(set) final var problem = ""
    /// Called once when `connect` has come to an end: true when it may be used.
    final var whenUsable: ((Bool) -> Void)?

    private final var outgoing: ByteQueue
    /// Whether the loop will call `sendQueued` in this turn.
    private final var isQueued = false
    /// Whether everything was given to the kernel before the end of the turn.
    private final var hasSentAhead = false
    private final var isConnecting = false
    /// Whether the kernel took less than it was given, and has not told of room since.
    private final var isFull = false
    /// Whether the kernel has told of an end behind what is still to be read.
    private final var hasEndBehind = false
    private final var isPaused = false
    private final var isBroken = false
    private final var isOutputShut = false
    private final var layer: Layer?
    /// Whether the peer certainly, or very likely, looked at nothing of what was sent.
    final var wasRefused = false
    /// Whether its end is to look like a cut.
    private(set) final var endsByReset = false
    /// Fires when the connection is not usable in time; cancelled before this object goes.
    private final var connectTimer: Timer?

    override init(sockets: SocketLoop) {
        input = Input(sockets.blocks)
        outgoing = ByteQueue(sockets.blocks)
        super.init(sockets: sockets)
    }

    // MARK: What a subclass is told

    /// There is more in `input`.
    func received() {}

    /// Fields came behind a body, as complete lines.
    func receivedTrailers(_ lines: [UInt8]) {}

    /// More may be written again.
    func relieved() {}

    /// Everything that was written was given to the kernel.
    func flushed() {}

    /// The connection is closed, by the peer, an error (`problem` is not empty then), or `close`.
    func ended() {}

    // MARK: Set-up

    /// Takes over an accepted socket.
    final func accepted(_ descriptor: Int32) {
        isOpen = true
        watch(descriptor, Self.toRead)
    }

    /// Data or the peer's end, told once when it comes. `readable` reads to where the kernel has
    /// no more, so the level need not be asked for again and again.
    private static let toRead = EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
    /// Room for more of what waits to be written, told once when there is some.
    private static let toWrite = EPOLLOUT.rawValue | EPOLLET.rawValue

    /// Starts to live on `layer` alone, without a socket of its own.
    final func opened(on layer: Layer) {
        isOpen = true
        hasConnected = true
        self.layer = layer
        sockets.retain(self)
    }

    /// Starts to live in `layer`, on the socket that was accepted.
    final func secure(by layer: Layer) {
        self.layer = layer
        layer.begin()
    }

    /// Gives its socket, its layer, what was read and not used, and what was not sent yet to
    /// `other`, and is closed without a word to anybody.
    final func handOver(to other: Connection) {
        guard isOpen, descriptor >= 0 else { return }
        isOpen = false
        let bytes = input.window
        if !bytes.isEmpty {
            other.input.lend(bytes)
            other.input.settle()
        }
        input.clear()
        other.isOpen = true
        other.hasConnected = hasConnected
        other.hasEndBehind = hasEndBehind
        other.layer = layer
        layer?.connection = other
        layer = nil
        other.watch(surrender(), Self.toRead)
        if !outgoing.isEmpty {
            other.outgoing.append(outgoing.window)
            other.flushRaw()
        }
    }

    /// Connects; `whenUsable` is called, always later, with what came of it. Inside TLS when
    /// `secured`, and then the handshake counts.
    final func connect(
        to address: InternetAddress, within limit: Nanoseconds, secured: TLSClient? = nil
    ) {
        let descriptor = socket(
            address.family,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
                | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            failLater("no socket: \(Self.text(errno))")
            return
        }
        do {
            if let secured { layer = try TLSLayer(secured, of: self, to: address) }
        } catch {
            Glibc.close(descriptor)
            failLater("\(error)")
            return
        }
        Self.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        let result = address.withSocketAddress { Glibc.connect(descriptor, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else {
            let reason = Self.text(errno)
            Glibc.close(descriptor)
            layer = nil
            failLater(reason)
            return
        }
        isOpen = true
        isConnecting = true
        watch(descriptor, Self.toWrite)
        connectTimer = sockets.schedule(at: sockets.now + limit) { [unowned(unsafe) self] in
            fail("no connection within \(limit.rawValue / 1_000_000) ms")
        }
    }

    private final func failLater(_ reason: String) {
        problem = reason
        sockets.later { [self] in usable(false) }
    }

    private final func usable(_ isGood: Bool) {
        if let connectTimer { sockets.cancel(connectTimer) }
        connectTimer = nil
        guard let whenUsable else { return }
        self.whenUsable = nil
        whenUsable(isGood)
    }

    private final func finishConnecting() {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else {
            fail(Self.text(code))
            return
        }
        isConnecting = false
        hasConnected = true
        waitFor(isPaused ? 0 : Self.toRead)
        if let layer { layer.begin() } else { usable(true) }
    }

    // MARK: Writing

    /// Gathers `bytes` for the next flush. Large ones may leave at once.
    final func write(_ bytes: UnsafeRawBufferPointer) {
        guard isOpen, !isBroken, !isOutputShut, bytes.count > 0 else { return }
        if let layer {
            layer.write(bytes)
        } else {
            writeRaw(bytes)
        }
    }

    /// Gathers an array.
    final func write(_ bytes: [UInt8]) { bytes.withUnsafeBytes { write($0) } }

    /// Gathers an ASCII literal.
    final func write(_ text: StaticString) {
        write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Sends what was gathered.
    final func flush() {
        if let layer { layer.flush() }
        flushRaw()
    }

    /// Whether every byte was given to the kernel.
    final var isFlushed: Bool { outgoing.isEmpty && layer?.isFlushed ?? true }

    /// The same as `write`, beneath TLS.
    final func writeRaw(_ bytes: UnsafeRawBufferPointer) {
        guard isOpen, !isBroken else { return }
        if isWaitingToWrite {
            outgoing.append(bytes)
            if outgoing.count > SocketLimits.writeHigh { isWritable = false }
            return
        }
        if bytes.count <= SocketLimits.gatheredMax,
            outgoing.count + bytes.count <= SocketLimits.writeHigh
        {
            outgoing.append(bytes)
            return
        }
        let sent = send(outgoing.window, bytes)
        let fromOutgoing = min(sent, outgoing.count)
        outgoing.drop(fromOutgoing)
        outgoing.append(UnsafeRawBufferPointer(rebasing: bytes[(sent - fromOutgoing)...]))
        waitToWriteIfNeeded()
    }

    /// The same as `flush`, beneath TLS.
    final func flushRaw() {
        guard !outgoing.isEmpty, isOpen, !isBroken, !isWaitingToWrite, !isQueued else { return }
        isQueued = true
        sockets.sendLater(self)
    }

    /// Sends what was gathered, ahead of the end of the turn: somebody waits for it, and there is
    /// other work to do. What follows from having sent it follows at the end of the turn.
    final func sendNow() {
        guard layer == nil, isOpen, !isBroken, !isWaitingToWrite, isWritable, !outgoing.isEmpty
        else { return }
        flushRaw()
        outgoing.drop(send(outgoing.window))
        hasSentAhead = !isBroken && outgoing.isEmpty
    }

    /// Called by the loop once all events of a turn were handled.
    final func sendQueued() {
        isQueued = false
        if hasSentAhead {
            hasSentAhead = false
            if isOpen, outgoing.isEmpty {
                outgoing.clear()
                flushed()
                return
            }
        }
        guard !outgoing.isEmpty, isOpen, !isBroken, !isWaitingToWrite else { return }
        sendOutgoing()
        waitToWriteIfNeeded()
    }

    private final func sendOutgoing() {
        let sent = send(outgoing.window)
        outgoing.drop(sent)
        if isBroken { return }
        if !isWritable, outgoing.count <= SocketLimits.writeLow {
            isWritable = true
            relieved()
        }
        guard isOpen, outgoing.isEmpty else { return }
        outgoing.clear()
        flushed()
    }

    private final var isWaitingToWrite: Bool { isConnecting || isFull }

    private final func waitToWriteIfNeeded() {
        if !outgoing.isEmpty, !isBroken, !isQueued {
            // It stays in the set from now on: the kernel tells only of room after it was full.
            isFull = true
            waitFor(awaited | Self.toWrite)
        }
        if outgoing.count > SocketLimits.writeHigh { isWritable = false }
    }

    /// How many bytes the kernel took.
    private final func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        while true {
            let count = Glibc.send(
                descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return count }
            if errno == EINTR { continue }
            return refusedWrite()
        }
    }

    private final func send(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer
    ) -> Int {
        if first.isEmpty { return send(second) }
        while true {
            let count = withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { parts in
                parts[0] = iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress),
                    iov_len: first.count)
                parts[1] = iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress),
                    iov_len: second.count)
                var message = msghdr()
                message.msg_iov = parts.baseAddress
                message.msg_iovlen = 2
                return sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 { return count }
            if errno == EINTR { continue }
            return refusedWrite()
        }
    }

    private final func refusedWrite() -> Int {
        if errno == EAGAIN || errno == ENOBUFS { return 0 }
        isBroken = true
        outgoing.clear()
        if problem.isEmpty { problem = Self.text(errno) }
        sockets.writeFailed(self)
        return 0
    }

    /// Called by the loop after the event in which a write failed.
    final func reportFailedWrite() {
        guard isOpen, isBroken else { return }
        // What the peer said before it went away is still there to be read: perhaps an answer
        // that it gave without waiting for the whole request.
        if !isPaused, !isConnecting { readable() }
        if isOpen { fail(problem) }
    }

    private final func writable() {
        if isConnecting {
            finishConnecting()
            return
        }
        isFull = false
        guard !outgoing.isEmpty else { return }
        sendOutgoing()
        if isOpen { waitToWriteIfNeeded() }
    }

    // MARK: Reading

    /// Bytes that the kernel did not take yet.
    final var unsentBytes: Int { outgoing.count }

    /// Reads nothing until `resumeReads`, so that the peer feels it.
    final func pauseReads() {
        guard !isPaused else { return }
        isPaused = true
        if !isConnecting {
            waitFor(awaited & ~(EPOLLIN.rawValue | EPOLLRDHUP.rawValue))
        }
        layer?.readingChanged(isPaused: true)
    }

    /// Reads again.
    final func resumeReads() {
        guard isPaused else { return }
        isPaused = false
        if !isConnecting { waitFor(awaited | Self.toRead) }
        layer?.readingChanged(isPaused: false)
    }

    override final func ready(_ events: UInt32) {
        guard isOpen else { return }
        let hasFailed = events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        if events & EPOLLOUT.rawValue != 0 || (hasFailed && isConnecting) { writable() }
        guard isOpen, !isConnecting else { return }
        if events & EPOLLIN.rawValue != 0 || hasFailed {
            if hasFailed, isPaused {
                // It was reset; the kernel would say so again and again.
                fail("the connection was reset")
            } else if !isPaused {
                if hasFailed || events & EPOLLRDHUP.rawValue != 0 { hasEndBehind = true }
                readable()
            }
        }
    }

    /// Reads what is there. A read that did not fill its buffer found all of it, unless an end
    /// comes behind it; otherwise the others get their turn first.
    final func readable() {
        guard isOpen, !isPaused else { return }
        if readOnce(), isOpen, !isPaused { sockets.readLater(self) }
    }

    /// Whether there may be more.
    private final func readOnce() -> Bool {
        let waiting = layer == nil ? input.room() : nil
        let room = waiting ?? sockets.buffer
        let count = recv(descriptor, room.baseAddress, room.count, 0)
        if count > 0 {
            take(room, count, isBehindOthers: waiting != nil)
            return count == room.count || hasEndBehind
        }
        if count == 0 {
            if let layer { layer.inputEnded() }
            if isOpen { close() }
        } else if errno == EINTR {
            return true
        } else if errno != EAGAIN {
            fail(Self.text(errno))
        }
        return false
    }

    private final func take(
        _ room: UnsafeMutableRawBufferPointer, _ count: Int, isBehindOthers: Bool
    ) {
        let bytes = UnsafeRawBufferPointer(rebasing: room[..<count])
        if let layer {
            layer.read(bytes)
            return
        }
        if isBehindOthers { input.filled(count) } else { input.lend(bytes) }
        received()
        input.settle()
    }

    // MARK: End

    /// Closes now; what the kernel did not take is lost. `ended` was called when it returns.
    final func close() {
        guard isOpen else { return }
        layer?.sayGoodbye()
        // What was flushed in this turn is on its way as far as the caller knows.
        if isQueued, !outgoing.isEmpty, !isBroken { _ = send(outgoing.window) }
        // The farewell may have been the last thing that TLS waited for.
        guard isOpen else { return }
        isOpen = false
        if descriptor >= 0 { dismiss() } else { sockets.release(self) }
        layer?.ended()
        layer = nil
        usable(false)
        ended()
    }

    // Whoever closed it in the middle of an event may still look at what was read.
    override func dismissed() {
        input.clear()
        outgoing.clear()
    }

    /// Closes because of an error.
    final func fail(_ reason: String) {
        if problem.isEmpty { problem = reason }
        close()
    }

    /// Closes because of an error once the present event is over.
    final func failSoon(_ reason: String) { sockets.later { [self] in fail(reason) } }

    /// Whether it lives on a layer alone.
    final var isStream: Bool { isOpen && descriptor < 0 && layer != nil }

    /// Ends a body with fields behind it, complete lines; false when the layer cannot.
    final func finishBody(trailers lines: [UInt8]) -> Bool {
        guard let stream = layer as? HTTP2Stream else { return false }
        stream.finish(trailers: lines)
        return true
    }

    /// Says that nothing more will be written; the peer may go on.
    final func shutOutput() {
        guard isOpen, !isOutputShut else { return }
        if let layer {
            layer.flush()
            layer.shutOutput()
        }
        isOutputShut = true
        if descriptor >= 0 { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    /// Lets `close` send a reset, so that the peer does not take a cut for an end.
    final func resetOnClose() {
        endsByReset = true
        guard descriptor >= 0 else { return }
        var setting = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &setting, socklen_t(MemoryLayout<linger>.size))
    }

    // MARK: Layers

    /// Bytes came out of the layer.
    final func receivedInside(_ bytes: UnsafeRawBufferPointer) {
        guard isOpen else { return }
        input.lend(bytes)
        received()
        input.settle()
    }

    /// The handshake is over, and the peer is who it must be.
    func secured() { usable(true) }

    /// The protocol that was agreed on within TLS, or nil.
    final var negotiated: String? { (layer as? TLSLayer)?.negotiated }

    /// TLS towards a caller, when it lives in that.
    final var serverTLS: ServerTLSLayer? { layer as? ServerTLSLayer }

    /// The layer takes more of what is written, or no more for now.
    final func layerTakes(_ more: Bool) {
        guard isOpen, more != isWritable else { return }
        isWritable = more
        if more { relieved() }
    }

    /// Everything that was written has left the layer.
    final func layerFlushed() { if isOpen { flushed() } }

    // MARK: System calls

    static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(
            descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
