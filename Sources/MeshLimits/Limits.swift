// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The bounds of this room.
enum Limits {
    /// Bytes of one part of a key that are kept as they are; of a longer one, which only a header
    /// can be, a digest is kept.
    static let keyPartBytesMax = 64
    /// Buckets looked at, the longest unused first, for one that may be forgotten.
    static let evictionWindow = 16
    /// Event loops that one amount is divided over; `--concurrency` allows as many.
    static let loopsMax = 1_024
    /// Buckets that one process tells the next of.
    static let usagesMax = 100_000
    /// Latencies that a median is taken of, at least and at most.
    static let samplesLeast = 5
    static let samplesMost = 20
    /// The shortest time from one median to the next.
    static let windowLeast = Nanoseconds.milliseconds(100)
    /// How long after its beginning a limit that binds is measured with half the load first …
    static let firstMeasurement = Nanoseconds.seconds(3)
    /// … and how often again, by the clock …
    static let measurementEvery = Nanoseconds.seconds(30)
    /// … or so many times less often than it takes long.
    static let measurementShare: Int64 = 16
    /// Every so many places that become free, one goes to the lowest priority.
    static let lowestTurn = 20
}
