// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshPolicy

/// Index into `Snapshot.stickyKeys`.
package typealias StickyKeyID = Int32

/// What callers are told apart by, where each is to keep its target of several.
///
/// An object, as access rules are: an expression has too many parts to be copied for each request.
package final class StickyKey: Sendable {
    /// The expression, over facts that are known with the head.
    package let program: Program
    /// Whether it reads who the caller is, which a model's own providers find out late.
    package let readsCaller: Bool

    /// The key that `program` gives, which was compiled with `layout`.
    package init(_ program: Program, layout: FactLayout) {
        self.program = program
        readsCaller = program.slots.contains { slot in
            guard let fact = Fact(rawValue: layout.slots[slot].fact) else { return false }
            return fact.knownBy != nil && fact.knownBy != .certificates
        }
    }
}

/// How the targets of a rule or model are shared out so that each caller keeps its own.
///
/// A target is known by its name and not by its place or weight, so that neither a new order nor a
/// new weight is a new target. The owner's name is in every hash: that two of them have the same
/// callers in their small shares would make the same few the testers of everything.
package final class Sticky: Sendable, Hashable {
    /// What callers are told apart by.
    package let key: StickyKeyID
    /// `Kind/namespace/name` of the route or Model whose targets these are.
    package let owner: String
    /// The expression, as it is written.
    package let by: String
    /// What the hash of a caller begins with.
    package let salt: UInt64
    /// What each target is known by.
    package let seeds: [UInt64]

    /// The targets of `owner` called `targets`, shared out by `key`, which is written as `by`.
    ///
    /// **Shape** `targets` has an element for each target, in their order; the same name may stand
    /// there more than once.
    package init(key: StickyKeyID, by: String, owner: String, targets: [String]) {
        self.key = key
        self.by = by
        self.owner = owner
        salt = StableHash.of(utf8: owner)
        var ordinals: [String: Int] = [:]
        var seeds: [UInt64] = []
        for target in targets {
            let ordinal = ordinals[target, default: 0]
            ordinals[target] = ordinal + 1
            seeds.append(StableHash.of(utf8: ordinal == 0 ? target : "\(target)#\(ordinal)"))
        }
        self.seeds = seeds
    }

    package static func == (a: Sticky, b: Sticky) -> Bool {
        a === b || (a.key == b.key && a.salt == b.salt && a.seeds == b.seeds && a.by == b.by)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(key)
        hasher.combine(salt)
        hasher.combine(seeds)
    }
}
