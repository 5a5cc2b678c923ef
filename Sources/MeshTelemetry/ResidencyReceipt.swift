// SPDX-License-Identifier: Apache-2.0

/// Where the labelled data of one exchange went: each endpoint that it was about to be sent to,
/// with where that is, under which policies.
///
/// It answers, from the records alone and long after, whether data of a label reached a place.
///
/// An object that never changes, because most records have none and should carry one word for it.
package final class ResidencyReceipt: Sendable {
    /// The labels that the request carried, sorted.
    package let labels: [String]
    /// `namespace/name@digest` of the policies about those labels.
    package let policies: [String]
    /// Every endpoint that the request was about to go to, in order.
    package let hops: [Hop]

    /// One endpoint that the request was about to go to.
    package struct Hop: Hashable, Sendable {
        /// Why it was to go there.
        package var kind: Kind
        /// The backend.
        package var backend: String
        /// The endpoint, `address:port`.
        package var endpoint: String
        /// Where it is said to be, or nil when nothing is.
        package var region: String?
        /// The jurisdictions that it is said to be subject to, as they were written, or nil.
        package var jurisdiction: String?
        /// The provider, or nil.
        package var provider: String?
        /// The evidence that let the data go there, or nil where none is asked for.
        package var attestation: String?
        /// Whether the request went out there; of a copy and of a question nobody knows, and they
        /// count as sent.
        package var wasSent: Bool

        /// Why a request is about to go somewhere.
        package enum Kind: UInt8, Hashable, Sendable, CaseIterable {
            /// The first attempt.
            case first
            /// Another attempt on the same target.
            case retry
            /// The first attempt on a fallback.
            case fallback
            /// Going on with an answer that broke off elsewhere.
            case resume
            /// A copy for a mirror.
            case mirror
            /// A question to a policy engine, which is told of the request.
            case engine
            /// The text of the request, shown to a classifier.
            case classifier

            /// The word in records.
            package var label: StaticString {
                switch self {
                case .first: "first"
                case .retry: "retry"
                case .fallback: "fallback"
                case .resume: "resume"
                case .mirror: "mirror"
                case .engine: "engine"
                case .classifier: "classifier"
                }
            }

            /// Whether it is an attempt, of which it is known whether it went out.
            var isAttempt: Bool {
                switch self {
                case .first, .retry, .fallback, .resume: true
                case .mirror, .engine, .classifier: false
                }
            }
        }

        /// A hop of the given parts.
        package init(
            kind: Kind, backend: String, endpoint: String, region: String? = nil,
            jurisdiction: String? = nil, provider: String? = nil, attestation: String? = nil
        ) {
            self.kind = kind
            self.backend = backend
            self.endpoint = endpoint
            self.region = region
            self.jurisdiction = jurisdiction
            self.provider = provider
            self.attestation = attestation
            wasSent = !kind.isAttempt
        }
    }

    /// A receipt of the given parts.
    package init(labels: [String], policies: [String], hops: [Hop] = []) {
        self.labels = labels
        self.policies = policies
        self.hops = hops
    }

    /// The receipt with `hop` behind the others, or nil when there is no room for it.
    package func adding(_ hop: Hop) -> ResidencyReceipt? {
        guard hops.count < Limits.receiptHops else { return nil }
        return ResidencyReceipt(labels: labels, policies: policies, hops: hops + [hop])
    }

    /// The receipt with the last attempt as one that went out.
    package func sent() -> ResidencyReceipt {
        guard let last = hops.lastIndex(where: { $0.kind.isAttempt }) else { return self }
        var hops = hops
        hops[last].wasSent = true
        return ResidencyReceipt(labels: labels, policies: policies, hops: hops)
    }
}
