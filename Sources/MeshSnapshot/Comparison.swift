// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// How the answers of mirrors are compared with those that callers get.
///
/// An object, so that rules and models without one carry one word for it.
package final class Comparison: Sendable, Hashable {
    /// The share of copies whose answers are compared; 0 to 100.
    package let percent: Int
    /// Bytes of each answer that are read; a longer one is not compared.
    package let answerBytesMax: Int
    /// Copies of one mirror with comparison that may be on their way at once on one event loop.
    package let concurrentMax: Int
    /// How long a mirror may take for its whole answer.
    package let timeout: Nanoseconds
    /// How it is measured how much two texts mean the same; nil when it is not.
    package let similarity: Similarity?

    /// How it is measured how much two texts mean the same.
    package struct Similarity: Sendable, Hashable {
        /// Who says it; index into `Snapshot.embedders`.
        package var embedder: Int
        /// The share of compared pairs that it is asked about; 1 to 100.
        package var percent: Int
        /// Questions a minute of the whole process, on average: after a pause an event loop may ask
        /// a few at once.
        package var perMinute: Int

        /// `embedder` asked about `percent` of the pairs, and `perMinute` times on average.
        package init(embedder: Int, percent: Int, perMinute: Int) {
            self.embedder = embedder
            self.percent = percent
            self.perMinute = perMinute
        }
    }

    /// A comparison of the given parts.
    package init(
        percent: Int, answerBytesMax: Int = 256 * 1024, concurrentMax: Int = 16,
        timeout: Nanoseconds = .seconds(60), similarity: Similarity? = nil
    ) {
        self.percent = percent
        self.answerBytesMax = answerBytesMax
        self.concurrentMax = concurrentMax
        self.timeout = timeout
        self.similarity = similarity
    }

    package static func == (a: Comparison, b: Comparison) -> Bool {
        a === b
            || (a.percent == b.percent && a.answerBytesMax == b.answerBytesMax
                && a.concurrentMax == b.concurrentMax && a.timeout == b.timeout
                && a.similarity == b.similarity)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(percent)
        hasher.combine(answerBytesMax)
        hasher.combine(concurrentMax)
        hasher.combine(timeout)
        hasher.combine(similarity)
    }
}

/// A Model that turns texts into vectors for comparisons.
package struct Embedder: Sendable, Hashable {
    /// `namespace/name` of the Model.
    package var name: String
    /// What serves it.
    package var targets: [ModelTarget]

    /// The Model called `name` with its `targets`.
    package init(name: String, targets: [ModelTarget]) {
        self.name = name
        self.targets = targets
    }
}
