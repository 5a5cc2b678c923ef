// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

extension Compiler {
    /// The bounds of `mesh`, with defaults for what it leaves out.
    func connectionLimits(_ mesh: MeshResource?) -> ConnectionLimits {
        var limits = ConnectionLimits()
        limits.replacesForwarded = mesh?.replacesForwarded ?? false
        guard let written = mesh?.limits else { return limits }
        limits.headBytesMax = written.headBytes ?? limits.headBytesMax
        limits.fieldCountMax = written.fieldCount ?? limits.fieldCountMax
        limits.bufferedBodyBytesMax = written.bufferedBodyBytes ?? limits.bufferedBodyBytesMax
        limits.headTimeout = written.headTimeout?.value ?? limits.headTimeout
        limits.idleTimeout = written.idleTimeout?.value ?? limits.idleTimeout
        limits.bodyIdleTimeout = written.bodyIdleTimeout?.value ?? limits.bodyIdleTimeout
        limits.connectionsMax = written.connections ?? limits.connectionsMax
        limits.eventBytesMax = written.eventBytes ?? limits.eventBytesMax
        limits.memoryBytesMax = written.memoryBytes
        limits.waitingBytesMax = written.waitingBytes ?? limits.waitingBytesMax
        return limits
    }

    /// What `mesh` says about logs.
    func telemetry(_ mesh: MeshResource?) -> TelemetrySettings {
        guard let mesh else { return TelemetrySettings() }
        let log: TelemetrySettings.AccessLog =
            switch mesh.logOutput?.value {
            case "off": .off
            case "file": .file(mesh.logPath?.value ?? "")
            default: .standardOutput
            }
        var recording = RecordingSettings()
        recording.perSecondMax = mesh.recording.perSecond ?? recording.perSecondMax
        recording.ringMax = mesh.recording.keep ?? recording.ringMax
        recording.file = mesh.recording.file
        recording.fileBytesMax = mesh.recording.fileBytes?.value ?? recording.fileBytesMax
        return TelemetrySettings(
            accessLog: log, logQuery: mesh.logQuery, recording: recording)
    }
}

extension Report {
    /// Notes what is wrong with the settings of `mesh` taken together.
    mutating func check(_ mesh: MeshResource) {
        let metadata = mesh.metadata
        if mesh.logOutput?.value == "file", mesh.logPath == nil {
            missing(
                mesh.logOutput?.place ?? metadata.place, metadata,
                "`output: file` needs a file", "add `path`")
        }
        if let path = mesh.logPath, mesh.logOutput?.value != "file" {
            error(
                path.place, metadata, "`path` has no effect without `output: file`",
                "add `output: file` or remove `path`")
        }
        if let size = mesh.recording.fileBytes, mesh.recording.file == nil {
            error(
                size.place, metadata, "`fileBytes` has no effect without `file`",
                "add `file` or remove `fileBytes`")
        }
        for limit in [
            mesh.limits.headTimeout, mesh.limits.idleTimeout, mesh.limits.bodyIdleTimeout,
        ] {
            if let limit, limit.value <= .zero {
                error(
                    limit.place, metadata, "this limit cannot be absent",
                    "write a duration above `0s`")
            }
        }
        check(mesh.defaults, of: metadata)
    }

    /// Notes what is wrong with settings of one resource taken together.
    mutating func check(_ settings: TrafficSettings, of metadata: Metadata) {
        for field in TrafficField.nonZero {
            guard let entry = settings[field], case .duration(.zero) = entry.value else {
                continue
            }
            error(
                entry.place, metadata, "this duration cannot be zero",
                "write a duration above `0s`")
        }
        for (smaller, larger) in [
            (TrafficField.backendRequest, TrafficField.request), (.backoffBase, .backoffMax),
            (.baseEjectionTime, .maxEjectionTime), (.healthTimeout, .healthInterval),
            (.coolDownBase, .coolDownMax),
        ] {
            guard let low = settings[smaller], let high = settings[larger],
                case .duration(let lowValue) = low.value,
                case .duration(let highValue) = high.value,
                highValue > .zero, lowValue > highValue
            else { continue }
            error(
                low.place, metadata,
                "`\(smaller.rawValue)` is longer than `\(larger.rawValue)`",
                "write a duration that is not longer")
        }
        for field in [TrafficField.similarityPercent, .similarityPerMinute] {
            guard let entry = settings[field], settings[.similarityModel] == nil else { continue }
            error(
                entry.place, metadata, "`\(field.rawValue)` has no effect without `model`",
                "add `model` with the name of a Model of embeddings, or remove it")
        }
        let balancing = settings[.balancing]
        if case .text("RingHash")? = balancing?.value {
            if settings[.balancingHeader] == nil, let balancing {
                missing(
                    balancing.place, metadata, "`RingHash` needs a header to hash",
                    "add `header`")
            }
        } else if let header = settings[.balancingHeader] {
            error(
                header.place, metadata, "`header` has no effect without `type: RingHash`",
                "write `type: RingHash` or remove `header`")
        }
    }
}

