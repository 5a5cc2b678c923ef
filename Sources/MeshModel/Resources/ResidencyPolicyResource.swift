// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// A `ResidencyPolicy`: which data carries a label, and where such data may go.
package struct ResidencyPolicyResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// The label that it is about.
    package var label: Located<String>
    /// What a request that carries the label is known by.
    package var sources: [LabelSourceText]
    /// What gives the label to every request for it.
    package var targets: [Reference]
    /// Where the data may go.
    package var allow: ResidencyAllowText

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        label = spec?.text("label") ?? Located("", at: metadata.place)
        sources = (spec?.elements("sources") ?? []).map { LabelSourceText($0) }
        targets = (spec?.elements("targetRefs") ?? []).compactMap { Reference($0) }
        allow = ResidencyAllowText(spec?["allow"], at: metadata.place)
    }
}

/// One way of knowing a request that carries a label, as it was written.
package struct LabelSourceText: Hashable, Sendable {
    /// A header that lists labels, or nil.
    package var header: Located<String>?
    /// An expression, or nil.
    package var expression: EmbeddedText?
    /// Collections of a vector store, or nil.
    package var collections: [Located<String>]?
    /// Where in a path a collection is named, or nil for the default.
    package var collectionPath: Located<String>?
    /// A service that reads the text, or nil.
    package var classifier: ClassifierText?
    /// Where it is written.
    package var place: Place

    init(_ cursor: Cursor) {
        header = cursor.text("header")
        expression = EmbeddedText(cursor["expression"])
        collections = cursor["collections"].map { $0.elements.compactMap(\.text) }
        collectionPath = cursor.text("collectionPath")
        classifier = cursor["classifier"].map { ClassifierText($0) }
        place = cursor.place
    }

    /// How many of the ways to know a request it names.
    package var wayCount: Int {
        [header != nil, expression != nil, collections != nil, classifier != nil].count { $0 }
    }
}

/// A service that reads the text of requests and answers with labels, as it was written.
package struct ClassifierText: Hashable, Sendable {
    /// Where it is reached.
    package var backend: Reference?
    /// The path that it is asked at.
    package var path: Located<String>?
    /// How long its answer is waited for.
    package var timeout: Located<Nanoseconds>?
    /// How long an answer is good for the same text; nil when none is kept.
    package var ttl: Located<Nanoseconds>?
    /// Answers that one event loop keeps.
    package var entries: Int?
    /// Where it is written.
    package var place: Place

    init(_ cursor: Cursor) {
        backend = Reference(cursor["backendRef"])
        path = cursor.text("path")
        timeout = cursor.duration("timeout")
        ttl = cursor["cache"]?.duration("ttl")
        entries = cursor["cache"]?.integer("entries")?.value
        place = cursor.place
    }
}

/// Where data may go, as it was written.
package struct ResidencyAllowText: Hashable, Sendable {
    /// Whether it may go everywhere.
    package var anywhere: Located<Bool>?
    /// The regions, or nil.
    package var regions: [Located<String>]?
    /// The jurisdictions, or nil.
    package var jurisdictions: [Located<String>]?
    /// The providers, or nil.
    package var providers: [Located<String>]?
    /// The evidence that an endpoint must have, or nil.
    package var attestation: Attestation?
    /// Where it is written.
    package var place: Place

    /// The evidence that an endpoint must have.
    package struct Attestation: Hashable, Sendable {
        /// The AttestationVerifiers whose word counts.
        package var verifiers: [Located<String>]
        /// Measurements of which the evidence must have one, or nil.
        package var measurements: [Located<String>]?
    }

    init(_ cursor: Cursor?, at place: Place) {
        anywhere = cursor?.boolean("anywhere")
        regions = cursor?["regions"].map { $0.elements.compactMap(\.text) }
        jurisdictions = cursor?["jurisdictions"].map { $0.elements.compactMap(\.text) }
        providers = cursor?["providers"].map { $0.elements.compactMap(\.text) }
        attestation = cursor?["attestation"].map { attestation in
            Attestation(
                verifiers: attestation.texts("verifiers"),
                measurements: attestation["measurements"].map { $0.elements.compactMap(\.text) })
        }
        self.place = cursor?.place ?? place
    }
}
