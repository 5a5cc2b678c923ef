// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// What uses a socket. Calls come from the world only, never from within a call to the socket.
protocol SocketHandler: AnyObject {
    /// Bytes are there to be taken.
    func received(_ socket: Socket, at now: Instant)
    /// The other end will send no more, and all it sent was taken.
    func peerFinished(_ socket: Socket, at now: Instant)
    /// The connection is gone.
    func broke(_ socket: Socket, at now: Instant)
    /// What was written has gone out far enough for more.
    func hasRoom(_ socket: Socket, at now: Instant)
}

/// One end of a connection that only exists in thought.
///
/// It holds what was sent *to* it: some of that has arrived, the rest is on its way. What is
/// written at this end is put at the other end's tail, with the time at which it gets there.
///
/// ```
///   bytes:  | taken | arrived, not taken | on its way | written, not flushed |
///           base    start                 arrived      flushed of the other
/// ```
///
/// The writer's side of the window is counted from the same array: more than `window` bytes
/// that the reader has not taken wait in the writer's process.
final class Socket {
    /// When a part of the stream gets here.
    struct Mark {
        var end: Int
        var at: Instant
        var kind: Kind
    }

    /// What gets here.
    enum Kind: UInt8 {
        case bytes, finish, reset
    }

    /// Held strongly until the world dissolves: an unowned reference costs at every use.
    let world: World
    /// The server at the far end of the connection, -1 for a connection of a caller.
    let route: Int
    /// What bytes go through that are written here.
    let profile: NetworkProfile
    /// Its place in the world's list of sockets.
    var place = -1
    /// The other end, until both are closed.
    var other: Socket?
    /// Who uses this end. What came before there was one is announced to it.
    var handler: (any SocketHandler)? {
        didSet {
            guard handler != nil, readable > 0 || gotFinish || gotReset, !toldEnd else { return }
            world.arrives(self, at: world.time)
        }
    }

    /// What was sent to this end and not taken.
    private(set) var bytes: [UInt8] = []
    private(set) var start = 0
    private var base = 0
    private var arrived = 0
    private var marks: [Mark] = []
    private var firstMark = 0
    private var gotFinish = false
    private var gotReset = false
    private var toldEnd = false
    private var isDelivering = false
    /// Whether the user of this end takes what arrives.
    private(set) var isReading = true

    /// Whether this end was closed.
    private(set) var isClosed = false
    /// Whether this end will send no more.
    private(set) var sentFinish = false
    /// Whether the user of this end should write.
    private(set) var isWritable = true
    private var flushed = 0
    private var lastArrival = Instant(nanoseconds: 0)
    private var drained: ((Instant) -> Void)?

    init(world: World, route: Int, profile: NetworkProfile) {
        self.world = world
        self.route = route
        self.profile = profile
    }

    /// Bytes that have arrived and were not taken.
    var readable: Int { arrived &- base &- start }
    /// Bytes written here that wait in this process, because the kernels are full.
    var pending: Int { max(0, (other?.held ?? 0) &- profile.window) }
    private var held: Int { bytes.count &- start }

    // MARK: Writing

    /// Puts bytes behind what was written; they leave with the next flush.
    func write(_ span: RawSpan) {
        guard let other, !sentFinish, !isClosed else { return }
        other.bytes.append(span)
    }

    /// The same for whole arrays.
    func write(_ bytes: [UInt8]) {
        guard let other, !sentFinish, !isClosed else { return }
        other.bytes.append(contentsOf: bytes)
    }

    /// The same for text known beforehand.
    func write(_ text: StaticString) {
        guard let other, !sentFinish, !isClosed else { return }
        other.bytes.append(text)
    }

    /// Sends what was written.
    func flush(at now: Instant) {
        guard let other, !sentFinish, !isClosed else { return }
        let end = other.base &+ other.bytes.count
        guard end > flushed else { return }
        if profile.resetPermille > 0, world.network.strikes(profile.resetPermille) {
            world.faults.count(.connectionReset)
            tear(other, unsent: end &- flushed, at: now)
            return
        }
        if profile.splitPermille > 0, end &- flushed > 1,
            world.network.strikes(profile.splitPermille)
        {
            world.faults.count(.segmentSplit)
            let cut = flushed + 1 + world.network.random.below(end - flushed - 1)
            send(.bytes, to: other, end: cut, at: now)
        }
        send(.bytes, to: other, end: end, at: now)
        flushed = end
        if isWritable, pending > Limits.writeHigh { isWritable = false }
    }

    /// Something on the way resets the connection: both ends hear of it, nothing more arrives.
    private func tear(_ other: Socket, unsent: Int, at now: Instant) {
        other.bytes.removeLast(unsent)
        send(.reset, to: other, end: other.base &+ other.bytes.count, at: now)
        other.send(.reset, to: self, end: base &+ bytes.count, at: now)
        sentFinish = true
        other.sentFinish = true
    }

    /// Calls `done` once everything that was written has left this process.
    func whenDrained(at now: Instant, _ done: @escaping (Instant) -> Void) {
        flush(at: now)
        if pending == 0 || isClosed {
            done(now)
        } else {
            drained = done
        }
    }

    /// Sends the end of this side.
    func finish(at now: Instant) {
        flush(at: now)
        guard let other, !sentFinish, !isClosed else { return }
        sentFinish = true
        send(.finish, to: other, end: other.base &+ other.bytes.count, at: now)
    }

