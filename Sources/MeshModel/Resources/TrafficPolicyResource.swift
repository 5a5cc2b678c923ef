// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// A `TrafficPolicy`: settings and what they apply to.
package struct TrafficPolicyResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// What it applies to, in its own namespace.
    package var targets: [Reference]
    /// Its settings.
    package var settings: TrafficSettings

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        targets = (spec?.elements("targetRefs") ?? []).compactMap { Reference($0) }
        settings = TrafficSettings(spec)
    }
}

/// A `Mesh`: settings of the whole.
package struct MeshResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// `limits`, each absent one nil.
    package var limits: Limits
    /// `accessLog.output`.
    package var logOutput: Located<String>?
    /// `accessLog.path`.
    package var logPath: Located<String>?
    /// `accessLog.query`.
    package var logQuery: Bool
    /// Whether `forwardedFields` is `replace`.
    package var replacesForwarded: Bool
    /// `recording`, each absent one nil.
    package var recording: Recording
    /// `stateDirectory`.
    package var stateDirectory: String?
    /// `drainTimeout`.
    package var drainTimeout: Nanoseconds?
    /// `retryBudget`: percent and retries each second, each absent one nil; nil when absent.
    package var retryBudget: RetryBudget?
    /// `upgradeTimeout`.
    package var upgradeTimeout: Nanoseconds?
    /// What holds where no policy says otherwise.
    package var defaults: TrafficSettings

    /// Bounds on connections from callers.
    package struct Limits: Hashable, Sendable {
        /// Of a request head.
        package var headBytes: Int?
        /// Fields of a head.
        package var fieldCount: Int?
        /// Of a body that must be read first.
        package var bufferedBodyBytes: Int?
        /// For a request head to arrive.
        package var headTimeout: Located<Nanoseconds>?
        /// Until the next request.
        package var idleTimeout: Located<Nanoseconds>?
        /// Between two pieces of a body.
        package var bodyIdleTimeout: Located<Nanoseconds>?
        /// Connections in all.
        package var connections: Int?
        /// Of one event.
        package var eventBytes: Int?
        /// Of memory in all.
        package var memoryBytes: Int?
        /// Of bodies and answers that wait.
        package var waitingBytes: Int?
    }

    /// Bounds on retries in all.
    package struct RetryBudget: Hashable, Sendable {
        /// In percent of requests.
        package var percent: Int?
        /// Each second.
        package var minPerSecond: Int?
    }

    /// Which exchanges are recorded.
    package struct Recording: Hashable, Sendable {
        /// Each second on each event loop.
        package var perSecond: Int?
        /// Kept in memory.
        package var keep: Int?
        /// Appended to, too.
        package var file: String?
        /// The size at which the file is begun anew.
        package var fileBytes: Located<Int>?
    }

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        let limits = spec?["limits"]
        self.limits = Limits(
            headBytes: limits?.byteSize("headBytes")?.value,
            fieldCount: limits?.integer("fieldCount")?.value,
            bufferedBodyBytes: limits?.byteSize("bufferedBodyBytes")?.value,
            headTimeout: limits?.duration("headTimeout"),
            idleTimeout: limits?.duration("idleTimeout"),
            bodyIdleTimeout: limits?.duration("bodyIdleTimeout"),
            connections: limits?.integer("connections")?.value,
            eventBytes: limits?.byteSize("eventBytes")?.value,
            memoryBytes: limits?.byteSize("memoryBytes")?.value,
            waitingBytes: limits?.byteSize("waitingBytes")?.value)
        let log = spec?["accessLog"]
        logOutput = log?.text("output")
        logPath = log?.text("path")
        logQuery = log?.boolean("query")?.value ?? false
        replacesForwarded = spec?.text("forwardedFields")?.value == "replace"
        let recording = spec?["recording"]
        self.recording = Recording(
            perSecond: recording?.integer("perSecond")?.value,
            keep: recording?.integer("keep")?.value, file: recording?.text("file")?.value,
            fileBytes: recording?.byteSize("fileBytes"))
        stateDirectory = spec?.text("stateDirectory")?.value
        drainTimeout = spec?.duration("drainTimeout")?.value
        retryBudget = spec?["retryBudget"].map { budget in
            RetryBudget(
                percent: budget.integer("percent")?.value,
                minPerSecond: budget.integer("minPerSecond")?.value)
        }
        upgradeTimeout = spec?.duration("upgradeTimeout")?.value
        defaults = TrafficSettings(spec?["defaults"])
    }
}
