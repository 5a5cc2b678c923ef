// SPDX-License-Identifier: Apache-2.0

/// Gives each label set a small dense number, once, and never more than a bound of them.
///
/// Number 0 stands for every label set that came after the table was full; it is shown with the
/// label value `other`. Lookups hash their labels, so a caller keeps the number it was given
/// (for the life of a configuration snapshot) and the request path uses nothing else.
package struct SeriesTable<Key: Hashable & Sendable>: Sendable {
    /// The label sets by number; the first is the overflow.
    package private(set) var keys: [Key]
    /// Lookups that were answered with the overflow.
    package private(set) var dropped: UInt64 = 0
    private var numbers: [Key: Int] = [:]
    private let limit: Int

    /// A table of at most `limit` label sets beside `overflow`.
    package init(overflow: Key, limit: Int) {
        self.keys = [overflow]
        self.numbers[overflow] = 0
        self.limit = limit
    }

    /// Count of numbers given out, the overflow included.
    package var count: Int { keys.count }

    /// The number of `key`, a new one if need be, or 0 when the table is full.
    package mutating func number(of key: Key) -> Int {
        if let known = numbers[key] { return known }
        guard keys.count <= limit else {
            dropped &+= 1
            return 0
        }
        return insert(key)
    }

    /// Takes over the labels of `other`.
    ///
    /// Each table is bounded, so their union is too; dropping here would make the sum depend on
    /// the order in which shards are merged. Answers the numbers here by the numbers there.
    package mutating func merge(_ other: SeriesTable) -> [Int] {
        dropped = dropped.addingSaturated(other.dropped)
        return other.keys.map { key in
            if let known = numbers[key] { return known }
            return insert(key)
        }
    }

    private mutating func insert(_ key: Key) -> Int {
        numbers[key] = keys.count
        keys.append(key)
        return keys.count - 1
    }
}
