// SPDX-License-Identifier: Apache-2.0

/// What can go wrong in a world, each counted when it does.
package enum FaultKind: Int, CaseIterable, Sendable {
    /// A segment was lost and sent again.
    case segmentLost
    /// A write arrived in pieces.
    case segmentSplit
    /// A connection was reset on the way.
    case connectionReset
    /// An attempt to connect was refused.
    case connectRefused
    /// An attempt to connect was never answered.
    case connectBlackHole
    /// The proxy was cut off from a server.
    case partition
    /// A server went down.
    case serverCrash
    /// A server closed a connection that waited in a pool.
    case idleClose
    /// A server answered with an error status.
    case errorStatus
    /// A server sent what is not an answer.
    case malformedAnswer
    /// A server ended an answer in the middle, in order.
    case answerCut
    /// A server reset the connection in the middle of an answer.
    case answerReset
    /// A server left out `[DONE]`.
    case doneMissing
    /// A server stopped sending and kept the connection.
    case answerStalled
    /// A server closed its connection instead of answering.
    case closedBeforeAnswer
    /// A server answered late.
    case slowAnswer
    /// The n-th operation of a run failed on purpose.
    case chosenOperation
    /// A caller read slowly.
    case slowReader
    /// A caller stopped reading.
    case deafReader
    /// A caller left in the middle.
    case callerLeft
    /// A caller closed its sending side behind the request.
    case callerHalfClosed
    /// A caller sent its body in small pieces.
    case bodyDribbled
    /// A caller stopped in the middle of its body.
    case bodyAbandoned
    /// A caller wrote requests behind one another.
    case pipelined
    /// A caller sent what is not a request.
    case malformedRequest
    /// The configuration changed.
    case reload
    /// The process was told to stop.
    case drain
    /// The process ended what was left.
    case cutOff
    /// A policy engine was asked, and nobody was there.
    case policyEngineDown
    /// A policy engine was asked and never answered.
    case policyEngineMute
    /// A policy engine said that it failed.
    case policyEngineFailed
}

/// How often each kind of fault was injected.
package struct FaultCounts: Sendable, Hashable {
    private var counts = [Int](repeating: 0, count: FaultKind.allCases.count)

    /// None yet.
    package init() {}

    /// How often `kind` was injected.
    package subscript(kind: FaultKind) -> Int { counts[kind.rawValue] }

    /// The kinds that were injected at all.
    package var distinct: [FaultKind] { FaultKind.allCases.filter { self[$0] > 0 } }

    /// Counts one more.
    mutating func count(_ kind: FaultKind) { counts[kind.rawValue] += 1 }

    /// Adds those of another run.
    package mutating func add(_ other: FaultCounts) {
        for i in counts.indices { counts[i] += other.counts[i] }
    }
}
