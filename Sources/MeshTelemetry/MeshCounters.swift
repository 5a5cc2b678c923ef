// SPDX-License-Identifier: Apache-2.0

/// Counts of a shard that have no labels of their own; the shard adds to them where things
/// happen. Gauges go up and down, so they are signed.
package struct MeshCounters: Hashable, Sendable {
    /// Exchanges between their first byte read and their last byte written.
    package var activeRequests: Int64 = 0
    /// Caller connections with an exchange on them.
    package var downstreamActive: Int64 = 0
    /// Caller connections that wait for the next request.
    package var downstreamIdle: Int64 = 0
    /// Upstream connections with an exchange on them.
    package var upstreamActive: Int64 = 0
    /// Upstream connections kept for the next request.
    package var upstreamIdle: Int64 = 0
    /// Caller connections accepted.
    package var downstreamOpened: UInt64 = 0
    /// Upstream connections made.
    package var upstreamOpened: UInt64 = 0
    /// Retries not made because the budget was used up.
    package var retryBudgetExhausted: UInt64 = 0
    /// Exchanges whose upstream did not say how many tokens it used.
    package var usageMissing: UInt64 = 0
    /// Exchanges that the caller left before the end.
    package var clientAborts: UInt64 = 0
    /// Requests and caller connections of HTTP/2 that were ended because they break it.
    package var downstreamMalformed: UInt64 = 0
    /// Access lines not written because the writer was behind.
    package var accessLogDropped: UInt64 = 0
    /// Recorded exchanges not written because the disk was behind.
    package var recordingsDropped: UInt64 = 0
    /// Receipts of labelled data that were not written because the log could not keep up.
    package var receiptsDropped: UInt64 = 0

    /// How short the process is of memory, descriptors or room, from 0 to 5.
    package var pressure: Int64 = 0

    /// All zero.
    package init() {}

    /// Adds the counts of another shard.
    package mutating func merge(_ other: MeshCounters) {
        activeRequests &+= other.activeRequests
        downstreamActive &+= other.downstreamActive
        downstreamIdle &+= other.downstreamIdle
        upstreamActive &+= other.upstreamActive
        upstreamIdle &+= other.upstreamIdle
        downstreamOpened &+= other.downstreamOpened
        upstreamOpened &+= other.upstreamOpened
        retryBudgetExhausted &+= other.retryBudgetExhausted
        usageMissing &+= other.usageMissing
        clientAborts &+= other.clientAborts
        downstreamMalformed &+= other.downstreamMalformed
        accessLogDropped &+= other.accessLogDropped
        recordingsDropped &+= other.recordingsDropped
        pressure = max(pressure, other.pressure)
        receiptsDropped &+= other.receiptsDropped
    }
}
