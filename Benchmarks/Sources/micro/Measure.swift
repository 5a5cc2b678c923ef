// SPDX-License-Identifier: Apache-2.0

import CountingAllocator
import Glibc

/// What one operation costs.
struct Cost: Codable {
    /// What was measured.
    var name: String
    /// CPU time of one operation in nanoseconds, the best of all rounds.
    var nanoseconds: Double
    /// Heap allocations of one operation in the steady state.
    var allocations: Double
    /// Bytes that one operation looks at, where that is the point of it.
    var bytes: Int?

    /// Gigabytes a second, where bytes are the point.
    var gigabytesPerSecond: Double? { bytes.map { Double($0) / nanoseconds } }
}

/// Measures operations one after another and keeps what they cost.
///
/// The clock is the CPU time of this thread, so what else runs on the machine changes a result
/// only through caches; the best of several rounds leaves most of that out too.
struct Measure {
    /// CPU time that one round should take, in nanoseconds.
    private static let roundNanoseconds = 15_000_000.0
    /// Rounds of each operation.
    private static let rounds = 9

    /// What was measured so far, in order.
    private(set) var costs: [Cost] = []

    /// Measures an operation that `body` repeats as often as it is told.
    mutating func run(
        _ name: String, bytes: Int? = nil, _ body: (Int) throws -> Void
    ) rethrows {
        // Until one run is long enough to tell; this also warms every cache and buffer.
        var count = 1
        while true {
            let start = Self.cpuNanoseconds()
            try body(count)
            let spent = Double(Self.cpuNanoseconds() - start)
            if spent > Self.roundNanoseconds / 8 {
                count = max(1, Int(Double(count) * Self.roundNanoseconds / spent))
                break
            }
            count *= 4
        }
        var best = Double.infinity
        var allocations = UInt64.max
        for _ in 0..<Self.rounds {
            let before = allocations_so_far()
            let start = Self.cpuNanoseconds()
            try body(count)
            let spent = Double(Self.cpuNanoseconds() - start)
            allocations = min(allocations, allocations_so_far() - before)
            best = min(best, spent / Double(count))
        }
        let found = Cost(
            name: name, nanoseconds: best, allocations: Double(allocations) / Double(count),
            bytes: bytes)
        guard let known = costs.firstIndex(where: { $0.name == name }) else {
            costs.append(found)
            return
        }
        // Measured again: the best of both.
        costs[known].nanoseconds = min(costs[known].nanoseconds, found.nanoseconds)
        costs[known].allocations = min(costs[known].allocations, found.allocations)
    }

    /// The cost of the operation called `name`.
    func cost(_ name: String) -> Cost? { costs.first { $0.name == name } }

    private static func cpuNanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// Keeps the optimiser from leaving out what makes `value`.
@inline(never)
@_optimize(none)
func keep<Value: ~Copyable>(_ value: borrowing Value) {}
