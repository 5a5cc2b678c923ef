// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Points on a circle of 64-bit hashes; a key belongs to the first point behind its own hash.
///
/// An endpoint's points depend on its authority alone, so an endpoint that comes or goes moves
/// only the keys of its own points. Points number 160 for each unit of weight; when that would be
/// more than `Limits.ringPoints`, every endpoint keeps the first half of its points, or a
/// quarter, and so on, at least one.
///
/// **Source** Karger et al., "Consistent Hashing and Random Trees", STOC 1997.
struct HashRing: Sendable {
    private var hashes: [UInt64] = []
    private var owners: [Int32] = []

    /// The ring of endpoints with `authorities`, `weights` (above 0) and `slots`.
    ///
    /// **Complexity** O(p log p) for p points.
    init(authorities: [String], weights: [Int32], slots: [Int32]) {
        let all = weights.reduce(0) { $0 + Int($1) } * Limits.ringPointsPerWeight
        var shift = 0
        while all >> shift > Limits.ringPoints { shift += 1 }
        var points: [(hash: UInt64, owner: Int32)] = []
        points.reserveCapacity(all >> shift + slots.count)
        for i in slots.indices {
            let own = StableHash.of(utf8: authorities[i])
            let count = max(1, (Int(weights[i]) * Limits.ringPointsPerWeight) >> shift)
            for point in 0..<count {
                let step = UInt64(point) &* 0x9E37_79B9_7F4A_7C15
                points.append((StableHash.mix(own &+ step), slots[i]))
            }
        }
        points.sort { ($0.hash, $0.owner) < ($1.hash, $1.owner) }
        hashes = points.map(\.hash)
        owners = points.map(\.owner)
    }

    /// Count of points.
    var count: Int { hashes.count }

    /// The place of the point that `hash` belongs to. There is at least one.
    ///
    /// **Complexity** O(log points).
    func place(of hash: UInt64) -> Int {
        var low = 0
        var high = hashes.count
        while low < high {
            let middle = (low &+ high) / 2
            if hashes[middle] < hash { low = middle &+ 1 } else { high = middle }
        }
        return low == hashes.count ? 0 : low
    }

    /// The slot that owns the point at `place`, counted on around the circle.
    func owner(at place: Int) -> Int32 { owners[place % owners.count] }
}
