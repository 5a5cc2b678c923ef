// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRollout
import MeshSnapshot
import MeshTelemetry

/// What one target does to those that ask it.
struct Conduct {
    /// The chance of an error.
    var errors = 0.01
    /// The mean time to the first token, in milliseconds.
    var firstToken = 200.0
    /// The mean time to the end, in milliseconds.
    var latency = 900.0
    /// The mean of tokens.
    var tokens = 500.0
    /// The mean of the cost, in trillionths.
    var cost = 2e9
    /// The chance that the answer to a copy agrees.
    var agreement = 0.98
}

/// A rollout on a clock of its own, with callers that are drawn.
struct RolloutBench {
    var rollout: Rollout
    var now = Instant(nanoseconds: 1_000_000_000)
    var random: SplitMix64
    var stable = Conduct()
    var canary = Conduct()
    /// Requests each second.
    var rate = 40
    var changes: [RolloutChange] = []
    /// Requests that the canary failed.
    var hurt = 0

    init(_ plan: RolloutPlan, seed: UInt64) {
        random = SplitMix64(seed: seed)
        rollout = Rollout(plan, wall: WallTime(nanoseconds: 0))
    }

    var wall: WallTime { WallTime(nanoseconds: Int64(now.nanoseconds)) }

    /// Lets one second pass.
    @discardableResult
    mutating func tick() -> RolloutChange? {
        var seen = RolloutCounts()
        let share = rollout.share
        for _ in 0..<rate {
            let isCanary = random.below(100) < share.weight
            Self.ask(isCanary ? canary : stable, into: &seen[isCanary ? .canary : .stable], &random)
            if !isCanary, random.below(100) < share.mirror {
                Self.ask(canary, into: &seen.mirror, &random)
                seen.mirror.compared += 1
                if random.fraction() < canary.agreement { seen.mirror.agreed += 1 }
            }
        }
        hurt += Int(seen.canary.errors)
        now = now + .seconds(1)
        let change = rollout.advance(seen, wall: wall, at: now)
        if let change { changes.append(change) }
        return change
    }

    /// Lets time pass until nothing moves by itself any more, or `seconds` have passed. Answers
    /// how many did.
    @discardableResult
    mutating func run(seconds: Int) -> Int {
        for second in 0..<seconds {
            tick()
            if rollout.state.phase != .progressing { return second + 1 }
        }
        return seconds
    }

    @discardableResult
    mutating func obey(_ command: RolloutCommand) throws -> RolloutChange {
        let change = try rollout.obey(command, wall: wall)
        changes.append(change)
        return change
    }

    private static func ask(
        _ conduct: Conduct, into counts: inout ArmCounts, _ random: inout SplitMix64
    ) {
        func exponential(_ mean: Double) -> Double { -mean * Elementary.ln(1 - random.fraction()) }
        counts.requests += 1
        if random.fraction() < conduct.errors { counts.errors += 1 }
        // Half is the same for all, so that times have a floor.
        let first = conduct.firstToken / 2 + exponential(conduct.firstToken / 2)
        let whole = conduct.latency / 2 + exponential(conduct.latency / 2)
        counts.firstTokens.observe(Nanoseconds(Int64(first * 1e6)))
        counts.latencies.observe(Nanoseconds(Int64(whole * 1e6)))
        counts.tokens.observe(exponential(conduct.tokens))
        counts.costs.observe(exponential(conduct.cost))
    }
}

extension RolloutPlan {
    /// A check of errors, one point above what is stable.
    static let errorCheck = Check(.errors, increase: 10_000, samplesMin: 20)

    /// A plan with three steps.
    static func sample(
        steps: [Step] = [
            Step(weight: 5, hold: .seconds(60), requestsMin: 50),
            Step(weight: 25, hold: .seconds(60), requestsMin: 50),
            Step(weight: 50, hold: .seconds(60), requestsMin: 50),
        ], checks: [Check] = [errorCheck], doubt: Int = 50_000,
        window: Nanoseconds = .seconds(300), onFailure: Reaction = .rollback,
        inconclusiveAfter: Nanoseconds = .seconds(600), onInconclusive: Reaction = .pause
    ) -> RolloutPlan {
        RolloutPlan(
            name: "default/chat", target: "Model default/chat", stable: "v1", canary: "v2",
            steps: steps, checks: checks, doubt: doubt, window: window, onFailure: onFailure,
            inconclusiveAfter: inconclusiveAfter, onInconclusive: onInconclusive, fingerprint: 7)
    }
}
