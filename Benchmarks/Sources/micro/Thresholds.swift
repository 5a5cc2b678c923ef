// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The bounds that `micro --check` holds the code to, in Thresholds/<Swift version>.json.
///
/// Allocations and sizes are the same on every machine, so they have bounds of their own; times
/// are not, so only their ratios have.
struct Thresholds: Codable {
    /// The most allocations of each operation.
    var allocations: [String: Double]
    /// The band in which the size of each type lies, in bytes.
    var sizes: [String: Band]
    /// The most times as long that one operation may take as another.
    var ratios: [Ratio]
    /// Gigabytes a second that an operation must reach.
    var gigabytesPerSecond: [String: Double]
    /// What `make bench-quick` compares with; not read here but kept.
    var proxy: [String: ProxyBound]?

    struct Band: Codable {
        var least: Int
        var most: Int
    }

    struct Ratio: Codable {
        var of: String
        var to: String
        var most: Double
    }

    struct ProxyBound: Codable {
        var cpuRatio: Double?
        var allocations: Double?
    }

    /// The minor version of the compiler, for which thresholds are kept.
    static var compiler: String {
        #if compiler(>=6.5)
            "6.5"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }

    /// The thresholds in the file at `path`.
    init(path: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        self = try JSONDecoder().decode(Thresholds.self, from: data)
    }

    /// Writes the thresholds to the file at `path`.
    func write(path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        var data = try encoder.encode(self)
        data.append(UInt8(ascii: "\n"))
        try data.write(to: URL(fileURLWithPath: path))
    }

    /// What is beyond its bound, one sentence each.
    func broken(by measure: Measure, sizes found: [(name: String, bytes: Int)]) -> [String] {
        var lines: [String] = []
        for cost in measure.costs {
            guard let most = allocations[cost.name] else {
                lines.append("\(cost.name): no bound on allocations; run micro --accept")
                continue
            }
            // A buffer that grows once in many thousand operations is no allocation of theirs.
            if cost.allocations > most + 0.05 {
                lines.append(
                    "\(cost.name): \(text(cost.allocations)) allocations, at most \(text(most))")
            }
        }
        for (name, bytes) in found {
            guard let band = sizes[name] else { continue }
            if bytes < band.least || bytes > band.most {
                lines.append(
                    "\(name): \(bytes) bytes, must be \(band.least) to \(band.most)")
            }
        }
        for ratio in ratios {
            guard let a = measure.cost(ratio.of), let b = measure.cost(ratio.to) else { continue }
            let found = a.nanoseconds / b.nanoseconds
            if found > ratio.most {
                lines.append(
                    "\(ratio.of) takes \(text(found)) times as long as \(ratio.to), at most "
                        + text(ratio.most))
            }
        }
        for (name, least) in gigabytesPerSecond.sorted(by: { $0.key < $1.key }) {
            guard let found = measure.cost(name)?.gigabytesPerSecond else { continue }
            if found < least {
                lines.append("\(name): \(text(found)) GB/s, must be \(text(least))")
            }
        }
        return lines
    }

    /// The same bounds, moved to what was found.
    func accepting(_ measure: Measure, sizes found: [(name: String, bytes: Int)]) -> Thresholds {
        var next = self
        for cost in measure.costs {
            next.allocations[cost.name] = (cost.allocations * 10).rounded() / 10
        }
        for (name, bytes) in found {
            next.sizes[name] = Band(least: bytes * 7 / 8, most: bytes * 9 / 8)
        }
        return next
    }

    private func text(_ value: Double) -> String { String(format: "%.2f", value) }
}
