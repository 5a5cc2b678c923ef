// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Index into `Snapshot.usageLimits`.
package typealias LimitID = Int32

/// One limit of one LimitPolicy: how much of what may be used, in which time, counted apart by
/// what.
///
/// One limit is one amount, whatever it is attached to: a policy with two targets counts both
/// together.
package struct Limit: Sendable, Hashable {
    /// `namespace/name` of the LimitPolicy.
    package let policy: String
    /// Its name within the policy.
    package let name: String
    /// What is counted.
    package var unit: Unit
    /// How much comes back in each `period`, in whole units; money in trillionths. Above 0, at
    /// most `Limit.amountMax`.
    package var amount: Int64
    /// How much may be used at once when nothing was used for long; above 0, as `amount`.
    package var burst: Int64
    /// The time in which `amount` comes back; above 0, at most `Limit.periodMax`.
    package var period: Nanoseconds
    /// What is counted apart; empty for nothing.
    package var key: [KeyPart]
    /// Whether it only counts what it would refuse.
    package var isAudit: Bool
    /// How many keys one event loop keeps apart; above 0.
    package var keysMax: Int
    /// `policy/name`, as logs, metrics and refusals show it.
    package let label: String

    /// What is counted.
    package enum Unit: Sendable, Hashable {
        /// Requests that were sent on.
        case requests
        /// Tokens, those read and those written.
        case tokens
        /// Money, in trillionths of a unit of the currency.
        case cost(Currency)
    }

    /// A part of what is counted apart.
    package enum KeyPart: Sendable, Hashable {
        /// The address of the caller.
        case source
        /// The value of a header, its name in lower case; all requests without it are one.
        case header([UInt8])
        /// The model.
        case model
        /// Whom an IdentityProvider knows the caller by; all that are nobody are one.
        case identity
    }

    /// The largest amount or burst: a million units of currency in trillionths.
    package static let amountMax: Int64 = 1_000_000_000_000_000_000
    /// The longest period: 31 days.
    package static let periodMax = Nanoseconds.seconds(31 * 86_400)
    /// The most limits that one request meets.
    package static let perRequestMax = 16

    /// A limit of the given parts.
    package init(
        policy: String, name: String, unit: Unit, amount: Int64, burst: Int64? = nil,
        period: Nanoseconds, key: [KeyPart] = [], isAudit: Bool = false, keysMax: Int = 10_000
    ) {
        self.policy = policy
        self.name = name
        self.unit = unit
        self.amount = amount
        self.burst = burst ?? amount
        self.period = period
        self.key = key
        self.isAudit = isAudit
        self.keysMax = keysMax
        label = "\(policy)/\(name)"
    }

    /// Whether it can be counted only of requests that go to a model.
    package var needsModel: Bool { unit != .requests || key.contains(.model) }

    /// Whether what was counted for `other` still counts: the same things are counted apart by
    /// the same key under the same name.
    package func continues(_ other: Limit) -> Bool {
        label == other.label && unit == other.unit && key == other.key
    }
}
