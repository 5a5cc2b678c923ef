// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The bounds and fixed figures of the imagined world, each with its reason.
enum Limits {
    /// Bytes that one read takes from a socket, as the proxy's reads do.
    static var readBytes: Int { 32 * 1024 }
    /// Bytes waiting to be written above which the writer should stop, as in the proxy.
    static var writeHigh: Int { 32 * 1024 }
    /// Bytes waiting to be written below which it may go on.
    static var writeLow: Int { 8 * 1024 }
    /// Marks of a stream that were passed and are still kept: taking each out alone costs more
    /// than the few bytes it holds.
    static var passedMarks: Int { 64 }
    /// Bytes that framing and one event of the mesh add to a read.
    static var framingBytes: Int { 4 * 1024 }
    /// Bytes of an answer's head, as the proxy accepts them.
    static var answerHeadBytes: Int { 65_535 }
    /// Breaches that are kept; the first is the one that matters.
    static var breaches: Int { 16 }
    /// Bytes read of pipelined requests while an answer is under way, as in the proxy.
    static var waitingBytes: Int { 64 * 1024 }
    /// Bodies up to this size are kept for a second attempt, as in the proxy.
    static var replayedBodyBytes: Int { 256 * 1024 }
    /// Copies for mirrors on their way at once in one loop, as in the proxy.
    static var mirrors: Int { 256 }
    /// The grain of the proxy's timers.
    static var timerGrain: Nanoseconds { .milliseconds(20) }
    /// The farthest that a timer is set ahead at once.
    static var timerReach: Nanoseconds { .milliseconds(10_220) }
    /// From one round of a loop's housekeeping to the next.
    static var maintenance: Nanoseconds { .milliseconds(250) }
    /// From one look at the health checks to the next.
    static var probing: Nanoseconds { .milliseconds(50) }
    /// What a message from one loop to another takes.
    static var message: Nanoseconds { .microseconds(20) }
    /// A lost segment is sent again after this time.
    static var retransmission: Nanoseconds { .milliseconds(200) }
    /// How often rollouts are looked at.
    static var rolloutInterval: Nanoseconds { .milliseconds(250) }
    /// Requests that a caller writes behind one another on one connection.
    static var pipelined: Int { 4 }
    /// Events of one instant above which a world goes round in circles.
    static var eventsOfInstant: Int { 1_000_000 }
    /// How long the last requests may take once the workload is over.
    static var settling: Nanoseconds { .seconds(120) }
}
