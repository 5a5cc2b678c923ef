// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// When requests come that do not wait for one another.
package enum ArrivalProcess: Hashable, Sendable {
    /// One after another at the same distance.
    case even(rate: Double)
    /// Independent of each other.
    case poisson(rate: Double)
    /// In clusters: distances are gamma distributed with this coefficient of variation. 1 is
    /// Poisson, 0 even.
    case gamma(rate: Double, variation: Double)
    /// As Poisson while it is on, not at all while it is off; `rate` is the mean over both.
    case phases(rate: Double, on: Nanoseconds, off: Nanoseconds)

    /// Requests a second, over a long time.
    package var rate: Double {
        switch self {
        case .even(let rate), .poisson(let rate), .gamma(let rate, _), .phases(let rate, _, _):
            rate
        }
    }
}

/// The clock of an arrival process: nanoseconds as a fraction, so that nothing drifts.
struct ArrivalClock: Sendable {
    private let process: ArrivalProcess
    private var random: SplitMix64
    /// Nanoseconds since the process began, those of its off phases left out.
    private var elapsed = 0.0
    private var count = 0

    init(_ process: ArrivalProcess, random: SplitMix64) {
        self.process = process
        self.random = random
    }

    /// When the next request comes, counted from the start of the process.
    mutating func next() -> Nanoseconds {
        count += 1
        let mean = 1e9 / process.rate
        switch process {
        case .even:
            elapsed = Double(count - 1) * mean
        case .poisson:
            elapsed += mean * Draw.exponential(using: &random)
        case .gamma(_, let variation):
            guard variation > 0.01 else {
                elapsed = Double(count - 1) * mean
                break
            }
            elapsed += mean * Draw.gamma(shape: 1 / (variation * variation), using: &random)
        case .phases(_, let on, let off):
            let (on, off) = (Double(on.rawValue), Double(off.rawValue))
            elapsed += mean * on / (on + off) * Draw.exponential(using: &random)
            return Self.whole(elapsed + (elapsed / on).rounded(.down) * off)
        }
        return Self.whole(elapsed)
    }

    /// 292 years are the end of time here.
    private static func whole(_ nanoseconds: Double) -> Nanoseconds {
        Nanoseconds(nanoseconds < 9.2e18 ? Int64(nanoseconds) : .max)
    }
}
