// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// The timing of one inference server as a discrete-event machine: continuous batching, chunked
/// prefill, a block cache with shared prefixes, a waiting queue, preemption, and faults.
///
/// It knows when each token of each job appears, and nothing of what the tokens say. The same
/// jobs at the same instants with the same seed give the same events.
///
///     arriving ──▶ waiting ──▶ prefilling ──▶ decoding ──▶ finished
///                     ▲            │             │
///                     └── preempt ─┴─────────────┘
///
/// The one who drives it calls `advance` whenever `nextEventAt` has come. Events are handed to a
/// closure that must not touch the engine.
///
/// **Invariants**: each accepted job ends in exactly one of finished, failed and cancelled; the
/// blocks held never exceed the cache; a job that fits the cache alone always completes.
///
/// **Source**: the scheduler of vLLM V1 (decodes first, then prefill in chunks, first come first
/// served without overtaking, newest preempted first and recomputed).
package struct EngineModel: Sendable {
    /// What the engine costs.
    package let profile: EngineProfile
    /// Whether the engine is down.
    package internal(set) var isCrashed = false
    var faults: EngineFaults
    var counts = EngineStats()
    var cache: BlockCache
    var random: SplitMix64
    /// The jobs held, by slot; slots are reused.
    var residents: [Resident] = []
    var vacant: [Int] = []
    var slots: [EngineJob.ID: Int] = [:]
    /// Jobs that the scheduler does not see yet, soonest first.
    var arriving: [Arrival] = []
    /// Slots that wait, first come first.
    var waiting: [Int] = []
    /// Slots in the batch, in the order they entered.
    var active: [Int] = []
    /// When the current step ends; nil between steps.
    var stepEndsAt: Instant?
    var submissionsSinceFaults = 0
    var tokensSinceFaults = 0

    /// A job and how far it has come.
    struct Resident: Sendable {
        enum Phase: Sendable { case vacant, waiting, prefilling, decoding, stalled }
        var job: EngineJob
        var phase = Phase.waiting
        /// Tokens generated.
        var emitted = 0
        /// Tokens whose keys and values are in memory.
        var computed = 0
        /// Tokens that the current step computes.
        var chunk = 0
        /// Leading blocks held under a hash.
        var pinned = 0
        /// Further blocks held without one.
        var ownBlocks = 0
        /// Prompt tokens found in the cache at the first scheduling; nil before it.
        var cachedTokens: Int?

        /// Tokens that must be in memory before the next token can be generated.
        var target: Int { job.promptTokens + emitted }

        /// Books one more token of an answer in the middle of which nothing else happens; nil,
        /// with nothing booked, when something does. Answers the token's index.
        mutating func takePlainToken(blockTokens: Int) -> Int? {
            guard phase == .decoding, chunk == 1, computed + 1 >= target,
                emitted + 1 < job.outputTokens
            else { return nil }
            let named = job.blockHashes.count
            guard pinned >= named || pinned >= (computed + 1) / blockTokens else { return nil }
            chunk = 0
            computed += 1
            emitted += 1
            return emitted - 1
        }

        /// Makes ready for one more token where it decodes and has memory for it; answers the
        /// tokens that are looked back at, or nil.
        mutating func preparePlainToken(blockTokens: Int) -> Int? {
            guard phase == .decoding, computed < (pinned + ownBlocks) * blockTokens else {
                return nil
            }
            chunk = 1
            return target
        }
    }

    struct Arrival: Sendable {
        var at: Instant
        var slot: Int
    }

    /// An idle engine.
    package init(profile: EngineProfile, faults: EngineFaults = .none, seed: UInt64) {
        self.profile = profile
        self.faults = faults
        self.cache = BlockCache(capacity: profile.blocks)
        self.random = SplitMix64(seed: seed).split("engine")
    }

    /// When `advance` will next have something to do; nil while the engine is idle.
    package var nextEventAt: Instant? {
        let arrival = arriving.first?.at
        guard let stepEndsAt else { return arrival }
        guard let arrival else { return stepEndsAt }
        return Swift.min(arrival, stepEndsAt)
    }

    /// The counts so far and the gauges of this moment.
    package var stats: EngineStats {
        var stats = counts
        stats.running = active.count
        stats.waiting = waiting.count + arriving.count
        stats.blocksUsed = cache.used
        stats.blocks = cache.capacity
        return stats
    }

    /// Takes `job`, or says why not.
    ///
    /// **Errors**: a full queue, a job that can never fit, a crashed engine, an injected status.
    package mutating func submit(_ job: EngineJob, at now: Instant) -> Admission {
        if let refusal = refusal(for: job) {
            counts.refused += 1
            return .refused(refusal)
        }
        counts.accepted += 1
        let slot = vacant.popLast() ?? residents.count
        if slot == residents.count {
            residents.append(Resident(job: job))
        } else {
            residents[slot] = Resident(job: job)
        }
        slots[job.id] = slot
        let seenAt = now + profile.frontEnd + faults.firstTokenDelay
        var place = arriving.count
        while place > 0, arriving[place - 1].at > seenAt { place -= 1 }
        arriving.insert(Arrival(at: seenAt, slot: slot), at: place)
        return .accepted
    }

    /// Lets time pass until `now`, handing each event and its instant to `emit` in order.
    ///
    /// **Shape**: `now` never goes back. `emit` must not touch the engine.
    package mutating func advance(to now: Instant, emit: (EngineEvent, Instant) -> Void) {
        while let next = nextEventAt, next <= now {
            while let arrival = arriving.first, arrival.at <= next {
                arriving.removeFirst()
                waiting.append(arrival.slot)
            }
            if let end = stepEndsAt, end <= next { finishStep(at: end, emit: emit) }
            if stepEndsAt == nil { beginStep(at: next) }
        }
    }

    /// Forgets a job at once; answers false when the engine does not hold it (late: it had ended).
    @discardableResult
    package mutating func cancel(_ id: EngineJob.ID, at now: Instant) -> Bool {
        guard let slot = slots[id] else { return false }
        counts.cancelled += 1
        arriving.removeAll { $0.slot == slot }
        waiting.removeAll { $0 == slot }
        active.removeAll { $0 == slot }
        vacate(slot)
        if stepEndsAt == nil { beginStep(at: now) }
        return true
    }

    /// Replaces the faults; their counters begin anew and stalled jobs go on. A crashed engine
    /// stays down.
    package mutating func set(_ faults: EngineFaults, at now: Instant) {
        self.faults = faults
        submissionsSinceFaults = 0
        tokensSinceFaults = 0
        for slot in active where residents[slot].phase == .stalled {
            residents[slot].phase = .prefilling
            residents[slot].computed -= 1
        }
        if stepEndsAt == nil { beginStep(at: now) }
    }

    /// Brings a crashed engine back with an empty cache.
    package mutating func restart() {
        guard isCrashed else { return }
        isCrashed = false
        tokensSinceFaults = 0
        cache = BlockCache(capacity: profile.blocks)
    }

    private mutating func refusal(for job: EngineJob) -> EngineRefusal? {
        if isCrashed { return .crashed }
        if slots[job.id] != nil { return .duplicate }
        submissionsSinceFaults += 1
        if let every = faults.failEvery, every > 0, submissionsSinceFaults % every == 0 {
            return .injected(status: faults.failStatus)
        }
        let limit = Swift.min(profile.contextTokensMax, profile.blocks * profile.blockTokens)
        let tokens = job.promptTokens + job.outputTokens
        if tokens > limit { return .tooLong(tokens: tokens, limit: limit) }
        if waiting.count + arriving.count >= profile.waitingMax {
            return .queueFull(limit: profile.waitingMax)
        }
        return nil
    }

    /// Gives back all that `slot` holds and frees it.
    mutating func vacate(_ slot: Int) {
        giveBackBlocks(of: slot)
        slots[residents[slot].job.id] = nil
        residents[slot].phase = .vacant
        residents[slot].job.blockHashes = []
        vacant.append(slot)
    }

    mutating func giveBackBlocks(of slot: Int) {
        cache.unpin(residents[slot].job.blockHashes, count: residents[slot].pinned)
        cache.release(residents[slot].ownBlocks)
        residents[slot].pinned = 0
        residents[slot].ownBlocks = 0
        residents[slot].computed = 0
        residents[slot].chunk = 0
    }
}
