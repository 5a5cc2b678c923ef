// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshExchange

/// Measures the parts that a request passes through, without sockets.
///
/// ```
/// micro             a table of what each operation costs
/// micro --json      the same for programs
/// micro --check     ends with 1 when a threshold is broken
/// micro --accept    writes what was found into the thresholds; review the diff
/// ```
@main
struct Micro {
    static func main() throws {
        let flags = Set(CommandLine.arguments.dropFirst())
        let known: Set<String> = ["--json", "--check", "--accept"]
        guard flags.isSubset(of: known) else {
            print("usage: micro [--json] [--check] [--accept]")
            exit(2)
        }
        var measure = Measure()
        try runAll(&measure)
        if flags.contains("--json") {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            print(String(decoding: try encoder.encode(measure.costs), as: UTF8.self))
        } else {
            show(measure)
        }
        guard flags.contains("--check") || flags.contains("--accept") else { return }
        try compare(&measure, accepts: flags.contains("--accept"))
    }

    private static func runAll(_ measure: inout Measure) throws {
        try measure.wire()
        try measure.policies()
        try measure.routing()
        try measure.exchanges()
    }

    /// The types whose size is watched: each is copied or kept once a request or connection.
    private static let sizes: [(name: String, bytes: Int)] = [
        ("Exchange", MemoryLayout<Exchange>.size),
        ("Step", MemoryLayout<Step>.size),
        ("Shard", MemoryLayout<Shard>.size),
    ]

    private static func compare(_ measure: inout Measure, accepts: Bool) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().path
        let path = "\(folder)/Thresholds/\(Thresholds.compiler).json"
        guard FileManager.default.fileExists(atPath: path) else {
            print("no thresholds for Swift \(Thresholds.compiler): copy the newest of those in")
            print("\(folder)/Thresholds, then run micro --accept and review the diff")
            exit(1)
        }
        let thresholds = try Thresholds(path: path)
        if accepts {
            try thresholds.accepting(measure, sizes: sizes).write(path: path)
            print("wrote \(path)")
            return
        }
        var broken = thresholds.broken(by: measure, sizes: sizes)
        // A neighbour that empties the caches worsens the larger of two sizes more: what is
        // broken must stay so.
        for _ in 0..<3 where !broken.isEmpty {
            try runAll(&measure)
            broken = thresholds.broken(by: measure, sizes: sizes)
        }
        for line in broken { print("BROKEN  \(line)") }
        print(broken.isEmpty ? "every threshold holds" : "\(broken.count) thresholds are broken")
        if !broken.isEmpty { exit(1) }
    }

    private static func show(_ measure: Measure) {
        print(row("operation", "ns", "allocations", ""))
        for cost in measure.costs {
            print(
                row(
                    cost.name, String(format: "%.1f", cost.nanoseconds),
                    String(format: "%.2f", cost.allocations),
                    cost.gigabytesPerSecond.map { String(format: "%.2f GB/s", $0) } ?? ""))
        }
        for (name, bytes) in sizes { print(row("size of \(name)", "\(bytes)", "", "bytes")) }
    }

    private static func row(_ name: String, _ a: String, _ b: String, _ c: String) -> String {
        func left(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        let padding = String(repeating: " ", count: max(0, 48 - name.count))
        return name + padding + left(a, 10) + left(b, 13) + "  " + c
    }
}
