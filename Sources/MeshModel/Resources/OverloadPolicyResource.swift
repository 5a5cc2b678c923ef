// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// An `OverloadPolicy`: how many requests its Backends work on at once, and who waits.
package struct OverloadPolicyResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// What it applies to, in its own namespace.
    package var targets: [Reference]
    /// `concurrency`, each absent part nil.
    package var concurrency: Concurrency
    /// `queue`, each absent part nil.
    package var queue: Queue
    /// Its priorities.
    package var priorities: [PriorityText]

    /// How many requests at once.
    package struct Concurrency: Hashable, Sendable {
        /// A number that does not change.
        package var limit: Located<Int>?
        /// Never fewer.
        package var least: Located<Int>?
        /// Never more.
        package var most: Located<Int>?
        /// At the beginning.
        package var first: Located<Int>?
        /// In percent of the time without load.
        package var tolerancePercent: Located<Int>?
        /// Tolerated above that.
        package var slack: Located<Nanoseconds>?
    }

    /// Who waits, and for how long.
    package struct Queue: Hashable, Sendable {
        /// How many.
        package var length: Located<Int>?
        /// The longest.
        package var timeout: Located<Nanoseconds>?
        /// The longest while the queue never gets empty.
        package var target: Located<Nanoseconds>?
    }

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        targets = (spec?.elements("targetRefs") ?? []).compactMap { Reference($0) }
        let concurrency = spec?["concurrency"]
        self.concurrency = Concurrency(
            limit: concurrency?.integer("limit"), least: concurrency?.integer("min"),
            most: concurrency?.integer("max"), first: concurrency?.integer("initial"),
            tolerancePercent: concurrency?.integer("tolerancePercent"),
            slack: concurrency?.duration("slack"))
        let queue = spec?["queue"]
        self.queue = Queue(
            length: queue?.integer("length"), timeout: queue?.duration("timeout"),
            target: queue?.duration("target"))
        priorities = (spec?.elements("priorities") ?? []).compactMap { PriorityText($0) }
    }
}

/// One priority as it was written.
package struct PriorityText: Hashable, Sendable {
    /// Its name.
    package var name: Located<String>
    /// The number.
    package var priority: Located<Int>
    /// When it holds.
    package var condition: EmbeddedText?

    init?(_ cursor: Cursor) {
        guard let name = cursor.text("name"), let priority = cursor.integer("priority") else {
            return nil
        }
        self.name = name
        self.priority = priority
        condition = EmbeddedText(cursor["when"])
    }
}
