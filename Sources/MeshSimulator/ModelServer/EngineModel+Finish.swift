// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// How a step ends: tokens appear, jobs end, faults strike.
extension EngineModel {
    /// Ends the current step, telling `emit` what came of it.
    mutating func finishStep(at now: Instant, emit: (EngineEvent, Instant) -> Void) {
        stepEndsAt = nil
        let isPlain = faults.allowsPlainTokens
        let blockTokens = profile.blockTokens
        // Those that stay close up in place.
        var kept = 0
        for place in active.indices {
            let slot = active[place]
            let stays: Bool
            if isPlain, let index = residents[slot].takePlainToken(blockTokens: blockTokens) {
                emit(.token(residents[slot].job.id, index: index), now)
                counts.generatedTokens += 1
                tokensSinceFaults += 1
                stays = true
            } else {
                stays = settle(slot, at: now, emit: emit)
            }
            if stays {
                active[kept] = slot
                kept += 1
            }
            if let limit = faults.crashAfterTokens, tokensSinceFaults >= limit {
                active.removeSubrange(kept..<place + 1)
                crash(at: now, emit: emit)
                return
            }
        }
        if kept < active.count { active.removeSubrange(kept...) }
    }

    /// Books what the step did for `slot`; answers whether the job stays in the batch.
    private mutating func settle(
        _ slot: Int, at now: Instant, emit: (EngineEvent, Instant) -> Void
    ) -> Bool {
        let chunk = residents[slot].chunk
        guard chunk > 0 else { return true }
        residents[slot].chunk = 0
        residents[slot].computed += chunk
        if residents[slot].phase == .prefilling { counts.prefilledTokens += chunk }
        publishFullBlocks(of: slot)
        guard residents[slot].computed >= residents[slot].target else { return true }
        residents[slot].phase = .decoding
        if let failure = failure(of: slot) {
            emit(.failed(residents[slot].job.id, failure), now)
            counts.failed += 1
            vacate(slot)
            return false
        }
        if isStalled(slot) {
            residents[slot].phase = .stalled
            return true
        }
        if residents[slot].emitted < residents[slot].job.outputTokens {
            emit(.token(residents[slot].job.id, index: residents[slot].emitted), now)
            residents[slot].emitted += 1
            counts.generatedTokens += 1
            tokensSinceFaults += 1
        }
        guard residents[slot].emitted == residents[slot].job.outputTokens else { return true }
        finish(slot, at: now, emit: emit)
        return false
    }

    /// Names the blocks that are now full by their hashes, so that others can share them.
    private mutating func publishFullBlocks(of slot: Int) {
        let full = residents[slot].computed / profile.blockTokens
        let end = Swift.min(full, residents[slot].job.blockHashes.count)
        while residents[slot].pinned < end {
            cache.publish(residents[slot].job.blockHashes[residents[slot].pinned])
            residents[slot].pinned += 1
            residents[slot].ownBlocks -= 1
        }
    }

    private func failure(of slot: Int) -> EngineFailure? {
        // Asked for every token, and nearly always nothing is wrong.
        if faults.outOfMemoryAboveTokens == nil, faults.resetAfterTokens == nil { return nil }
        let resident = residents[slot]
        if let limit = faults.outOfMemoryAboveTokens, resident.target > limit {
            return .outOfMemory
        }
        if let limit = faults.resetAfterTokens, resident.emitted >= limit { return .reset }
        return nil
    }

    private func isStalled(_ slot: Int) -> Bool {
        guard let limit = faults.stallAfterTokens else { return false }
        return residents[slot].emitted >= limit
    }

    private mutating func finish(
        _ slot: Int, at now: Instant, emit: (EngineEvent, Instant) -> Void
    ) {
        let resident = residents[slot]
        let finish = resident.job.finish
        if finish == .stop { counts.finishedStop += 1 } else { counts.finishedLength += 1 }
        let usage = EngineUsage(
            promptTokens: resident.job.promptTokens, cachedTokens: resident.cachedTokens ?? 0,
            outputTokens: resident.emitted)
        vacate(slot)
        emit(.finished(resident.job.id, finish, usage), now)
    }

    /// The engine dies at once, as by a fault: every job fails, and it is down until `restart()`.
    package mutating func kill(at now: Instant, emit: (EngineEvent, Instant) -> Void) {
        guard !isCrashed else { return }
        stepEndsAt = nil
        crash(at: now, emit: emit)
    }

    /// Loses every job, in the order batch, queue, arrivals.
    private mutating func crash(at now: Instant, emit: (EngineEvent, Instant) -> Void) {
        isCrashed = true
        let lost = active + waiting + arriving.map(\.slot)
        active = []
        waiting = []
        arriving = []
        for slot in lost {
            let id = residents[slot].job.id
            vacate(slot)
            counts.failed += 1
            emit(.failed(id, .crashed), now)
        }
    }
}
