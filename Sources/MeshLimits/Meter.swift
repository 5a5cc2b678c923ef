// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshSnapshot

/// One limit as one event loop counts it.
struct Meter: Sendable {
    /// What is counted; nil when no snapshot has the limit any more and the place is free.
    var limit: Limit?
    /// What of it belongs to this loop.
    var allowance: Allowance
    /// What is left, by key.
    var table: BucketTable
    /// What happened since the tally was last taken.
    var tally = LimitTally()
    /// Rises when the place is given to another limit.
    var generation: UInt32 = 0
}

/// What happened at one limit: counts that are added up elsewhere.
package struct LimitTally: Sendable, Hashable {
    /// Requests that it let in.
    package var admitted: UInt64 = 0
    /// Requests that it refused.
    package var refused: UInt64 = 0
    /// Requests that it would have refused, were it not an audit.
    package var audited: UInt64 = 0
    /// What was taken before an answer, in the limit's unit.
    package var reserved: UInt64 = 0
    /// What was used in the end, in the limit's unit.
    package var settled: UInt64 = 0
    /// Buckets that were forgotten before they were full again.
    package var evicted: UInt64 = 0

    /// Nothing happened.
    package init() {}
}

/// How a limit stands on one event loop.
package struct LimitStatistics: Sendable, Hashable {
    /// The limit.
    package var limit: Limit
    /// Keys that are kept apart at present.
    package var keys: Int
    /// What is left, when nothing is counted apart; nil otherwise.
    package var level: Int64?
}
