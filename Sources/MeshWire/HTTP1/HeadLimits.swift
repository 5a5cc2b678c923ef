// SPDX-License-Identifier: Apache-2.0

/// The bounds on one HTTP/1.1 message; reaching any of them is a `Violation`.
///
/// **Shape**: counts are bytes unless the name says otherwise; a head counts from its first byte
/// (an empty line before it included) to the end of the empty line that closes it.
package struct HeadLimits: Sendable, Hashable {
    /// The most bytes of a head. Never above 65,535, because slots hold 16-bit offsets.
    package var headBytesMax: Int {
        didSet { headBytesMax = min(max(headBytesMax, 0), Self.headBytesCeiling) }
    }
    /// The most field lines of a head.
    package var fieldCountMax: Int
    /// The most bytes of a request target.
    package var targetBytesMax: Int
    /// The most bytes of extensions on one chunk; a whole body may carry 64 times as many.
    package var chunkExtensionBytesMax: Int
    /// The most bytes of the trailer section of a chunked body.
    package var trailerBytesMax: Int

    /// The largest head that 16-bit offsets can describe.
    package static let headBytesCeiling = 65_535

    /// Limits that suit a proxy in front of model servers.
    package init(
        headBytesMax: Int = 32 << 10, fieldCountMax: Int = 100, targetBytesMax: Int = 8 << 10,
        chunkExtensionBytesMax: Int = 256, trailerBytesMax: Int = 8 << 10
    ) {
        self.headBytesMax = min(max(headBytesMax, 0), Self.headBytesCeiling)
        self.fieldCountMax = fieldCountMax
        self.targetBytesMax = targetBytesMax
        self.chunkExtensionBytesMax = chunkExtensionBytesMax
        self.trailerBytesMax = trailerBytesMax
    }
}
