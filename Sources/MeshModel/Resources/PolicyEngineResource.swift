// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// A `PolicyEngine`: a service that AccessPolicies may ask.
package struct PolicyEngineResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// How it is spoken to; nil when what was written is none of them.
    package var speech: Located<Speech>?
    /// Where it is reached.
    package var backend: Reference?
    /// The path of the document, or what is put in front of every path.
    package var path: Located<String>?
    /// How long its answer is waited for.
    package var timeout: Located<Nanoseconds>?
    /// Whether a request passes that it gave no answer about.
    package var allowsOnFailure: Bool
    /// What a caller gets whose request is refused for want of an answer.
    package var statusOnError: Int?
    /// What it is told: facts, or groups of them; nil for the default.
    package var facts: [Located<String>]?
    /// The header fields that it is told; nil for the default.
    package var headers: [Located<String>]?
    /// Fields of its answer that go on to the backend; nil for none.
    package var upstreamHeaders: Located<[String]>?
    /// For how long and by what its answers are kept.
    package var cache: Cache?

    /// How an engine is spoken to.
    package enum Speech: String, Hashable, Sendable {
        /// Envoy's external authorisation over gRPC.
        case extAuthzGRPC = "ExtAuthzGRPC"
        /// Envoy's external authorisation over HTTP.
        case extAuthzHTTP = "ExtAuthzHTTP"
        /// The data API of the Open Policy Agent.
        case opa = "OPA"
    }

    /// How answers are kept.
    package struct Cache: Hashable, Sendable {
        /// How long an answer is good.
        package var ttl: Located<Nanoseconds>
        /// Answers that one event loop keeps.
        package var entries: Int?
        /// The expressions that tell requests apart.
        package var key: [EmbeddedText]
    }

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        speech = spec?.text("protocol").flatMap { text in
            Speech(rawValue: text.value).map { Located($0, at: text.place) }
        }
        backend = Reference(spec?["backendRef"])
        path = spec?.text("path")
        timeout = spec?.duration("timeout")
        allowsOnFailure = spec?.text("failureMode")?.value == "allow"
        statusOnError = spec?.integer("statusOnError")?.value
        facts = spec?["facts"].map { $0.elements.compactMap(\.text) }
        headers = spec?["headers"].map { $0.elements.compactMap(\.text) }
        upstreamHeaders = spec?["upstreamHeaders"].map { cursor in
            Located(cursor.elements.compactMap { $0.text?.value }, at: cursor.place)
        }
        cache = spec?["cache"].flatMap { cursor in
            guard let ttl = cursor.duration("ttl") else { return nil }
            return Cache(
                ttl: ttl, entries: cursor.integer("entries")?.value,
                key: cursor.elements("key").compactMap { EmbeddedText($0) })
        }
    }
}
