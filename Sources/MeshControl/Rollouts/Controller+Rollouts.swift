// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshCompiler
import MeshModel
import MeshProxy
package import MeshRollout
import MeshSnapshot

/// What came of taking the rollouts of a configuration.
struct RolloutAdoption {
    /// Where their states are kept; nil for nowhere.
    var folder: RolloutFolder?
    /// What is to be told once the configuration is in use.
    var lines: [String] = []
}

/// Rollouts: the controller looks at what the arms did, asks `RolloutBook`, and puts a snapshot
/// with other weights into use. No file of the configuration is ever written.
extension Controller {
    /// How often arms are looked at: often enough that an erring canary costs few requests.
    private static let interval = Duration.milliseconds(250)

    /// Takes the rollouts of `table` into the book, as far as they are new or changed.
    ///
    /// **Errors** the folder of their states cannot be used.
    func adoptRollouts(_ table: RolloutTable) async throws(StartFailure) -> RolloutAdoption {
        if table.plans.isEmpty, rollouts.rollouts.isEmpty {
            return RolloutAdoption(folder: rolloutFolder)
        }
        var adoption = RolloutAdoption()
        if !table.plans.isEmpty, let path = stateDirectory ?? table.stateDirectory {
            do {
                adoption.folder =
                    rolloutFolder?.path == path
                    ? rolloutFolder : try RolloutFolder(path: path, waits: awaitsRollouts)
            } catch {
                throw StartFailure(lines: [error.description])
            }
        } else if !table.plans.isEmpty, rollouts.rollouts.isEmpty {
            adoption.lines.append(
                "warning: rollouts begin anew when this process does: name a folder for where "
                    + "they stand with spec.stateDirectory of the Mesh or --state-dir")
        }
        let folder = adoption.folder
        let totals = await armTotals()
        var unreadable: UInt64 = 0
        let changes = rollouts.adopt(table.plans, totals: totals, wall: wall) { plan in
            guard let folder else { return .nothing }
            let kept = folder.read(plan.name)
            if case .unreadable = kept { unreadable += 1 }
            return kept
        }
        rolloutFailures += unreadable
        adoption.lines += changes.map(\.line)
        return adoption
    }

