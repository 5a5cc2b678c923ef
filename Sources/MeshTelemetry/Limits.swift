// SPDX-License-Identifier: Apache-2.0

/// The bounds of this room. Reaching one is counted and shown on the metrics page, never silent.
package enum Limits {
    /// Most label sets of one kind (routes, models, backends) that one shard tells apart.
    /// Callers choose model names, so without a bound a caller could fill the memory.
    package static let seriesPerTable = 2_000

    /// Most pairs of (series, outcome) that one shard tells apart; a route rarely has over four.
    package static let variantsPerTable = 8_000

    /// Most mirrors that one shard tells apart; operators write them, callers do not.
    package static let mirrorsPerTable = 500

    /// Most arms of rollouts that one shard tells apart; operators write them, callers do not.
    package static let armsPerTable = 1_000

    /// Most stable error codes; they come from our own source, so there are far fewer.
    package static let errorCodes = 255

    /// Most bytes of one label value; longer ones are cut before they become part of a key.
    package static let labelBytes = 200

    /// Most bytes of one metrics page; series behind it are left out and the page says so.
    package static let pageBytes = 16 << 20

    /// Most bytes of a path in an access line.
    package static let loggedPathBytes = 1_024

    /// Most bytes of any other caller-chosen text in an access line.
    package static let loggedTextBytes = 256

    /// Most bytes of one access line: every text at its bound, each byte escaped to six, and the
    /// fixed parts. A line is always written whole.
    package static let accessLineBytes = 6 * (loggedPathBytes + 14 * loggedTextBytes) + 2_048

    /// Most hops of one receipt; labelled data is sent no further. Far more than retries and
    /// fallbacks of any sensible policy make.
    package static let receiptHops = 48

    /// Hops that a report names one by one.
    package static let reportedFindings = 1_000

    /// Most bytes of one text of a receipt: names of resources with their namespace fit in whole.
    package static let receiptTextBytes = 512

    /// Most bytes of a caller's own request id.
    package static let requestIDBytes = 128

    /// Most members of a `tracestate`. **Source**: W3C Trace Context §3.3.1.1.
    package static let traceStateMembers = 32
}
