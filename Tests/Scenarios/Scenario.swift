// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSimulator

/// A fear, made into a world in which it comes true, and what must hold there all the same.
///
/// A seed decides everything that a scenario leaves open. What holds in every world (one record
/// each, whole answers, settled attempts, bounds) is checked by the world itself; `expect` adds
/// what this fear is about.
package struct Scenario: Sendable {
    /// The fear, as a type would be named; unique.
    package var name: String
    /// The same as a sentence.
    package var fear: String
    /// How the world is made.
    package var stage: @Sendable (inout SplitMix64) throws -> Stage
    /// What is wrong with what came of it, beside breaches.
    package var expect: @Sendable (Outcome) -> [String]

    /// A scenario of the given parts.
    package init(
        _ name: String, _ fear: String,
        stage: @escaping @Sendable (inout SplitMix64) throws -> Stage,
        expect: @escaping @Sendable (Outcome) -> [String] = { _ in [] }
    ) {
        self.name = name
        self.fear = fear
        self.stage = stage
        self.expect = expect
    }
}

/// A world before it begins.
package struct Stage: Sendable {
    /// The configuration.
    package var mesh: MeshSketch
    /// The servers; by default one for each endpoint of `mesh`.
    package var servers: [ServerPlan]
    /// How the world is.
    package var options = WorldOptions()
    /// The workload, in order of time.
    package var items: [WorkItem] = []
    /// What happens beside it.
    package var incidents: [(at: Nanoseconds, what: Incident)] = []

    /// A stage for `mesh`, whose every endpoint is a server of `profile` with `habits`.
    package init(
        _ mesh: MeshSketch, profile: EngineProfile = .quick, habits: ServerHabits = ServerHabits()
    ) {
        self.mesh = mesh
        servers = mesh.authorities.map { ServerPlan($0, profile: profile, habits: habits) }
    }

    /// Lets `what` happen at `time`.
    package mutating func plan(_ what: Incident, at time: Nanoseconds) {
        incidents.append((time, what))
    }

    /// Fills the workload with `count` requests whose distances are drawn around `gap`.
    package mutating func fill(
        _ count: Int, every gap: Nanoseconds, tokens: ClosedRange<Int> = 3...14,
        streams permille: Int = 800, model: String = "m", from start: Nanoseconds = .zero,
        using random: inout SplitMix64
    ) {
        var at = Instant(nanoseconds: UInt64(start.rawValue))
        for number in 0..<count {
            at = at + Nanoseconds(Int64(random.below(Int(2 * gap.rawValue) + 1)))
            let prompt = 16 + random.below(400)
            let family = UInt64(random.below(4))
            items.append(
                WorkItem(
                    at: at, session: UInt64(number % 7), model: model, promptTokens: prompt,
                    prefix: (0..<UInt64(prompt / 16)).map { family << 32 | $0 },
                    answerTokens: tokens.lowerBound
                        + random.below(tokens.upperBound - tokens.lowerBound + 1),
                    stream: random.below(1000) < permille))
        }
        items.sort { $0.at < $1.at }
    }
}

extension EngineProfile {
    /// An engine that is quick and small, so that a run is short and queues are reached.
    package static var quick: EngineProfile {
        var profile = EngineProfile.small
        profile.name = "quick"
        profile.frontEnd = .milliseconds(2)
        profile.stepBase = .milliseconds(4)
        profile.jitterPermille = 100
        return profile
    }
}
