// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// How long answers took to begin lately: counts in classes of which each ends a sixth later
/// than the one before, so that a percentile is told at most a sixth too high.
///
/// Old answers fade: once enough were counted all counts are halved.
struct WaitTimes: Sendable {
    private var counts = InlineArray<96, UInt16>(repeating: 0)
    private var sum = 0

    /// Takes one answer into account.
    mutating func observe(_ wait: Nanoseconds) {
        counts[Self.place(of: wait)] += 1
        sum += 1
        guard sum >= Limits.rememberedWaits else { return }
        sum = 0
        for place in counts.indices {
            counts[place] /= 2
            sum += Int(counts[place])
        }
    }

    /// The time within which `percent` of the answers began; nil while too few are known.
    func percentile(_ percent: Int) -> Nanoseconds? {
        guard sum >= Limits.knownWaits else { return nil }
        let wanted = (sum * percent + 99) / 100
        var seen = 0
        for place in counts.indices {
            seen += Int(counts[place])
            if seen >= wanted { return Self.end(of: place) }
        }
        return nil
    }

    /// The upper ends of the classes, from a millisecond on.
    private static let ends: [Int64] = {
        var ends: [Int64] = []
        var end: Int64 = 1_000_000
        for _ in 0..<96 {
            ends.append(end)
            end += end / 6
        }
        return ends
    }()

    private static func end(of place: Int) -> Nanoseconds { Nanoseconds(ends[place]) }

    private static func place(of wait: Nanoseconds) -> Int {
        var (low, high) = (0, ends.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if ends[middle] >= wait.rawValue { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// What the waits of one upstream model are known by.
struct WaitKey: Hashable, Sendable {
    var model: [UInt8]
    /// Streams begin long before documents are whole.
    var isStream: Bool
}
