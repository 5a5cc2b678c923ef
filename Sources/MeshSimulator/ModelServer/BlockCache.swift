// SPDX-License-Identifier: Apache-2.0

/// The memory of an engine: blocks that are private to a job, pinned by jobs under a hash, or
/// idle under a hash and reclaimed in the order of least recent use.
///
/// Invariant: private + pinned + idle blocks never exceed `capacity`.
struct BlockCache: Sendable {
    /// Blocks in all.
    let capacity: Int
    /// Blocks that jobs hold and no hash names.
    private(set) var privateBlocks = 0
    /// Blocks that a hash names and at least one job holds.
    private(set) var pinnedBlocks = 0
    /// Blocks that a hash names and nobody holds.
    private(set) var idleBlocks = 0
    private var nodes: [Node] = []
    private var vacant: [Int32] = []
    private var index = BlockIndex()
    /// The idle block that has waited longest, and the one that has waited least; -1 for none.
    private var oldest: Int32 = -1
    private var newest: Int32 = -1

    private struct Node: Sendable {
        var hash: UInt64
        var holders: Int32
        var older: Int32 = -1
        var newer: Int32 = -1
    }

    init(capacity: Int) { self.capacity = capacity }

    /// Blocks that cannot be reclaimed.
    var used: Int { privateBlocks + pinnedBlocks }

    /// Count of leading hashes that are present, at most `limit`.
    func match(_ hashes: [UInt64], limit: Int) -> Int {
        var count = 0
        let end = Swift.min(hashes.count, limit)
        while count < end, index[hashes[count]] != nil { count += 1 }
        return count
    }

    /// Holds the first `count` of `hashes`, which are present.
    mutating func pin(_ hashes: [UInt64], count: Int) {
        for i in 0..<count {
            guard let node = index[hashes[i]] else { continue }
            hold(Int(node))
        }
    }

    /// Lets go of the first `count` of `hashes`, the last first: a prefix outlives its extension.
    mutating func unpin(_ hashes: [UInt64], count: Int) {
        var i = count
        while i > 0 {
            i -= 1
            guard let node = index[hashes[i]] else { continue }
            letGo(Int(node))
        }
    }

    /// Takes `count` private blocks, reclaiming idle ones; answers false and takes none when
    /// even that is not enough.
    mutating func reserve(_ count: Int) -> Bool {
        guard used + count <= capacity else { return false }
        while used + idleBlocks + count > capacity { reclaimOldest() }
        privateBlocks += count
        return true
    }

    /// Gives back `count` private blocks.
    mutating func release(_ count: Int) { privateBlocks -= count }

    /// Turns one private block into one that is held under `hash`.
    mutating func publish(_ hash: UInt64) {
        privateBlocks -= 1
        let place = vacant.last ?? Int32(nodes.count)
        if let node = index.claim(hash, place) {
            hold(Int(node))
            return
        }
        let node = Node(hash: hash, holders: 1)
        if vacant.popLast() != nil {
            nodes[Int(place)] = node
        } else {
            nodes.append(node)
        }
        pinnedBlocks += 1
    }

    private mutating func hold(_ node: Int) {
        if nodes[node].holders == 0 {
            unlink(node)
            idleBlocks -= 1
            pinnedBlocks += 1
        }
        nodes[node].holders += 1
    }

    private mutating func letGo(_ node: Int) {
        nodes[node].holders -= 1
        guard nodes[node].holders == 0 else { return }
        pinnedBlocks -= 1
        idleBlocks += 1
        nodes[node].older = newest
        nodes[node].newer = -1
        if newest >= 0 { nodes[Int(newest)].newer = Int32(node) } else { oldest = Int32(node) }
        newest = Int32(node)
    }

    private mutating func reclaimOldest() {
        guard oldest >= 0 else { return }
        let node = Int(oldest)
        unlink(node)
        idleBlocks -= 1
        index[nodes[node].hash] = nil
        vacant.append(Int32(node))
    }

    private mutating func unlink(_ node: Int) {
        let (older, newer) = (nodes[node].older, nodes[node].newer)
        if older >= 0 { nodes[Int(older)].newer = newer } else { oldest = newer }
        if newer >= 0 { nodes[Int(newer)].older = older } else { newest = older }
        nodes[node].older = -1
        nodes[node].newer = -1
    }
}
