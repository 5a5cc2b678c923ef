// SPDX-License-Identifier: Apache-2.0

/// Splits series by a second, small label (a status, an error code) without hashing.
///
/// Each owner has a chain of the variants it has seen, in the order of first sight. The first is
/// nearly always the one asked for (200), so a lookup is one comparison. Number 0 is what all
/// owners share once the table is full.
package struct VariantTable: Hashable, Sendable {
    /// The variants by number; the first is the overflow.
    package private(set) var entries: [Entry] = [Entry(owner: 0, variant: 0, next: 0)]
    /// Lookups that were answered with the overflow.
    package private(set) var dropped: UInt64 = 0
    private var heads: [Int32] = []
    private let limit: Int

    /// One variant of one owner.
    package struct Entry: Hashable, Sendable {
        /// The number of the series it belongs to.
        package let owner: Int32
        /// The second label, packed by the user of the table.
        package let variant: UInt32
        /// The owner's next variant; 0 ends the chain.
        fileprivate(set) var next: Int32
    }

    /// A table of at most `limit` variants.
    package init(limit: Int) { self.limit = limit }

    /// Makes room for owners below `owners`.
    package mutating func grow(to owners: Int) {
        while heads.count < owners { heads.append(0) }
    }

    /// The number of `variant` of `owner`, a new one if need be, or 0 when the table is full.
    @inline(__always)
    package mutating func number(of variant: UInt32, owner: Int) -> Int {
        let head = Int(heads[owner])
        if head != 0, entries[head].variant == variant { return head }
        return search(variant, owner: owner, bounded: true)
    }

    /// Takes over the variants of `other`, whose owners have the numbers `owners` here and whose
    /// variants mean `translate` here. Answers the numbers here by the numbers there; it drops
    /// nothing, as `SeriesTable.merge`.
    package mutating func merge(
        _ other: VariantTable, owners: [Int], translate: (UInt32) -> UInt32
    ) -> [Int] {
        dropped = dropped.addingSaturated(other.dropped)
        var numbers = [0]
        for entry in other.entries.dropFirst() {
            let owner = owners[Int(entry.owner)]
            numbers.append(search(translate(entry.variant), owner: owner, bounded: false))
        }
        return numbers
    }

    private mutating func search(_ variant: UInt32, owner: Int, bounded: Bool) -> Int {
        var last = 0
        var cursor = Int(heads[owner])
        while cursor != 0 {
            if entries[cursor].variant == variant { return cursor }
            last = cursor
            cursor = Int(entries[cursor].next)
        }
        guard !bounded || entries.count <= limit else {
            dropped &+= 1
            return 0
        }
        let number = entries.count
        entries.append(Entry(owner: Int32(owner), variant: variant, next: 0))
        if last == 0 { heads[owner] = Int32(number) } else { entries[last].next = Int32(number) }
        return number
    }
}
