// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import NIOCore
import NIOHPACK
import NIOHTTP2

/// One connection of HTTP/2, a caller's or an endpoint's, and the streams on it.
///
/// The codec is SwiftNIO's, hosted in a channel of its own: it frames, compresses, keeps windows
/// and the states of streams, and refuses what breaks the protocol. Each stream is an
/// `HTTP2Stream`, on which a `Connection` lives that speaks HTTP/1.1 as if it had a socket: the
/// same handlers relay, whichever version either side speaks.
///
/// ```
///  socket ── TLS? ── HTTP2Session ── FrameGate ── codec ─┬─ HTTP2Stream ── ClientHandler
///                                                        └─ HTTP2Stream ── ClientHandler
/// ```
///
/// What the codec has to say is put into `inbox` and handled when its call has returned, so no
/// handler ever runs inside of it.
class HTTP2Session: Connection, ChannelHost {
    /// The loop it lives on.
    unowned(unsafe) let loop: Loop
    /// Streams that either side has not done with, by their number.
    private(set) final var streams: [Int: HTTP2Stream] = [:]
    /// Whether a farewell was said or heard: nothing new begins.
    private(set) final var isLeaving = false
    /// How many streams the peer lets us have.
    private(set) final var peerStreamsMax = 100
    /// Bytes that streams gave to the codec and windows have not let pass.
    final var waiting = 0

    private final var channel: HostedChannel?
    private final var gate: FrameGate
    private final var inbox: [Inbound] = []
    private final var isDelivering = false
    /// Why it is over, once the codec or the gate broke it off.
    private final var breach = ""
    /// What the peer may still send on all streams, as the codec counts it.
    private final var window = 65_535
    /// Bytes that were read for streams which are paused.
    private final var held = 0
    /// Streams that had to be reset because of the peer since `resetsFrom`.
    private final var resets = 0
    private final var resetsFrom: Instant

    /// What the codec said.
    private enum Inbound {
        case frame(HTTP2Frame)
        case closed(Int, HTTP2ErrorCode?)
        case window(Int, Int)
        case sent(HTTP2Stream)
        case refused(Int)
        case nothing
    }

    init(loop: Loop, asServer: Bool) {
        self.loop = loop
        gate = FrameGate(awaitsPreface: asServer, at: loop.now)
        resetsFrom = loop.now
        super.init(sockets: loop.sockets)
    }

    // MARK: For subclasses

    /// Says hello; the connection is there.
    final func begin(asServer: Bool) throws {
        let handler = NIOHTTP2Handler(
            mode: asServer ? .server : .client, frameDelegate: Sent(self),
            connectionConfiguration: settings(asServer: asServer),
            streamConfiguration: Self.streamSettings)
        let channel = try HostedChannel(
            [handler, FrameReceiver(self)], of: self, sockets: loop.sockets)
        self.channel = channel
        channel.begin()
        send(
            HTTP2Frame(
                streamID: .rootStream,
                payload: .windowUpdate(
                    windowSizeIncrement: HTTP2Limits.connectionWindow - 65_535)))
        flushFrames()
    }

    /// Fields opened stream `number`; overridden. `body` is all of its body when that is there.
    func opened(_ number: Int, _ fields: HPACKHeaders, body: ByteBuffer?, isLast: Bool) {}

    /// Stream `number` is gone, or has been made room for; overridden.
    func streamsChanged() {}

    /// The peer said farewell; streams above `last` were not and will not be looked at.
    func peerLeaves() {}

    /// The peer broke the protocol, or fell silent; overridden to tell somebody.
    func broke(_ reason: String) {}

    final func adopt(_ stream: HTTP2Stream, as number: Int) { streams[number] = stream }

