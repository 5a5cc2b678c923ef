// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshRollout

/// A promise that was broken in a run.
package struct Breach: Sendable, Hashable, CustomStringConvertible {
    /// The promise, in a few words.
    package var rule: String
    /// What was seen.
    package var message: String
    /// When.
    package var at: Instant

    package var description: String {
        "\(rule): \(message) (at \(Double(at.nanoseconds / 1000) / 1e6) s)"
    }
}

/// What came of a run.
package struct Outcome: Sendable {
    /// The seed it ran with.
    package var seed: UInt64
    /// What every caller saw, in the order in which they ended; empty when it was not kept.
    package var requests: [RequestObservation] = []
    /// Requests by how they ended.
    package var endings = [Int](
        repeating: 0, count: RequestObservation.Ending.allCases.count)
    /// Records of exchanges by their code; "" for those without.
    package var codes: [(code: String, count: Int)] = []
    /// Records of exchanges.
    package var records = 0
    /// What every server counted.
    package var servers: [EngineStats] = []
    /// Answers that every server began.
    package var answers: [Int] = []
    /// What went wrong on purpose.
    package var faults = FaultCounts()
    /// Operations towards servers: connects, sends, reads of heads and bodies.
    package var operations = 0
    /// What became of Rollouts, in order.
    package var rollouts: [RolloutChange] = []
    /// Exchanges that were decided again from their recording, and came out the same.
    package var replays = 0
    /// What must not be and was.
    package var breaches: [Breach] = []
    /// Events that happened.
    package var events: UInt64 = 0
    /// When it ended.
    package var endedAt = Instant(nanoseconds: 0)
    /// Everything that was recorded, and what the generators would have drawn next.
    package var digest: UInt64 = 0

    /// Requests that ended as `ending`.
    package func count(_ ending: RequestObservation.Ending) -> Int {
        endings[Int(ending.rawValue)]
    }

    /// Records with `code`.
    package func count(code: String) -> Int {
        codes.first { $0.code == code }?.count ?? 0
    }
}
