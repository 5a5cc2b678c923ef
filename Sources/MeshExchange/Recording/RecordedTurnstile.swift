// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshLimits

/// What the turnstile of a backend said.
package struct RecordedTurnstile: Codable, Hashable, Sendable {
    /// How long the request may wait, in nanoseconds of the proxy's clock; nil when it does not.
    package var until: UInt64?
    /// Why it is not let in; nil when it is, or waits.
    package var refusal: TurnstileRefusal?

    init(_ answer: TurnstileAnswer) {
        switch answer {
        case .enters: break
        case .waits(_, _, let until): self.until = until.nanoseconds
        case .refused(let refusal): self.refusal = refusal
        }
    }

    /// The answer again, with a pass for nothing.
    var answer: TurnstileAnswer {
        if let refusal { return .refused(refusal) }
        if let until {
            return .waits(.none, ticket: 1, until: Instant(nanoseconds: until))
        }
        return .enters(.none)
    }
}

extension Tape {
    /// In a replay: what the turnstile that is asked now said then; of one that was not asked, that
    /// the request may enter.
    func recordedTurnstile() -> TurnstileAnswer? {
        guard isReplay else { return nil }
        return nextTurnstile()?.answer ?? .enters(.none)
    }

    /// In a replay: why the request was turned away then.
    func turnstileRefusal() -> TurnstileRefusal? { isReplay ? nextTurnstile()?.refusal : nil }

    /// Notes what a turnstile said.
    func keep(_ answer: TurnstileAnswer) {
        append(RecordedTurnstile(answer))
    }
}
