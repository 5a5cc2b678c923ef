// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// The bounds of workloads and traces. Each is a mistake that is told when it is reached.
package enum WorkloadLimits {
    /// Characters of the text form of one workload.
    package static let textCharactersMax = 2000
    /// Workloads that are mixed.
    package static let workloadsMax = 64
    /// Requests a second of one workload.
    package static let rateMax = 1_000_000.0
    /// Users of one chat workload, who are kept in memory.
    package static let usersMax = 1_000_000
    /// Turns of one conversation.
    package static let turnsMax = 10_000
    /// Tokens of one prompt or answer.
    package static let tokensMax = 4_000_000
    /// Beginnings that prompts of one workload share.
    package static let prefixesMax = 100_000
    /// Quantiles of a length.
    package static let quantilesMax = 100
    /// The largest coefficient of variation; real traces reach 13.
    package static let variationMax = 100.0
    /// The steepest preference for the first prefixes.
    package static let skewMax = 10.0
    /// Bytes of a trace, unpacked.
    package static let traceBytesMax = 1 << 30
    /// Requests of a trace, which are kept in memory.
    package static let traceRequestsMax = 5_000_000
    /// Names of blocks in one line of a trace.
    package static let traceBlocksMax = 100_000
    /// The longest time between the first request of a trace and its last.
    package static let traceSpan = Nanoseconds.seconds(366 * 86_400)
}
