// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshPolicy

/// Index into `AccessTable.engines`.
package typealias EngineID = Int32

/// One PolicyEngine: a service of somebody else that is asked whether a request may pass.
///
/// It is asked by a `custom` rule of an AccessPolicy, once a request, when everything that it is
/// told is known: so never later than the choice of a backend, and never again for a retry.
///
/// An object, as policies and rules are.
package final class PolicyEngine: Sendable {
    /// `namespace/name`.
    package let name: String
    /// How it is spoken to.
    package let speech: Speech
    /// Where it is reached.
    package let backend: BackendID
    /// How long its answer is waited for.
    package let timeout: Nanoseconds
    /// Whether a request passes that it gave no answer about.
    package let allowsOnFailure: Bool
    /// What a caller gets whose request is refused for want of an answer.
    package let statusOnFailure: Int
    /// What it is told beside the head: facts with their slots in the table's layout.
    package let facts: [Told]
    /// Which header fields it is told.
    package let headers: HeaderSelection
    /// Fields of its answer that go on to the backend, lower case; for `.extAuthzHTTP` only, as
    /// the others name them in what they say.
    package let upstreamHeaders: [[UInt8]]
    /// For how long and by what answers are kept, or nil.
    package let cache: Cache?
    /// When everything is known that it is told or that answers are kept by.
    package let stage: FactStage
    /// Whether something of that stands in the body.
    package let readsBody: Bool

    /// How an engine is spoken to.
    package enum Speech: Sendable, Hashable {
        /// `envoy.service.auth.v3.Authorization/Check`.
        case extAuthzGRPC
        /// A request like the caller's own, without its body, to a path behind this prefix.
        case extAuthzHTTP(pathPrefix: [UInt8])
        /// The data API of the Open Policy Agent at this path, `/v1/data/…`.
        case opa(path: [UInt8])
        /// Shown the text of a request at this path, it answers with data labels.
        case classifier(path: [UInt8])

        /// The word that an operator writes.
        package var label: String {
            switch self {
            case .extAuthzGRPC: "ExtAuthzGRPC"
            case .extAuthzHTTP: "ExtAuthzHTTP"
            case .opa: "OPA"
            case .classifier: "classifier"
            }
        }
    }

    /// A fact that it is told.
    package struct Told: Sendable, Hashable {
        /// The fact.
        package var fact: Fact
        /// Where it stands in a table of facts.
        package var slot: Int

        /// `fact`, which stands in `slot`.
        package init(fact: Fact, slot: Int) {
            self.fact = fact
            self.slot = slot
        }
    }

    /// Which header fields of a request it is told.
    package enum HeaderSelection: Sendable, Hashable {
        /// Every one that goes on to the backend.
        case all
        /// These, in lower case.
        case some([[UInt8]])
    }

    /// How its answers are kept.
    package struct Cache: Sendable {
        /// How long an answer is good.
        package var lifetime: Nanoseconds
        /// Answers that one event loop keeps.
        package var entriesMax: Int
        /// Requests for which all of these have the same values get the same answer.
        package var key: [Program]

        /// A cache of the given parts.
        package init(lifetime: Nanoseconds, entriesMax: Int, key: [Program]) {
            self.lifetime = lifetime
            self.entriesMax = entriesMax
            self.key = key
        }
    }

    /// An engine of the given parts; slots and programs are those of `layout`.
    package init(
        name: String, speech: Speech, backend: BackendID, timeout: Nanoseconds,
        allowsOnFailure: Bool = false, statusOnFailure: Int = 503, facts: [Told] = [],
        headers: HeaderSelection = .all, upstreamHeaders: [[UInt8]] = [], cache: Cache? = nil,
        layout: FactLayout
    ) {
        self.name = name
        self.speech = speech
        self.backend = backend
        self.timeout = timeout
        self.allowsOnFailure = allowsOnFailure
        self.statusOnFailure = statusOnFailure
        self.facts = facts
        self.headers = headers
        self.upstreamHeaders = upstreamHeaders
        self.cache = cache
        let keyed = (cache?.key ?? []).flatMap(\.slots).compactMap {
            Fact(rawValue: layout.slots[$0].fact)
        }
        let read = facts.map(\.fact) + keyed
        stage = read.map(\.stage).max() ?? .head
        readsBody = read.contains { $0.readsBody }
    }

    /// Whether answers of `other` are answers of this one: whether both would be told and asked
    /// the same.
    package func answersAlike(_ other: PolicyEngine) -> Bool {
        name == other.name && speech == other.speech && headers == other.headers
            && upstreamHeaders == other.upstreamHeaders
            && facts.map(\.fact) == other.facts.map(\.fact)
            && cache?.lifetime == other.cache?.lifetime
            && cache?.entriesMax == other.cache?.entriesMax
            && (cache?.key.map(\.text) ?? []) == (other.cache?.key.map(\.text) ?? [])
    }
}
