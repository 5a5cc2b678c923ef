// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// How a step begins: who computes what, and how long that takes.
extension EngineModel {
    /// What a step will compute, as the terms of `EngineProfile.stepTime`.
    private struct Load {
        var chunk = 0
        var pairs = 0.0
        var running = 0
        var context = 0
        var isEmpty: Bool { chunk == 0 && running == 0 }
    }

    /// Begins a step when anything can make progress; otherwise the engine stays idle until a
    /// job arrives or is cancelled.
    mutating func beginStep(at now: Instant) {
        var load = Load()
        let preempted = scheduleDecodes(&load)
        var budget = profile.batchedTokensMax - load.running
        for slot in active where residents[slot].phase == .prefilling && budget > 0 {
            scheduleChunk(of: slot, &budget, &load)
        }
        // A step that pushed a job out must not let it straight back in.
        if !preempted { admitWaiting(&budget, &load) }
        guard !load.isEmpty else { return }
        var time = profile.stepTime(
            chunk: load.chunk, pairs: load.pairs, running: load.running, context: load.context)
        if profile.jitterPermille > 0 {
            let shift = random.below(2 * profile.jitterPermille + 1) - profile.jitterPermille
            time = Nanoseconds(time.rawValue + time.rawValue * Int64(shift) / 1000)
        }
        counts.steps += 1
        counts.busy = counts.busy + time
        stepEndsAt = now + time
    }

    /// Gives each decoding job room for one token, pushing out the newest jobs when memory is
    /// short; answers whether any was.
    private mutating func scheduleDecodes(_ load: inout Load) -> Bool {
        let blockTokens = profile.blockTokens
        var preempted = false
        var i = 0
        while i < active.count {
            let slot = active[i]
            if let context = residents[slot].preparePlainToken(blockTokens: blockTokens) {
                load.running += 1
                load.context += context
                i += 1
                continue
            }
            guard residents[slot].phase == .decoding else {
                i += 1
                continue
            }
            var fits = hasRoom(for: slot)
            while !fits, let newest = active.last {
                preempted = true
                preempt(newest)
                if newest == slot { break }
                fits = hasRoom(for: slot)
            }
            guard fits else { break }
            residents[slot].chunk = 1
            load.running += 1
            load.context += residents[slot].target
            i += 1
        }
        return preempted
    }

    /// Makes sure that `slot` has memory for one more token.
    private mutating func hasRoom(for slot: Int) -> Bool {
        let needed = blocks(for: residents[slot].computed + 1)
        let missing = needed - residents[slot].pinned - residents[slot].ownBlocks
        guard missing > 0 else { return true }
        guard cache.reserve(missing) else { return false }
        residents[slot].ownBlocks += missing
        return true
    }

    private mutating func preempt(_ slot: Int) {
        active.removeLast()
        giveBackBlocks(of: slot)
        residents[slot].phase = .waiting
        waiting.insert(slot, at: 0)
        counts.preemptions += 1
    }

    private mutating func scheduleChunk(of slot: Int, _ budget: inout Int, _ load: inout Load) {
        let left = residents[slot].target - residents[slot].computed
        let chunk = Swift.min(left, budget)
        residents[slot].chunk = chunk
        budget -= chunk
        load.chunk += chunk
        load.pairs += Double(chunk) * (Double(residents[slot].computed) + Double(chunk) / 2)
    }

    /// Lets waiting jobs into the batch, first come first, until one does not fit.
    private mutating func admitWaiting(_ budget: inout Int, _ load: inout Load) {
        while let slot = waiting.first, budget > 0, active.count < profile.sequencesMax {
            guard enter(slot) else { return }
            waiting.removeFirst()
            active.append(slot)
            scheduleChunk(of: slot, &budget, &load)
        }
    }

    /// Takes the memory for the whole of a job's prompt, sharing what the cache holds of it.
    private mutating func enter(_ slot: Int) -> Bool {
        let target = residents[slot].target
        // The last token is always computed: its output is the next token.
        let limit = (target - 1) / profile.blockTokens
        let found = cache.match(residents[slot].job.blockHashes, limit: limit)
        cache.pin(residents[slot].job.blockHashes, count: found)
        let missing = blocks(for: target) - found
        guard cache.reserve(missing) else {
            cache.unpin(residents[slot].job.blockHashes, count: found)
            return false
        }
        residents[slot].phase = .prefilling
        residents[slot].pinned = found
        residents[slot].ownBlocks = missing
        residents[slot].computed = found * profile.blockTokens
        if residents[slot].cachedTokens == nil {
            let cached = Swift.min(found * profile.blockTokens, residents[slot].job.promptTokens)
            residents[slot].cachedTokens = cached
            counts.prefixQueries += residents[slot].job.promptTokens
            counts.prefixHits += cached
            counts.promptTokens += residents[slot].job.promptTokens
        }
        return true
    }

    private func blocks(for tokens: Int) -> Int {
        (tokens + profile.blockTokens - 1) / profile.blockTokens
    }
}
