// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import NIOCore
import NIOHTTP1

/// All state of one model server, on its one event loop: the engine, the clock that drives it,
/// the connections and the counts.
///
/// A server is one engine, and an engine takes one step at a time, so one loop is enough and
/// nothing here is locked.
final class ModelServerWorld {
    let loop: any EventLoop
    let options: ModelServerOptions
    /// How the server calls itself to clients.
    var name = ""
    var faults: ModelServerFaults
    var counters = ServerCounters()
    var metrics = ServerMetrics()
    /// The open connections, by their number.
    private(set) var connections: [Int: ConnectionHandler] = [:]
    /// The last requests, oldest first, as `/sim/requests` shows them.
    private(set) var remembered: BoundedQueue<JSON>
    private(set) var engine: EngineModel
    private(set) var isStopping = false
    private let startedAt = NIODeadline.now()
    private var owners: [EngineJob.ID: Owner] = [:]
    private var jobs: UInt64 = 0
    private var timer: Scheduled<Void>?
    private var isTurning = false
    private var mustTurnAgain = false
    private var onEmpty: EventLoopPromise<Void>?

    /// Who hears of a job, and which of its answers the job is.
    private enum Owner {
        case generation(Generation, Int)
        case reading((EngineFailure?) -> Void)
    }

    init(_ options: ModelServerOptions, loop: any EventLoop) {
        self.options = options
        self.loop = loop
        faults = options.faults
        remembered = BoundedQueue(capacity: Limits.requestsRemembered)
        engine = EngineModel(
            profile: options.profile, faults: options.faults.engine, seed: options.seed)
    }

    /// The engine's present.
    var now: Instant {
        let elapsed = Double((NIODeadline.now() - startedAt).nanoseconds) * options.speed
        return Instant(nanoseconds: UInt64(Swift.max(0, elapsed)))
    }

    /// A name for a job.
    func nextJob() -> EngineJob.ID {
        jobs += 1
        return EngineJob.ID(jobs)
    }

    /// The number of the request that just came.
    func nextRequestNumber() -> Int {
        counters.requests += 1
        return counters.requests
    }

    /// Hands `job` to the engine for an answer of `generation`.
    func submit(_ job: EngineJob, for generation: Generation, answer: Int) -> Admission {
        let admission = engine.submit(job, at: now)
        if admission == .accepted { owners[job.id] = .generation(generation, answer) }
        return admission
    }

    /// Has the engine read `tokens` and then calls `done`, with what went wrong if anything did.
    ///
    /// **Errors**: what the engine refuses; `done` is not called then.
    func read(
        _ tokens: Int, done: @escaping (EngineFailure?) -> Void
    ) throws(OpenAIError) -> EngineJob.ID {
        let job = EngineJob(id: nextJob(), promptTokens: tokens, answerTokens: 0)
        if case .refused(let refusal) = engine.submit(job, at: now) {
            throw error(for: refusal, prompt: tokens)
        }
        owners[job.id] = .reading(done)
        return job.id
    }

    /// Takes `jobs` back before anything came of them.
    func forget(_ jobs: [EngineJob.ID]) {
        for job in jobs {
            owners[job] = nil
            engine.cancel(job, at: now)
        }
    }

    /// Takes `jobs` back and lets the engine go on without them.
    func cancel(_ jobs: [EngineJob.ID]) {
        forget(jobs)
        turn()
    }

    /// Replaces the faults; a crashed engine starts again.
    func set(_ faults: ModelServerFaults) {
        self.faults = faults
        engine.restart()
        engine.set(faults.engine, at: now)
        turn()
    }

    /// Puts `request` at the end of what `/sim/requests` remembers.
    func remember(_ request: ReceivedRequest) {
        if remembered.count == remembered.capacity { _ = remembered.popFirst() }
        _ = remembered.append(request.memory)
    }

    /// The last `count` requests that `isWanted`, oldest first.
    func recall(_ count: Int, where isWanted: (JSON) -> Bool) -> [JSON] {
        var all: [JSON] = []
        var queue = remembered
        while let request = queue.popFirst() { if isWanted(request) { all.append(request) } }
        return Array(all.suffix(Swift.max(0, count)))
    }

    /// What a client is told when the engine does not take its job.
    func error(for refusal: EngineRefusal, prompt: Int) -> OpenAIError {
        switch refusal {
        case .queueFull, .duplicate: return .overloaded
        case .tooLong(let tokens, let limit):
            let message =
                "This model's maximum context length is \(limit) tokens. However, you requested "
                + "\(tokens) tokens (\(prompt) in the messages, \(tokens - prompt) in the "
                + "completion). Please reduce the length of the messages or completion."
            return .invalid(message, "messages", code: "context_length_exceeded")
        case .injected(let status):
            counters.faults += 1
            return .simulated(status, retryAfter: faults.retryAfter)
        case .crashed:
            counters.faults += 1
            return .simulated(503)
        }
    }

    /// Lets the engine catch up with the clock, tells what came of it, and sets the timer.
    ///
    /// Telling may lead back here, when an answer's end lets the next request of its connection
    /// begin; that is done in another round, not inside this one.
    func turn() {
        guard !isTurning else {
            mustTurnAgain = true
            return
        }
        isTurning = true
        repeat {
            mustTurnAgain = false
            var events: [EngineEvent] = []
            engine.advance(to: now) { event, _ in events.append(event) }
            tell(events)
        } while mustTurnAgain
        isTurning = false
        setTimer()
    }

    private func tell(_ events: [EngineEvent]) {
        var touched: [Generation] = []
        for event in events {
            guard let owner = owners[event.job] else { continue }
            if case .token = event {} else { owners[event.job] = nil }
            switch owner {
            case .generation(let generation, let answer):
                generation.take(event, answer)
                if !generation.isTouched {
                    generation.isTouched = true
                    touched.append(generation)
                }
            case .reading(let done):
                if case .failed(_, let failure) = event { done(failure) } else { done(nil) }
            }
        }
        for generation in touched { generation.tell() }
    }

    private func setTimer() {
        timer?.cancel()
        timer = nil
        guard let next = engine.nextEventAt else { return }
        let left = Double((next - now).rawValue) / options.speed
        let delay = TimeAmount.nanoseconds(Int64(Swift.max(0, left.rounded(.up))))
        timer = loop.assumeIsolated().scheduleTask(in: delay) { [self] in turn() }
    }
}

/// Connections, and how the server stops.
extension ModelServerWorld {
    /// A connection was opened.
    func opened(_ handler: ConnectionHandler, _ number: Int) { connections[number] = handler }

    /// A connection was closed.
    func closed(_ number: Int) {
        connections[number] = nil
        if isStopping, connections.isEmpty {
            onEmpty?.succeed()
            onEmpty = nil
        }
    }

    /// Closes idle connections now, busy ones behind their answers, and all when the grace is
    /// over; succeeds when none is left.
    func drain() -> EventLoopFuture<Void> {
        isStopping = true
        guard !connections.isEmpty else { return loop.makeSucceededVoidFuture() }
        let promise = loop.makePromise(of: Void.self)
        onEmpty = promise
        closeConnections(isGraceful: true)
        let grace = TimeAmount.nanoseconds(options.grace.rawValue)
        let end = loop.assumeIsolated().scheduleTask(in: grace) { [self] in
            closeConnections(isGraceful: false)
        }
        promise.futureResult.whenComplete { _ in end.cancel() }
        return promise.futureResult
    }

    private func closeConnections(isGraceful: Bool) {
        for number in connections.keys.sorted() {
            connections[number]?.close(isGraceful: isGraceful)
        }
    }
}
