// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshRouting
import MeshSnapshot

/// Two attempts that run for one exchange; what is kept here is the one that is not looked at.
///
/// The exchange always holds one attempt, as if there were no other. What happens to the other one
/// is told by changing places first (`switchLanes`), so that nothing else needs to know of races.
/// A class, because an exchange without a race should carry one word for it and no more.
final class Race {
    /// The attempt that is not looked at.
    var other: Lane
    /// Whether the present one has won, and the other is only to be ended.
    var isDecided = false

    init(_ other: Lane) { self.other = other }
}

/// What belongs to one of several attempts of an exchange.
struct Lane {
    var phase = Exchange.Phase.dispatched
    var modelTarget = 0
    var backend: BackendID = -1
    var pick: Pick?
    var isBegun = false
    var trial: Trial = []
    var tried = Tried()
    var attemptsOnTarget = 0
    var usedFreshConnectionAfterReset = false
    var silence: Refusal.Code?
    var attemptDeadline = Instant.distantFuture
    var waitDeadline = Instant.distantFuture
    var attemptStarted = Instant(nanoseconds: 0)
    var reading = Exchange.Reading.nothing
    var hold = AnswerHold()
    var log: ResumeLog?
    var lastPiece: Instant?
    /// From the start of the exchange to the first byte of its answer.
    var firstByte: Nanoseconds?

    /// When something must be done about it at the latest.
    var deadline: Instant { min(attemptDeadline, waitDeadline) }
}
