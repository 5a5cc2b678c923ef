// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// What one request has taken from the limits that it met, until it is settled or released.
///
/// It is a number that the ledger gave out; using it a second time is noticed and does nothing.
package struct Reservation: Sendable, Hashable {
    let head: Int32
    let serial: UInt32
}

/// What a request that was let in used in the end.
package struct Settlement: Sendable, Hashable {
    /// Tokens read and written, or nil when nobody said: then the estimate stands.
    package var tokens: UInt64?
    /// Money in trillionths, or nil as for tokens.
    package var cost: UInt64?

    /// A settlement of the given parts.
    package init(tokens: UInt64?, cost: UInt64?) {
        self.tokens = tokens
        self.cost = cost
    }
}

/// Why a request may not enter now.
package struct Denial: Sendable, Hashable {
    /// The limit that says no; of several the one that is longest in the way.
    package var limit: LimitID
    /// What the request needs there.
    package var needed: Int64
    /// What is left there; below 0 is debt.
    package var left: Int64
    /// How long until the request fits.
    package var wait: Nanoseconds
    /// How long until nothing of the limit is used.
    package var untilFull: Nanoseconds
}

/// What a request was told.
package enum Admission: Sendable, Hashable {
    /// It may enter; nil when nothing was taken.
    case admitted(Reservation?)
    /// It may not.
    case denied(Denial)
}

/// How a caller stands at the tightest limits that were met, by kind.
package struct Quota: Sendable, Hashable, Codable {
    /// Limits that count requests.
    package var requests: Line?
    /// Limits that count tokens.
    package var tokens: Line?

    /// One limit.
    package struct Line: Sendable, Hashable, Codable {
        /// The whole amount.
        package var amount: Int64
        /// What is left of this loop's share, 0 or above.
        package var remaining: Int64
        /// How long until nothing of it is used.
        package var reset: Nanoseconds
    }

    /// No limit was met.
    package init() {}

    /// Keeps `line` when it is tighter than what is known of its kind.
    mutating func note(_ line: Line, of unit: Limit.Unit) {
        switch unit {
        case .requests:
            if line.remaining < requests?.remaining ?? .max { requests = line }
        case .tokens:
            if line.remaining < tokens?.remaining ?? .max { tokens = line }
        case .cost: break
        }
    }
}
