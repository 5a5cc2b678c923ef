// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MeshBasics
import Synchronization

/// One thread that waits for sockets, timers and messages, and handles them one after another.
///
/// It asks the kernel with epoll which of its sockets can be read or written and tells their
/// `Connection`s. Everything of a loop happens on its thread, so nothing of it is locked; others
/// reach it by `execute` only. A request costs it one read and one write on either side, and a
/// share of one wait for events: there is no allocation, no queue and no type-erased call between
/// the kernel and the code that decides.
///
/// ```
///  turn:  wait ──> events, each with a new `now` ──> timers ──> messages ──> free what closed
/// ```
///
/// Edge-triggered: the kernel tells once that there is something. A read that did not fill its
/// buffer has found all of it, so none is made just to hear that there is nothing more; one that
/// did is repeated in the next turn, behind the other connections, so none starves the rest.
///
/// Sendable so that others can call `execute` and `stop`; everything else is the thread's own.
final class SocketLoop: @unchecked Sendable {
    private struct Inbox {
        var tasks: [@Sendable () -> Void] = []
        var isStopped = false
    }

    /// The time of the present event.
    private(set) var now = LiveWorld.now()
    /// The loop as handlers of SwiftNIO see it, for TLS.
    private(set) lazy var nio = LoopOfNIO(self)
    /// Spare memory of its connections.
    let blocks = Blocks()
    /// Where bytes are read to.
    let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: SocketLimits.readMax, alignment: 64)

    private let poller: Int32
    /// An eventfd that ends a wait.
    private let bell: Int32
    private var events = [epoll_event](repeating: epoll_event(), count: SocketLimits.eventsMax)
    private let inbox = Mutex(Inbox())
    private var timers = Timers()
    /// What the loop's own thread asked to be done later in this turn.
    private var soon: [() -> Void] = []
    private var dismissed: [Unmanaged<Pollable>] = []
    private var failed: [Connection] = []
    /// Those that have bytes to send in this turn.
    private var sending: [Unmanaged<Connection>] = []
    private var beingSent: [Unmanaged<Connection>] = []
    /// Those that may have more to be read than one read took.
    private var reading: [Unmanaged<Connection>] = []
    private var beingRead: [Unmanaged<Connection>] = []
    private var thread: pthread_t?
    private var isStopping = false
    private var ended: (() -> Void)?

    /// A loop that is not running yet.
    init() throws {
        poller = epoll_create1(Int32(EPOLL_CLOEXEC))
        bell = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        guard poller >= 0, bell >= 0, epoll_ctl(poller, EPOLL_CTL_ADD, bell, &event) == 0 else {
            throw ProxyError.noLoop(reason: String(cString: strerror(errno)))
        }
    }

    deinit {
        close(poller)
        close(bell)
        buffer.deallocate()
    }

    /// Starts the thread.
    func start() {
        var thread = pthread_t()
        let me = Unmanaged.passRetained(self)
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<SocketLoop>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, me.toOpaque())
        pthread_detach(thread)
    }

    /// Whether the caller is on the loop's thread.
    var isCurrent: Bool { thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }

    // MARK: Messages

    /// Does `task` on the loop's thread, soon; from any thread. After `stop` it is dropped.
    func execute(_ task: @escaping @Sendable () -> Void) { send(task) }

    /// Does `task` on the loop's thread and returns its result.
    func run<Result: Sendable>(_ task: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            send { continuation.resume(returning: task()) }
        }
    }

    /// Does `task` later in this turn; on the loop's thread only.
    func later(_ task: @escaping () -> Void) { soon.append(task) }

    /// Ends the thread; `done` is called as its last act.
    func stop(_ done: @escaping @Sendable () -> Void) {
        send { [self] in
            ended = done
            isStopping = true
        }
    }

    private func send(_ task: @escaping @Sendable () -> Void) {
        let isFirst = inbox.withLock { inbox in
            if inbox.isStopped { return false }
            inbox.tasks.append(task)
            return inbox.tasks.count == 1
        }
        guard isFirst else { return }
        var one: UInt64 = 1
        _ = write(bell, &one, 8)
    }

    // MARK: Timers

    /// Does `action` at `deadline` or soon after.
    @discardableResult
    func schedule(at deadline: Instant, _ action: @escaping () -> Void) -> Timer {
        timers.add(at: deadline, action)
    }

    /// Does not do what `timer` was for, if it has not been done.
    func cancel(_ timer: Timer) { timers.remove(timer) }

    /// Does `action` every `period`, until the loop ends.
    func `repeat`(every period: Nanoseconds, _ action: @escaping () -> Void) {
        schedule(at: now + period) { [unowned(unsafe) self] in
            action()
            `repeat`(every: period, action)
        }
    }

    // MARK: Descriptors

    func add(_ pollable: Pollable, _ descriptor: Int32, _ events: UInt32) {
        let retained = Unmanaged.passRetained(pollable)
        control(EPOLL_CTL_ADD, retained, descriptor, events)
    }

    func change(_ pollable: Pollable, _ descriptor: Int32, _ events: UInt32) {
        control(EPOLL_CTL_MOD, Unmanaged.passUnretained(pollable), descriptor, events)
    }

    /// Forgets a descriptor that stays open.
    func remove(_ descriptor: Int32) {
        var event = epoll_event()
        _ = epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, &event)
    }

    /// Keeps one alive that waits for no descriptor, until `release`.
    func retain(_ pollable: Pollable) { _ = Unmanaged.passRetained(pollable) }

    private func control(
        _ operation: Int32, _ pollable: Unmanaged<Pollable>, _ descriptor: Int32, _ events: UInt32
    ) {
        var event = epoll_event()
        event.events = events
        event.data.ptr = pollable.toOpaque()
        // It fails when the kernel has no memory for it; nothing would ever be heard of the
        // connection then, and its deadlines end it.
        _ = epoll_ctl(poller, operation, descriptor, &event)
    }

    /// Lets go of what `add` kept, once this turn is over.
    func release(_ pollable: Pollable) { dismissed.append(Unmanaged.passUnretained(pollable)) }

    /// Lets `connection` read again in the next turn.
    func readLater(_ connection: Connection) {
        reading.append(Unmanaged.passRetained(connection))
    }

    /// Lets `connection` send once all events of this turn were handled.
    func sendLater(_ connection: Connection) {
        // It lives at least until the end of the turn.
        sending.append(Unmanaged.passUnretained(connection))
    }

    /// Tells `connection` after the present event that a write of it failed.
    func writeFailed(_ connection: Connection) { failed.append(connection) }

    // MARK: The thread

    private func run() {
        thread = pthread_self()
        pthread_setname_np(pthread_self(), "pinion-loop")
        now = LiveWorld.now()
        while !isStopping { turn() }
        let left = inbox.withLock { inbox in
            inbox.isStopped = true
            return inbox.tasks
        }
        for task in left { task() }
        finishTurn()
        timers.removeAll()
        ended?()
    }

    private func turn() {
        let count = epoll_wait(
            poller, &events, Int32(SocketLimits.eventsMax), millisecondsToWait())
        now = LiveWorld.now()
        var isCalled = false
        for index in 0..<max(0, Int(count)) {
            let event = events[index]
            guard let pointer = event.data.ptr else {
                isCalled = true
                continue
            }
            if index > 0 { now = LiveWorld.now() }
            Unmanaged<Pollable>.fromOpaque(pointer)._withUnsafeGuaranteedRef {
                $0.ready(event.events)
            }
        }
        if !reading.isEmpty { readAgain() }
        while let timer = timers.pop(at: now) { timer.fire() }
        if isCalled { answerBell() }
        finishTurn()
    }

    /// -1 for as long as it takes.
    private func millisecondsToWait() -> Int32 {
        if !soon.isEmpty || !reading.isEmpty { return 0 }
        guard let next = timers.next else { return -1 }
        guard next > now else { return 0 }
        // Rounded up: waking before the deadline would mean to wait again.
        let wait = (next.nanoseconds - now.nanoseconds + 999_999) / 1_000_000
        return Int32(min(wait, 60_000))
    }

    private func answerBell() {
        var count: UInt64 = 0
        _ = read(bell, &count, 8)
        let tasks = inbox.withLock { inbox in
            let tasks = inbox.tasks
            inbox.tasks = []
            return tasks
        }
        for task in tasks { task() }
    }

    private func readAgain() {
        swap(&reading, &beingRead)
        for connection in beingRead {
            now = LiveWorld.now()
            connection._withUnsafeGuaranteedRef { $0.readable() }
            connection.release()
        }
        beingRead.removeAll(keepingCapacity: true)
    }

    private func sendAll() {
        // What is relieved by a send may read on and have more to send, and what could not be sent
        // may be sent elsewhere.
        while !sending.isEmpty || !failed.isEmpty {
            swap(&sending, &beingSent)
            for connection in beingSent {
                connection._withUnsafeGuaranteedRef { $0.sendQueued() }
            }
            beingSent.removeAll(keepingCapacity: true)
            if !failed.isEmpty { reportFailures() }
        }
    }

    private func reportFailures() {
        let all = failed
        failed.removeAll(keepingCapacity: true)
        for connection in all { connection.reportFailedWrite() }
    }

    private func finishTurn() {
        if !soon.isEmpty {
            let tasks = soon
            soon = []
            for task in tasks { task() }
        }
        sendAll()
        guard !dismissed.isEmpty else { return }
        // What is freed here may dismiss others.
        let all = dismissed
        dismissed.removeAll(keepingCapacity: true)
        for one in all {
            one._withUnsafeGuaranteedRef { $0.dismissed() }
            one.release()
        }
    }
}
