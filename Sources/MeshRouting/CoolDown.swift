// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// That something takes no requests until a time, because its server said so.
///
/// One shard hears of it and tells the others: a provider that is asked by ten event loops should
/// not have to say it ten times.
package struct CoolDown: Hashable, Sendable {
    /// `namespace/name` of the backend.
    package var backend: String
    /// The endpoint that is meant, `address:port`; nil for all of them.
    package var authority: String?
    /// The upstream model that is meant; nil for all of them.
    package var model: [UInt8]?
    /// When it takes requests again.
    package var until: Instant

    /// A cool-down of the given parts.
    package init(
        backend: String, authority: String? = nil, model: [UInt8]? = nil, until: Instant
    ) {
        self.backend = backend
        self.authority = authority
        self.model = model
        self.until = until
    }
}

/// How a backend stands with an upstream model at one instant.
package enum Standing: Hashable, Sendable {
    /// It may be asked.
    case clear
    /// It asked for a pause; asking it earlier is no use.
    case cooling(until: Instant)
    /// So many requests failed in a row that it is left alone for a while.
    case broken(until: Instant)
    /// One request finds out at present whether it works again.
    case onTrial

    /// Whether nothing speaks against it.
    package var isClear: Bool { self == .clear }
}

/// Whether an attempt finds out for others if an endpoint, or an upstream model, works again.
package struct Trial: OptionSet, Hashable, Sendable {
    /// The parts as bits.
    package var rawValue: UInt8

    /// The trial with these bits.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Of the endpoint.
    package static let endpoint = Trial(rawValue: 1)
    /// Of the upstream model on its backend.
    package static let model = Trial(rawValue: 2)
}
