// SPDX-License-Identifier: Apache-2.0

/// The bounds of this room.
enum Limits {
    /// Bytes of one part of a key that are kept as they are; of a longer one, which only a header
    /// can be, a digest is kept.
    static let keyPartBytesMax = 64
    /// Buckets looked at, the longest unused first, for one that may be forgotten.
    static let evictionWindow = 16
    /// Event loops that one amount is divided over; `--concurrency` allows as many.
    static let loopsMax = 1_024
}