extension TrafficField {
    /// Durations that cannot be absent.
    fileprivate static let nonZero: [TrafficField] = [
        .connect, .backoffMax, .healthInterval, .healthTimeout, .outlierInterval,
        .baseEjectionTime, .maxEjectionTime, .idleTimeout, .coolDownBase, .comparisonTimeout,
        .hedgeDelay, .hedgeDelayMin,
    ]
}

extension TrafficSettings {
    func duration(_ field: TrafficField) -> Nanoseconds? {
        if case .duration(let value)? = self[field]?.value { value } else { nil }
    }

    func number(_ field: TrafficField) -> Int? {
        if case .number(let value)? = self[field]?.value { value } else { nil }
    }

    private func boolean(_ field: TrafficField) -> Bool? {
        if case .boolean(let value)? = self[field]?.value { value } else { nil }
    }

    private func text(_ field: TrafficField) -> String? {
        if case .text(let value)? = self[field]?.value { value } else { nil }
    }

    /// `timeouts.connect`, or nil when it is not there.
    var connect: Nanoseconds? { duration(.connect) }

    /// The time limits these settings stand for.
    var timeouts: Timeouts {
        var timeouts = Timeouts()
        if let connect { timeouts.connect = connect }
        if let value = duration(.request) { timeouts.request = value.limit }
        if let value = duration(.backendRequest) { timeouts.backendRequest = value.limit }
        if let value = duration(.firstByte) { timeouts.firstByte = value.limit }
        if let value = duration(.streamIdle) { timeouts.streamIdle = value.limit }
        return timeouts
    }

    /// The retries these settings stand for.
    var retry: RetryPolicy {
        var retry = RetryPolicy()
        if let value = number(.attempts) { retry.attempts = value }
        retry.attemptsInAll =
            number(.attemptsInAll) ?? max(retry.attemptsInAll, retry.attempts)
        if case .texts(let conditions)? = self[.retryOn]?.value {
            retry.onConnectFailure = conditions.contains("connect-failure")
            retry.onReset = conditions.contains("reset")
            retry.onTimeout = conditions.contains("timeout")
            retry.onInvalidAnswer = conditions.contains("invalid-answer")
        }
        if case .numbers(let statuses)? = self[.retryStatuses]?.value {
            retry.statuses = statuses.ascending
        }
        if let value = duration(.backoffBase) { retry.backoffBase = value }
        if let value = duration(.backoffMax) { retry.backoffMax = value }
        if let value = number(.budgetPercent) { retry.budgetPercent = value }
        if let value = number(.budgetMinPerSecond) { retry.budgetMinPerSecond = value }
        retry.backoffBase = min(retry.backoffBase, retry.backoffMax)
        return retry
    }

    /// How answers that broke off go on elsewhere, or nil when they do not.
    var continuation: ContinuationPolicy? {
        guard let attempts = number(.continuationAttempts), attempts > 0 else { return nil }
        var policy = ContinuationPolicy(attempts: attempts)
        if let value = number(.continuationBuffer) { policy.bufferBytesMax = value }
        if let value = boolean(.continuationRestart) { policy.restarts = value }
        return policy
    }

    /// When another endpoint is asked beside a slow one, or nil for never.
    var hedging: HedgePolicy? {
        guard self[.hedgeDelay] != nil || self[.hedgePercentile] != nil else { return nil }
        var policy = HedgePolicy(delay: duration(.hedgeDelay), percentile: number(.hedgePercentile))
        if let value = duration(.hedgeDelayMin) { policy.delayMin = value }
        if let value = number(.hedgeBudget) { policy.budgetPercent = value }
        if let value = number(.hedgeInput) { policy.inputTokensMax = value }
        if let value = boolean(.hedgeFallbacks) { policy.usesFallbacks = value }
        return policy
    }

    /// How endpoints are chosen.
    var balancing: Balancing {
        switch text(.balancing) {
        case "LeastRequest": .leastRequest
        case "RoundRobin": .roundRobin
        case "RingHash":
            .ringHash(header: Array((text(.balancingHeader) ?? "").lowercased().utf8))
        default: .peakEWMA
        }
    }

