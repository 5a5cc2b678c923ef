// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

/// An engine with its events written down, for tests.
struct EngineBench {
    var engine: EngineModel
    var events: [EngineEvent] = []
    var instants: [Instant] = []

    init(_ profile: EngineProfile, faults: EngineFaults = .none, seed: UInt64 = 1) {
        engine = EngineModel(profile: profile, faults: faults, seed: seed)
    }

    mutating func submit(
        _ id: UInt64, prompt: Int, hashes: [UInt64] = [], answer: Int, max: Int = .max,
        at now: Instant = Instant(nanoseconds: 0)
    ) -> Admission {
        engine.submit(
            EngineJob(
                id: .init(id), promptTokens: prompt, blockHashes: hashes, answerTokens: answer,
                tokensMax: max),
            at: now)
    }

    mutating func advance(to now: Instant) {
        engine.advance(to: now) { event, at in
            events.append(event)
            instants.append(at)
        }
    }

    /// Runs until the engine is idle, or for `limit` events of its clock.
    mutating func run(limit: Int = 1_000_000) {
        var left = limit
        while left > 0, let next = engine.nextEventAt {
            advance(to: next)
            left -= 1
        }
    }

    /// Instants at which tokens of `id` appeared.
    func tokens(of id: UInt64) -> [Instant] {
        zip(events, instants).compactMap { event, at in
            if case .token(let job, _) = event, job.rawValue == id { at } else { nil }
        }
    }

    /// Ends of `id`, of either kind.
    func ends(of id: UInt64) -> [EngineEvent] {
        events.filter { event in
            if case .token = event { return false }
            return event.job.rawValue == id
        }
    }
}

extension EngineProfile {
    /// The reference card with a cache of `tokens`.
    static func card(cache tokens: Int = 421_008) -> EngineProfile {
        guard var profile = EngineProfile.named("h100-8b") else { return .small }
        profile.cacheTokens = tokens
        return profile
    }
}

/// `count` block hashes that no other `salt` shares.
func chain(_ count: Int, salt: UInt64) -> [UInt64] {
    (0..<count).map { StableHash.mix(salt &* 1_000_003 &+ UInt64($0)) }
}
