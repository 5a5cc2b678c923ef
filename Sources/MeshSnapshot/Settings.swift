// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Bounds that hold for every downstream connection. Reaching one is a refusal with a code.
package struct ConnectionLimits: Sendable, Hashable {
    /// Bytes of a request head, request line included. At most 65,535.
    package var headBytesMax: Int
    /// Fields of a head.
    package var fieldCountMax: Int
    /// Bytes of a body that is buffered because a decision needs it.
    package var bufferedBodyBytesMax: Int
    /// Time for a request head to arrive once its first byte has.
    package var headTimeout: Nanoseconds
    /// Time a kept-alive connection may wait for its next request.
    package var idleTimeout: Nanoseconds
    /// Time between two reads of a request body.
    package var bodyIdleTimeout: Nanoseconds
    /// Downstream connections of the process.
    package var connectionsMax: Int
    /// Bytes of one event of an event stream.
    package var eventBytesMax: Int
    /// Whether what callers say of where a request comes from is dropped.
    package var replacesForwarded = false
    /// Bytes of memory of the process, or nil for what its container has.
    package var memoryBytesMax: Int?
    /// Bytes of bodies and answers that wait in the process.
    package var waitingBytesMax: Int

    /// Limits of the given parts.
    package init(
        headBytesMax: Int = 32 * 1024, fieldCountMax: Int = 100,
        bufferedBodyBytesMax: Int = 16 * 1024 * 1024, headTimeout: Nanoseconds = .seconds(10),
        idleTimeout: Nanoseconds = .seconds(300), bodyIdleTimeout: Nanoseconds = .seconds(30),
        connectionsMax: Int = 100_000, eventBytesMax: Int = 1024 * 1024,
        memoryBytesMax: Int? = nil, waitingBytesMax: Int = 1024 * 1024 * 1024
    ) {
        self.headBytesMax = headBytesMax
        self.fieldCountMax = fieldCountMax
        self.bufferedBodyBytesMax = bufferedBodyBytesMax
        self.headTimeout = headTimeout
        self.idleTimeout = idleTimeout
        self.bodyIdleTimeout = bodyIdleTimeout
        self.connectionsMax = connectionsMax
        self.eventBytesMax = eventBytesMax
        self.memoryBytesMax = memoryBytesMax
        self.waitingBytesMax = waitingBytesMax
    }
}

/// What is written about every exchange.
package struct TelemetrySettings: Sendable, Hashable {
    /// Where access log lines go.
    package var accessLog: AccessLog
    /// Whether the access log carries the query string.
    package var logQuery: Bool
    /// Which exchanges are recorded.
    package var recording: RecordingSettings

    /// Where access log lines go.
    package enum AccessLog: Sendable, Hashable {
        /// Nowhere.
        case off
        /// Standard output.
        case standardOutput
        /// A file that is appended to.
        case file(String)
    }

    /// Settings of the given parts.
    package init(
        accessLog: AccessLog = .standardOutput, logQuery: Bool = false,
        recording: RecordingSettings = RecordingSettings()
    ) {
        self.accessLog = accessLog
        self.logQuery = logQuery
        self.recording = recording
    }
}

/// Which exchanges are recorded, so that they can be explained and replayed.
package struct RecordingSettings: Sendable, Hashable {
    /// Exchanges each second on each event loop, the first that come.
    package var perSecondMax: Int
    /// Recordings that each event loop keeps in memory; 0 records nothing.
    package var ringMax: Int
    /// A file that recordings are appended to as well, or nil.
    package var file: String?
    /// The size at which the file is renamed and begun anew, in bytes.
    package var fileBytesMax: Int

    /// Settings of the given parts.
    package init(
        perSecondMax: Int = 10, ringMax: Int = 256, file: String? = nil,
        fileBytesMax: Int = 64 * 1024 * 1024
    ) {
        self.perSecondMax = perSecondMax
        self.ringMax = ringMax
        self.file = file
        self.fileBytesMax = fileBytesMax
    }
}
