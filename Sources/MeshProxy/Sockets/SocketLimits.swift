// SPDX-License-Identifier: Apache-2.0

/// How much sockets and their loop may hold and do at once.
enum SocketLimits {
    /// Bytes that one read may bring: what an event costs beside its system calls stays small,
    /// and one busy connection cannot keep the others waiting.
    static let readMax = 32 * 1024
    /// The least room for a read behind bytes that wait for more.
    static let readLeast = 4 * 1024
    /// Above so many bytes that the kernel did not take, the other side is no longer read …
    static let writeHigh = 32 * 1024
    /// … and below so many it is again.
    static let writeLow = 8 * 1024
    /// Writes up to this size are gathered with what stands before and behind them; a larger one
    /// leaves at once, without a copy.
    static let gatheredMax = 8 * 1024
    /// Events taken from the kernel with one call.
    static let eventsMax = 256
    /// Connections accepted in a row before others get their turn.
    static let acceptsMax = 16
    /// Connections that the kernel may hold ready to be accepted.
    static let backlog: Int32 = 4096
    /// How long nothing is accepted after descriptors or memory ran out.
    static let acceptPause: Int64 = 100_000_000
    /// Bytes of a block of memory that connections lend from their loop.
    static let blockSize = 4 * 1024
    /// Blocks that a loop keeps for the next connection; what is beyond goes back to the process.
    static let spareBlocksMax = 128
}