    /// Goes on with the rollouts that were taken.
    func follow(_ adoption: RolloutAdoption) {
        if rolloutFolder !== adoption.folder { keptRollouts = [:] }
        rolloutFolder = adoption.folder
        for line in adoption.lines { report(.rollout(line)) }
        keepRollouts()
        if rollouts.rollouts.isEmpty {
            rolloutTask?.cancel()
            rolloutTask = nil
        } else if rolloutTask == nil {
            rolloutTask = Task { [weak self] in
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.interval)
                    if Task.isCancelled { return }
                    await self?.advanceRollouts()
                }
            }
        }
    }

    /// Lets rollouts take in what was counted, and acts upon what follows.
    private func advanceRollouts() async {
        // What could not be written of one that is over is written once it can be.
        guard rollouts.isLive || awaitsRollouts || rolloutFault != nil else { return }
        await turns.take()
        defer { turns.pass() }
        guard await ownRollouts() else { return }
        let former = rollouts
        let totals = await armTotals()
        let changes = rollouts.advance(totals, wall: wall, at: LiveWorld.now())
        if changes.isEmpty { return keepRollouts(atMostEvery: .seconds(5)) }
        _ = await settle(changes, former)
    }

    /// Does what a person wants of rollout `name`, and answers with the line that says what
    /// changed.
    ///
    /// **Errors** it means nothing where the rollout stands, or there is none of that name.
    package func steer(
        _ command: RolloutCommand, rollout name: String
    ) async throws(RolloutRefusal) -> String {
        await turns.take()
        defer { turns.pass() }
        guard await ownRollouts() else {
            throw RolloutRefusal(
                message: "the process before this one has not let go of its rollouts yet",
                remedy: "try again")
        }
        // What happened up to now belongs to where the rollout stood up to now.
        let former = rollouts
        let totals = await armTotals()
        var changes = rollouts.advance(totals, wall: wall, at: LiveWorld.now())
        let answer: Result<RolloutChange, RolloutRefusal>
        do {
            let change = try rollouts.obey(command, name, wall: wall)
            changes.append(change)
            answer = .success(change)
        } catch {
            answer = .failure(error)
        }
        if !changes.isEmpty, await !settle(changes, former) {
            throw RolloutRefusal(
                message: "rollout \(name): its change could not be put into use",
                remedy: "see the log, and try again")
        }
        return try answer.get().line
    }

    /// How every rollout stands.
    package var rolloutBook: RolloutBook { rollouts }

    /// Puts what changed into use, keeps it and tells it; goes back to `former` where that fails.
    private func settle(_ changes: [RolloutChange], _ former: RolloutBook) async -> Bool {
        if rollouts.shares != former.shares {
            let compilation = compile(resources)
            guard let snapshot = compilation.snapshot else {
                rollouts = former
                reject(compilation.diagnostics.map(\.description))
                return false
            }
            do {
                try await publish(snapshot, compilation.secrets)
                published(snapshot, warnings: [])
            } catch {
                rollouts = former
                reject(["\(error)"])
                return false
            }
        }
        for change in changes { report(.rollout(change.line)) }
        keepRollouts()
        return true
    }

    /// Whether this process moves rollouts on: one that takes over from another waits until that
    /// has written down where they stand, and goes on from there.
    private func ownRollouts() async -> Bool {
        guard awaitsRollouts else { return true }
        guard let folder = rolloutFolder else {
            awaitsRollouts = false
            return true
        }
        guard folder.own() else { return false }
        awaitsRollouts = false
        let former = rollouts
        let totals = await armTotals()
        var book = RolloutBook()
        _ = book.adopt(former.rollouts.map(\.plan), totals: totals, wall: wall) {
            folder.read($0.name)
        }
        rollouts = book
        return await settle([], former)
    }

    /// Lets go of the folder: another process owns it from now on.
    package func releaseRollouts() async {
        await finishRollouts()
        rolloutFolder = nil
        rollouts = RolloutBook()
    }

    private func armTotals() async -> RolloutTotals {
        var totals = RolloutTotals()
        for loop in await proxy.armCounts() { totals.add(loop) }
        return totals
    }

    // MARK: States

    /// Writes down what changed since it was written last, unless that is less than `pause` ago.
    private func keepRollouts(atMostEvery pause: Nanoseconds = .zero) {
        let now = LiveWorld.now()
        guard let folder = rolloutFolder, !awaitsRollouts, now - rolloutsKeptAt >= pause else {
            return
        }
        rolloutsKeptAt = now
        var fault: String?
        for rollout in rollouts.rollouts where keptRollouts[rollout.plan.name] != rollout.state {
            // What cannot be read stays as it is, for somebody to look at.
            if rollout.state.phase == .unknown { continue }
            do {
                try folder.write(rollout.state)
                keptRollouts[rollout.plan.name] = rollout.state
            } catch {
                rolloutFailures += 1
                fault = error.description
            }
        }
        if let fault, fault != rolloutFault { report(.rollout(fault)) }
        rolloutFault = fault
    }

    /// The process stops: nothing changes by itself any more, and what is known is kept.
    func stopRollouts() {
        rolloutTask?.cancel()
        rolloutTask = nil
        keepRollouts()
    }

    /// Takes in what was counted since rollouts were looked at last, and keeps it for the next
    /// process. To be called before the loops end.
    package func finishRollouts() async {
        guard rollouts.isLive, !awaitsRollouts else { return }
        await turns.take()
        defer { turns.pass() }
        let totals = await armTotals()
        for change in rollouts.advance(totals, wall: wall, at: LiveWorld.now()) {
            report(.rollout(change.line))
        }
        keepRollouts()
    }
}
