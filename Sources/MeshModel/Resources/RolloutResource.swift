// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// A `Rollout`: how a canary takes over.
package struct RolloutResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// Whose weighted targets are shifted.
    package var target: Reference?
    /// One rule of a route, or nil for all that have both targets.
    package var section: Located<String>?
    /// The target that serves now.
    package var stable: Located<String>
    /// The target that is to take its place.
    package var canary: Located<String>
    /// The steps.
    package var steps: [Step]
    /// What must hold, in the order of the shapes.
    package var checks: [Check]
    /// `analysis.confidence`, in millionths of a percent.
    package var confidence: Located<Int64>?
    /// `analysis.window`.
    package var window: Located<Nanoseconds>?
    /// `onFailure`.
    package var onFailure: String?
    /// `inconclusiveAfter`.
    package var inconclusiveAfter: Nanoseconds?
    /// `onInconclusive`.
    package var onInconclusive: String?

    /// One step.
    package struct Step: Hashable, Sendable {
        /// The canary's share in percent.
        package var weight: Int
        /// How long it lasts at least.
        package var hold: Nanoseconds
        /// Requests that the canary must have had.
        package var requestsMin: Int
        /// Whether a person says when it is over.
        package var isManual: Bool
        /// Where it is written.
        package var place: Place

        init(_ cursor: Cursor) {
            weight = cursor.integer("weight")?.value ?? 0
            hold = cursor.duration("hold")?.value ?? .zero
            requestsMin = cursor.integer("minRequests")?.value ?? 0
            isManual = cursor.boolean("pause")?.value ?? false
            place = cursor.place
        }
    }

    /// One check as it was written; each absent bound is nil.
    package struct Check: Hashable, Sendable {
        /// The name of its field: `errors`, `latency`, …
        package var name: String
        /// `percentile`.
        package var percentile: Int?
        /// `maxIncrease`, in millionths of a percentage point.
        package var increase: Int64?
        /// `percentOfStable`.
        package var percentOfStable: Int?
        /// `max` as a number, in millionths.
        package var bound: Int64?
        /// `max` as a duration.
        package var time: Nanoseconds?
        /// `minSamples`.
        package var samplesMin: Int?
        /// Where it is written.
        package var place: Place

        init(_ name: String, _ cursor: Cursor) {
            self.name = name
            percentile = cursor.integer("percentile")?.value
            increase = cursor.millionths("maxIncrease")?.value
            percentOfStable = cursor.integer("percentOfStable")?.value
            bound = cursor.millionths("max")?.value
            time = cursor.duration("max")?.value
            samplesMin = cursor.integer("minSamples")?.value
            place = cursor.place
        }
    }

    /// The names of checks, in the order in which they are made.
    private static let names = ["errors", "timeToFirstToken", "latency", "tokens", "cost"]

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        let nowhere = Located("", at: metadata.place)
        target = Reference(spec?["targetRef"])
        section = spec?["targetRef"]?.text("sectionName")
        stable = spec?.text("stable") ?? nowhere
        canary = spec?.text("canary") ?? nowhere
        steps = (spec?.elements("steps") ?? []).map { Step($0) }
        let analysis = spec?["analysis"]
        checks = Self.names.compactMap { name in analysis?[name].map { Check(name, $0) } }
        confidence = analysis?.millionths("confidence")
        window = analysis?.duration("window")
        onFailure = spec?.text("onFailure")?.value
        inconclusiveAfter = spec?.duration("inconclusiveAfter")?.value
        onInconclusive = spec?.text("onInconclusive")?.value
    }
}