    private final func settings(asServer: Bool) -> NIOHTTP2Handler.ConnectionConfiguration {
        var settings = NIOHTTP2Handler.ConnectionConfiguration()
        let window = asServer ? HTTP2Limits.streamWindow : HTTP2Limits.answerWindow
        settings.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: HTTP2Limits.streamsMax),
            HTTP2Setting(parameter: .initialWindowSize, value: window),
            HTTP2Setting(parameter: .maxHeaderListSize, value: headerListMax),
        ]
        if !asServer {
            settings.initialSettings.append(HTTP2Setting(parameter: .enablePush, value: 0))
        }
        settings.maximumBufferedControlFrames = HTTP2Limits.controlFramesWaiting
        settings.maximumSequentialContinuationFrames = HTTP2Limits.continuationsMax
        return settings
    }

    /// The most bytes of fields, 32 for each of them counted in.
    private final var headerListMax: Int {
        loop.headLimits.headBytesMax + 32 * loop.headLimits.fieldCountMax
    }

    private static let streamSettings: NIOHTTP2Handler.StreamConfiguration = {
        var settings = NIOHTTP2Handler.StreamConfiguration()
        settings.streamResetFrameRateLimit.maximumCount = HTTP2Limits.resetsMax
        settings.streamErrorRateLimit.maximumCount = HTTP2Limits.resetsMax
        return settings
    }()

    // MARK: Connection

    override final func received() {
        guard breach.isEmpty, let channel else {
            input.drop(input.count)
            return
        }
        let bytes = input.window
        var passed = ByteBuffer()
        var offset = 0
        pieces: while true {
            switch gate.next(bytes, at: &offset, now: loop.now) {
            case .pass(let range):
                passed.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[range]))
            case .ping(let at):
                answerPing(UnsafeRawBufferPointer(rebasing: bytes[at..<(at + 8)]))
            case .skip: continue
            case .needMore: break pieces
            case .flood(let kind):
                breakOff("too many \(kind) frames", .enhanceYourCalm)
                break pieces
            }
        }
        input.drop(breach.isEmpty ? offset : input.count)
        if passed.readableBytes > 0 { channel.read(passed) }
        deliver()
        flush()
    }

    /// **Source** RFC 9113 section 6.7.
    private final func answerPing(_ data: UnsafeRawBufferPointer) {
        guard isWritable else {
            // Whoever asks without reading the answers wants no answers.
            breakOff("PING frames whose answers are not read", .enhanceYourCalm)
            return
        }
        withUnsafeTemporaryAllocation(byteCount: 17, alignment: 1) { frame in
            let head: [9 of UInt8] = [0, 0, 8, 6, 1, 0, 0, 0, 0]
            for i in 0..<9 { frame[i] = head[i] }
            for i in 0..<8 { frame[9 + i] = data[i] }
            write(UnsafeRawBufferPointer(frame))
        }
    }

    override final func relieved() {
        channel?.setWritable(true)
        deliver()
        flush()
    }

    override func ended() {
        channel?.end()
        channel = nil
        inbox.removeAll()
        let reason = problem.isEmpty ? "the connection was closed" : problem
        let all = streams.sorted { $0.key < $1.key }
        streams.removeAll()
        for (_, stream) in all { stream.sessionEnded(reason) }
    }

    // MARK: Sending

    /// Gives a frame to the codec.
    final func send(_ frame: HTTP2Frame) {
        guard let channel, !channel.isEnded else { return }
        channel.setWritable(isWritable)
        channel.write(NIOAny(frame))
        deliver()
    }

    /// Lets the codec send what windows allow.
    final func flushFrames() {
        guard let channel, !channel.isEnded else { return }
        channel.setWritable(isWritable)
        channel.flush()
        deliver()
        flush()
    }

    /// Ends a stream at once. With `isPeersFault` it counts towards what a peer may cause.
    final func reset(_ number: Int, _ code: HTTP2ErrorCode, isPeersFault: Bool = false) {
        send(HTTP2Frame(streamID: HTTP2StreamID(number), payload: .rstStream(code)))
        flushFrames()
        guard isPeersFault else { return }
        let now = loop.now
        if now - resetsFrom > HTTP2Limits.resetPeriod {
            resetsFrom = now
            resets = 0
        }
        resets += 1
        if resets > HTTP2Limits.resetsMax {
            breakOff("\(resets) requests that had to be reset", .enhanceYourCalm)
        }
    }

    /// Says that streams above `last` will not be looked at.
    final func sayFarewell(last: Int) {
        isLeaving = true
        send(
            HTTP2Frame(
                streamID: .rootStream,
                payload: .goAway(
                    lastStreamID: HTTP2StreamID(last), errorCode: .noError, opaqueData: nil)))
        flushFrames()
    }

    /// Ends all of it because the peer did what it must not.
    final func breakOff(_ reason: String, _ code: HTTP2ErrorCode) {
        guard breach.isEmpty, isOpen else { return }
        send(
            HTTP2Frame(
                streamID: .rootStream,
                payload: .goAway(lastStreamID: .maxID, errorCode: code, opaqueData: nil)))
        flushFrames()
        end(reason)
    }

    /// The last words were written: nothing more is read, and soon it closes.
    private final func end(_ reason: String) {
        guard breach.isEmpty, isOpen else { return }
        breach = reason
        isLeaving = true
        broke(reason)
        flush()
        let all = streams.sorted { $0.key < $1.key }
        streams.removeAll()
        for (_, stream) in all { stream.sessionEnded(reason) }
        guard isOpen else { return }
        loop.sockets.schedule(at: loop.now + HTTP2Limits.lastWords) { [weak self] in
            self?.close()
        }
    }

    // MARK: ChannelHost

    final func hostedWrite(_ bytes: UnsafeRawBufferPointer) { write(bytes) }

    final func hostedFlush() { flush() }

    final func hostedRead(_ bytes: UnsafeRawBufferPointer) {}

    final func hostedEvent(_ event: Any) {}

    final func hostedFailed(_ error: any Error) {
        lastError = "\(error)"
        // The codec refused a frame of ours.
        guard !isCrediting, let error = error as? NIOHTTP2Errors.StreamError else { return }
        loop.note("an answer or request could not be sent in HTTP/2: \(error.baseError)")
        inbox.append(.refused(Int(error.streamID)))
    }

    final func hostedClose() { if isOpen { close() } }

    private final var lastError = ""

    fileprivate final func heard(_ frame: HTTP2Frame) { inbox.append(.frame(frame)) }

    fileprivate final func heard(_ event: Any) {
        if let event = event as? NIOHTTP2WindowUpdatedEvent {
            guard let size = event.inboundWindowSize else { return }
            inbox.append(.window(Int(event.streamID), size))
        } else if let event = event as? StreamClosedEvent {
            inbox.append(.closed(Int(event.streamID), event.reason))
        }
    }

    fileprivate final func wrote(_ frame: HTTP2Frame) {
        switch frame.payload {
        case .data(let data):
            let count = data.data.readableBytes
            waiting -= count
            guard let stream = streams[Int(frame.streamID)] else { return }
            if stream.sent(count) { inbox.append(.sent(stream)) }
        case .goAway(_, let code, _) where code != .noError && breach.isEmpty:
            wroteBreach = true
        default: break
        }
    }

    /// Whether the codec itself said that the peer broke the protocol.
    private final var wroteBreach = false

    // MARK: Delivery

    private final func deliver() {
        guard !isDelivering else { return }
        isDelivering = true
        var index = 0
        while index < inbox.count {
            let message = inbox[index]
            index += 1
            handle(message, at: index)
        }
        inbox.removeAll(keepingCapacity: inbox.capacity <= 64)
        isDelivering = false
        if wroteBreach, breach.isEmpty {
            end(lastError.isEmpty ? "the peer broke the protocol" : lastError)
        }
    }

    private final func handle(_ message: Inbound, at next: Int) {
        switch message {
        case .nothing: break
        case .frame(let frame): handle(frame, at: next)
        case .sent(let stream): stream.relieve()
        case .refused(let number): if streams[number] != nil { reset(number, .internalError) }
        case .window(let number, let size):
            if number == 0 {
                window = size
                creditConnection()
            } else {
                streams[number]?.windowChanged(to: size)
            }
        case .closed(let number, let code):
            guard let stream = streams.removeValue(forKey: number) else { return }
            forgetHeld(of: stream)
            waiting -= stream.waiting
            stream.closedBelow(code)
            streamsChanged()
        }
    }

    /// All data of a stream that came with its fields, when its end came too: most requests fit
    /// into a packet, and what is whole can be sent again.
    private final func wholeBody(of number: Int, from next: Int) -> ByteBuffer? {
        var body = ByteBuffer()
        var places: [Int] = []
        for index in next..<max(next, min(inbox.count, next + 64)) {
            switch inbox[index] {
            case .closed(number, _): return nil
            case .frame(let frame) where Int(frame.streamID) == number:
                guard case .data(let data) = frame.payload,
                    case .byteBuffer(var bytes) = data.data
                else { return nil }
                body.writeBuffer(&bytes)
                places.append(index)
                guard data.endStream else { continue }
                for place in places { inbox[place] = .nothing }
                return body
            default: continue
            }
        }
        return nil
    }

    /// The outcome of a call of gRPC that comes right behind the head of its answer. Taken for one
    /// with the head, as gRPC itself writes it where it can, it is known while the call may still
    /// be sent elsewhere.
    private final func outcomeAlone(
        of number: Int, behind fields: HPACKHeaders, from next: Int
    ) -> HPACKHeaders? {
        guard fields.first(name: "content-type")?.hasPrefix("application/grpc") == true else {
            return nil
        }
        for index in next..<max(next, min(inbox.count, next + 64)) {
            guard case .frame(let frame) = inbox[index], Int(frame.streamID) == number else {
                continue
            }
            guard case .headers(let trailers) = frame.payload, trailers.endStream,
                !trailers.headers.contains(where: { $0.name.hasPrefix(":") })
            else { return nil }
            inbox[index] = .nothing
            return trailers.headers
        }
        return nil
    }

    private final func handle(_ frame: HTTP2Frame, at next: Int) {
        let number = Int(frame.streamID)
        switch frame.payload {
        case .headers(let headers):
            if let stream = streams[number] {
                var fields = headers.headers
                var isLast = headers.endStream
                if !isLast, let outcome = outcomeAlone(of: number, behind: fields, from: next) {
                    fields.add(contentsOf: outcome)
                    isLast = true
                }
                stream.receive(fields, isLast: isLast)
            } else {
                let isLast = headers.endStream
                let body = isLast ? nil : wholeBody(of: number, from: next)
                opened(number, headers.headers, body: body, isLast: isLast)
            }
        case .data(let data):
            guard case .byteBuffer(let bytes) = data.data else { return }
            streams[number]?.receive(bytes, isLast: data.endStream)
        case .goAway(let last, _, _):
            isLeaving = true
            for (number, stream) in streams where number > Int(last) { stream.wasRefused = true }
            peerLeaves()
        case .settings(.settings(let settings)):
            for setting in settings where setting.parameter == .maxConcurrentStreams {
                peerStreamsMax = setting.value
            }
            streamsChanged()
        case .rstStream, .settings, .ping, .priority, .pushPromise, .windowUpdate,
            .alternativeService, .origin:
            // Those that matter come as events.
            break
        }
    }

    // MARK: Flow control

    /// Whether the frame that is being given to the codec is a WINDOW_UPDATE.
    private final var isCrediting = false

    /// Lets the peer send `count` bytes more, on a stream or (0) on all together. The codec may
    /// know of the end of a stream before its data was handled; it wants no credit then.
    final func credit(_ number: Int, _ count: Int) {
        isCrediting = true
        send(
            HTTP2Frame(
                streamID: HTTP2StreamID(number),
                payload: .windowUpdate(windowSizeIncrement: count)))
        isCrediting = false
        flushFrames()
    }

    /// `count` bytes were read for a stream that is paused, or it goes on with them.
    final func hold(_ count: Int) {
        held += count
        if count < 0 { creditConnection() }
    }

    private final func forgetHeld(of stream: HTTP2Stream) {
        if stream.held > 0 { hold(-stream.held) }
    }

    /// Lets the peer send as much as was used since the last time, once that is worth a frame.
    private final func creditConnection() {
        let credit = HTTP2Limits.connectionWindow - window - held
        guard credit >= HTTP2Limits.connectionWindow / 2 else { return }
        window += credit
        self.credit(0, credit)
    }
}

/// Stands behind the codec and takes what it has to say.
private final class FrameReceiver: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    private unowned(unsafe) let session: HTTP2Session

    init(_ session: HTTP2Session) { self.session = session }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        session.heard(unwrapInboundIn(data))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        session.heard(event)
    }
}

/// Hears of frames that the codec has sent.
private final class Sent: NIOHTTP2FrameDelegate {
    private unowned(unsafe) let session: HTTP2Session

    init(_ session: HTTP2Session) { self.session = session }

    func wroteFrame(_ frame: HTTP2Frame) { session.wrote(frame) }
}
