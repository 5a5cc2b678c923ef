// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshLimits

/// Tells a caller how it stands at its limits, in the header fields that OpenAI clients read.
///
/// The amount is the whole one; what remains is the share of this connection's event loop, which
/// is what the next request on it meets.
///
/// **Source** "Rate limits in headers" of the OpenAI API guide: numbers, and the time until the
/// limit is unused again as `6m0s`, `1s` or `120ms`.
enum QuotaFields {
    /// Appends the lines for what `quota` knows.
    static func append(_ quota: Quota, to out: inout [UInt8]) {
        if let line = quota.requests { append(line, "requests: ", to: &out) }
        if let line = quota.tokens { append(line, "tokens: ", to: &out) }
    }

    /// The names of the fields that `append` brings.
    static func names(_ quota: Quota) -> [[UInt8]] {
        switch (quota.requests != nil, quota.tokens != nil) {
        case (false, false): []
        case (true, false): requestNames
        case (false, true): tokenNames
        case (true, true): allNames
        }
    }

    private static let requestNames = names(of: "requests")
    private static let tokenNames = names(of: "tokens")
    private static let allNames = requestNames + tokenNames

    private static func names(of kind: String) -> [[UInt8]] {
        ["limit", "remaining", "reset"].map { Array("x-ratelimit-\($0)-\(kind)".utf8) }
    }

    private static func append(
        _ line: Quota.Line, _ kind: StaticString, to out: inout [UInt8]
    ) {
        out.append("x-ratelimit-limit-")
        out.append(kind)
        out.appendDecimal(Int(line.amount))
        out.append("\r\nx-ratelimit-remaining-")
        out.append(kind)
        out.appendDecimal(Int(line.remaining))
        out.append("\r\nx-ratelimit-reset-")
        out.append(kind)
        out.append(duration: line.reset)
        out.append("\r\n")
    }
}

extension Nanoseconds {
    /// The length in whole seconds, rounded up, at least 1.
    var wholeSeconds: Int64 { max(1, (rawValue - 1) / 1_000_000_000 + 1) }
}

extension [UInt8] {
    /// Appends a length of time as `120ms`, `34s`, `6m0s` or `3h12m0s`, rounded up.
    mutating func append(duration: Nanoseconds) {
        let milliseconds = duration.rawValue <= 0 ? 0 : (duration.rawValue - 1) / 1_000_000 + 1
        if milliseconds < 1_000 {
            appendDecimal(Int(milliseconds))
            append("ms")
            return
        }
        let seconds = Int((milliseconds - 1) / 1_000 + 1)
        if seconds >= 3_600 {
            appendDecimal(seconds / 3_600)
            append("h")
        }
        if seconds >= 60 {
            appendDecimal(seconds / 60 % 60)
            append("m")
        }
        appendDecimal(seconds % 60)
        append("s")
    }
}