    /// Closes: what is on its way still arrives, unless something that came was never taken;
    /// then the other end gets a reset, as the kernel does it.
    func close(at now: Instant) {
        guard !isClosed else { return }
        flush(at: now)
        if readable > 0 {
            reset(at: now)
            return
        }
        finish(at: now)
        shut(at: now)
    }

    /// Closes with a reset. What has not arrived by then may be lost.
    func reset(at now: Instant) {
        guard !isClosed else { return }
        if let other {
            if world.network.random.below(2) == 0 { other.forgetUnarrived(at: now) }
            sentFinish = true
            send(.reset, to: other, end: other.base &+ other.bytes.count, at: now)
        }
        shut(at: now)
    }

    private func shut(at now: Instant) {
        isClosed = true
        handler = nil
        base &+= bytes.count
        arrived = max(arrived, base)
        bytes = []
        start = 0
        let waiting = drained
        drained = nil
        waiting?(now)
        if let other, other.isClosed { sever() }
    }

    /// Takes the pair out of the world.
    func sever() {
        let pair = other
        other = nil
        pair?.other = nil
        handler = nil
        pair?.handler = nil
        world.forget(self)
        if let pair { world.forget(pair) }
    }

    private func send(_ kind: Kind, to other: Socket, end: Int, at now: Instant) {
        var mark = Mark(end: end, at: .distantFuture, kind: kind)
        if route < 0 || !world.network.isCut(route) {
            mark.at = world.network.arrival(
                profile, after: lastArrival, faults: &world.faults, at: now)
            lastArrival = mark.at
        }
        other.marks.append(mark)
        if mark.at != .distantFuture { world.arrives(other, at: mark.at) }
    }

    private func forgetUnarrived(at now: Instant) {
        marks.removeSubrange(firstMark...)
        let keep = max(arrived, base &+ start)
        bytes.removeLast(max(0, base &+ bytes.count &- keep))
    }

    /// The partition on this end's route is over: what was held back sets out again.
    func healed(at now: Instant) {
        guard let sender = other else { return }
        for i in firstMark..<marks.count where marks[i].at == .distantFuture {
            marks[i].at = world.network.arrival(
                sender.profile, after: sender.lastArrival, faults: &world.faults, at: now)
            sender.lastArrival = marks[i].at
            world.arrives(self, at: marks[i].at)
        }
    }

    // MARK: Reading

    /// Leaves what arrives where it is.
    func pause() { isReading = false }

    /// Takes what arrives again.
    func resume(at now: Instant) {
        guard !isReading else { return }
        isReading = true
        if readable > 0 || (gotFinish && !toldEnd) { world.arrives(self, at: now) }
    }

    /// The world's clock has come to one of the marks.
    func deliver(at now: Instant) {
        var came = false
        while firstMark < marks.count, marks[firstMark].at <= now {
            switch marks[firstMark].kind {
            case .bytes:
                came = true
                arrived = max(arrived, marks[firstMark].end)
            case .finish: gotFinish = true
            case .reset: gotReset = true
            }
            firstMark += 1
        }
        if firstMark > Limits.passedMarks {
            marks.removeFirst(firstMark)
            firstMark = 0
        }
        if isClosed {
            refuse(came, at: now)
            return
        }
        announce(at: now)
    }

    /// What comes to a closed socket is answered with a reset.
    private func refuse(_ came: Bool, at now: Instant) {
        if gotReset || gotFinish {
            other?.sentFinish = true
        } else if came, let other {
            bytes.removeAll()
            base = arrived
            send(.reset, to: other, end: other.base &+ other.bytes.count, at: now)
        }
    }

    private func announce(at now: Instant) {
        guard !isDelivering else { return }
        isDelivering = true
        defer { isDelivering = false }
        while readable > 0, isReading || isForced, let handler {
            let before = readable
            handler.received(self, at: now)
            guard readable < before else { break }
        }
        guard !toldEnd, !isClosed, let handler else { return }
        if gotReset {
            toldEnd = true
            handler.broke(self, at: now)
        } else if gotFinish, readable == 0 {
            toldEnd = true
            handler.peerFinished(self, at: now)
        }
    }

    /// Whether the other end's end stands in the kernel: what is in front of it is then read,
    /// whether it is wanted or not. An end behind more than the kernel holds was not sent yet.
    private var isForced: Bool { (gotFinish || gotReset) && readable <= profile.window }

    /// Moves what has arrived, at most `most` bytes, behind `inbound`.
    func take(into inbound: inout Inbound, most: Int = Limits.readBytes) {
        let count = min(readable, most)
        guard count > 0 else { return }
        if inbound.isEmpty, start == 0, count == bytes.count {
            swap(&inbound.bytes, &bytes)
            inbound.at = 0
            if !bytes.isEmpty { bytes.removeAll(keepingCapacity: true) }
            base &+= count
        } else {
            if inbound.isEmpty { inbound.clear() }
            inbound.bytes.append(contentsOf: bytes[start..<start + count])
            start += count
            if start == bytes.count {
                base &+= start
                start = 0
                bytes.removeAll(keepingCapacity: true)
            } else if start > 64 * 1024 {
                bytes.removeFirst(start)
                base &+= start
                start = 0
            }
        }
        other?.gainRoom(at: world.time)
    }

    /// The other end took something that was written here.
    private func gainRoom(at now: Instant) {
        guard !isWritable || drained != nil else { return }
        if !isWritable, pending <= Limits.writeLow {
            isWritable = true
            world.schedule(at: now + profile.latency) { [self] now in
                if !isClosed { handler?.hasRoom(self, at: now) }
            }
        }
        if pending == 0, let done = drained {
            drained = nil
            world.schedule(at: now + profile.latency, done)
        }
    }
}
