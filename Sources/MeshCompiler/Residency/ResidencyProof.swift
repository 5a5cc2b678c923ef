// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// Whether labelled data stays where it may be, for every path that a configuration has.
///
/// A request that carries a label can only go where some listener, rule, model and backend lead,
/// and of those there are finitely many. All of them are walked, and each endpoint at an end is
/// held against what the policies say. Nothing of what the request path decides by is believed:
/// places are judged from the written policies again, and the gates and labels that the compiler
/// made for proxies are checked as if somebody else had made them.
///
/// It is enough to look at each label by itself: a request with several may go where each of them
/// may go, and so leaves its place only if one of them does.
package struct ResidencyProof: Sendable {
    /// What is proved about, one for each label.
    package var labels: [Label] = []
    /// Paths that were walked.
    package private(set) var pathCount = 0
    /// Paths that lead where the data may be.
    package private(set) var allowedCount = 0
    /// Paths that lead elsewhere and that proxies refuse to go.
    package private(set) var stoppedCount = 0
    /// Every path, as far as `Limits.listedPaths` reaches.
    package private(set) var paths: [ResidencyPath] = []
    /// Paths that lead where the data may not be, those that proxies would really go first, then
    /// the shortest first.
    package private(set) var counterexamples: [ResidencyPath] = []
    /// Whether paths that proxies refuse to go are no counter-examples.
    package let reliesOnFilter: Bool
    /// When the first evidence that the proof rests on ends, or nil when it rests on none.
    package private(set) var holdsUntil: WallTime?

    /// A label, and what is taken for granted about it.
    package struct Label: Hashable, Sendable {
        /// Its name.
        package var name: String
        /// Where its data may be, one line for each policy.
        package var places: [String]
        /// What gives it to requests.
        package var givers: [String]
    }

    /// The proof for `snapshot` at `time`. With `reliesOnFilter`, paths that proxies refuse to go
    /// are no counter-examples.
    ///
    /// **Complexity** O(paths).
    package static func of(
        _ snapshot: Snapshot, at time: WallTime, reliesOnFilter: Bool = false
    ) -> ResidencyProof {
        var proof = ResidencyProof(reliesOnFilter: reliesOnFilter)
        var prover = ResidencyProver(snapshot, at: time)
        proof.labels = snapshot.residency.labels.indices.map { prover.label($0) }
        prover.visit { proof.take($0) }
        proof.counterexamples.sort { $0.order < $1.order }
        proof.holdsUntil = prover.holdsUntil
        return proof
    }

    /// Whether there is a label and no counter-example.
    package var isProved: Bool { !labels.isEmpty && counterexamples.isEmpty }

    private init(reliesOnFilter: Bool) { self.reliesOnFilter = reliesOnFilter }

    private mutating func take(_ path: ResidencyPath) {
        pathCount += 1
        if paths.count < Limits.listedPaths { paths.append(path) }
        switch path.verdict {
        case .allowed:
            allowedCount += 1
            return
        case .stopped:
            stoppedCount += 1
            if reliesOnFilter { return }
        case .escapes, .mistake: break
        }
        if counterexamples.count < Limits.counterexamples {
            counterexamples.append(path)
        } else if let worst = counterexamples.indices.max(by: { a, b in
            counterexamples[a].order < counterexamples[b].order
        }), path.order < counterexamples[worst].order {
            counterexamples[worst] = path
        }
    }
}

/// One way that a labelled request can take, from a listener to an endpoint.
package struct ResidencyPath: Hashable, Sendable {
    /// The label.
    package var label: String
    /// What the request meets, in order.
    package var steps: [String]
    /// What is to be thought of it.
    package var verdict: Verdict
    /// Why, in words; empty when it is allowed.
    package var reason: String

    /// What is to be thought of a path.
    package enum Verdict: String, Hashable, Sendable {
        /// The data may be at its end.
        case allowed
        /// The data may not be at its end, and proxies refuse to go there.
        case stopped
        /// The data may not be at its end, and proxies would go there.
        case escapes
        /// What proxies decide by contradicts the policies or itself.
        case mistake
    }

    /// The worst first, then the shortest, then by name.
    var order: Order {
        let rank =
            switch verdict {
            case .escapes: 0
            case .mistake: 1
            case .stopped: 2
            case .allowed: 3
            }
        return Order(rank: rank, length: steps.count, text: steps)
    }

    struct Order: Comparable {
        var rank: Int
        var length: Int
        var text: [String]

        static func < (a: Order, b: Order) -> Bool {
            if (a.rank, a.length) != (b.rank, b.length) {
                return (a.rank, a.length) < (b.rank, b.length)
            }
            return a.text.lexicographicallyPrecedes(b.text)
        }
    }
}

/// The bounds of a proof's report. The proof itself walks every path.
private enum Limits {
    /// Paths that are kept to be listed.
    static let listedPaths = 10_000
    /// Counter-examples that are kept, of which most people want one.
    static let counterexamples = 100
}