    /// How endpoints are probed, or nil.
    var healthCheck: HealthCheck? {
        guard let path = text(.healthPath) else { return nil }
        var check = HealthCheck(path: Array(path.utf8))
        if let value = duration(.healthInterval) { check.interval = value }
        check.timeout = duration(.healthTimeout) ?? min(check.timeout, check.interval)
        if let value = number(.healthyThreshold) { check.healthyThreshold = value }
        if let value = number(.unhealthyThreshold) { check.unhealthyThreshold = value }
        if let value = text(.expectedStatuses).flatMap(Notation.statusRange) {
            check.expectedStatuses = value
        }
        return check
    }

    /// When endpoints are left out.
    var outlier: OutlierPolicy {
        var policy = OutlierPolicy()
        if let value = number(.consecutiveFailures) { policy.consecutiveFailures = value }
        if let value = number(.successRatePercent) { policy.successRatePercentMin = value }
        if let value = number(.successRateRequests) { policy.successRateRequestsMin = value }
        if let value = duration(.outlierInterval) { policy.interval = value }
        if let value = duration(.baseEjectionTime) { policy.baseEjectionTime = value }
        policy.ejectionTimeMax =
            duration(.maxEjectionTime) ?? max(policy.ejectionTimeMax, policy.baseEjectionTime)
        if let value = number(.maxEjectedPercent) { policy.ejectedPercentMax = value }
        if let value = number(.latencyPercent) { policy.latencyPercentMax = value }
        if let value = number(.latencyRequests) { policy.latencyRequestsMin = value }
        if let value = number(.panicPercent) { policy.panicPercent = value }
        return policy
    }

    /// Whether near endpoints are preferred, or nil.
    var locality: LocalityPolicy? {
        guard text(.localityRegion) != nil || text(.localityZone) != nil else { return nil }
        var policy = LocalityPolicy()
        if let value = number(.overprovisioning) { policy.overprovisioningPercent = value }
        if let value = number(.spillRequests) { policy.spillRequests = value }
        return policy
    }

    /// How long an endpoint that was out takes to get its whole share again: a place that comes
    /// back must not be buried under what others carried meanwhile.
    var slowStart: Nanoseconds {
        duration(.slowStart) ?? (locality == nil ? .zero : .seconds(10))
    }

    /// How near an endpoint with `labels` is.
    func tier(of labels: [Endpoint.Label]) -> UInt8 {
        func label(_ key: String) -> String? { labels.first { $0.key == key }?.value }
        guard locality != nil else { return 0 }
        let isInRegion = text(.localityRegion).map { label("region") == $0 } ?? true
        let isInZone = text(.localityZone).map { label("zone") == $0 } ?? false
        if isInZone, isInRegion { return 0 }
        // Without a zone of its own the proxy's region is the nearest.
        if text(.localityZone) == nil { return isInRegion ? 0 : 2 }
        return isInRegion && text(.localityRegion) != nil ? 1 : 2
    }

    /// Whether endpoints with `labels` get nothing new.
    func drains(_ labels: [Endpoint.Label]) -> Bool {
        for (field, key) in [(TrafficField.drainedRegions, "region"), (.drainedZones, "zone")] {
            guard case .texts(let names)? = self[field]?.value else { continue }
            if labels.contains(where: { $0.key == key && names.contains($0.value) }) {
                return true
            }
        }
        return false
    }

    /// What becomes of pauses that servers ask for, or nil when nothing does.
    var coolDown: CoolDownPolicy? {
        var policy = CoolDownPolicy()
        if let value = duration(.coolDownBase) { policy.base = value }
        policy.longest = duration(.coolDownMax) ?? max(policy.longest, policy.base)
        policy.scope =
            switch text(.coolDownScope) {
            case "Endpoint": .endpoint
            case "Model": .model
            case "Backend": .backend
            default: nil
            }
        return policy.longest > .zero ? policy : nil
    }

    /// Bounds on connections.
    var connections: ConnectionPoolPolicy {
        var policy = ConnectionPoolPolicy()
        if let value = number(.idleConnections) { policy.idleMax = value }
        if let value = duration(.idleTimeout) { policy.idleTimeout = value }
        return policy
    }
}

extension Nanoseconds {
    /// The duration as a limit: `0s` is none.
    var limit: Nanoseconds? { self > .zero ? self : nil }
}

extension [Int] {
    /// The numbers in ascending order, each once.
    var ascending: [Int] {
        var unique: [Int] = []
        for number in sorted() where unique.last != number { unique.append(number) }
        return unique
    }
}
