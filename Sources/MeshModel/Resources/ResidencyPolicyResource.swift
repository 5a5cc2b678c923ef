// SPDX-License-Identifier: Apache-2.0

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
    /// Where it is written.
    package var place: Place

    init(_ cursor: Cursor) {
        header = cursor.text("header")
        expression = EmbeddedText(cursor["expression"])
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
    /// Where it is written.
    package var place: Place

    init(_ cursor: Cursor?, at place: Place) {
        anywhere = cursor?.boolean("anywhere")
        regions = cursor?["regions"].map { $0.elements.compactMap(\.text) }
        jurisdictions = cursor?["jurisdictions"].map { $0.elements.compactMap(\.text) }
        providers = cursor?["providers"].map { $0.elements.compactMap(\.text) }
        self.place = cursor?.place ?? place
    }
}
