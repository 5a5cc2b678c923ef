// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot

/// What a shard knows of one endpoint, from its own requests and from health checks.
struct EndpointState: Sendable {
    /// Rises each time the place is given to another endpoint.
    var generation: UInt32
    /// Whether the place holds an endpoint.
    var isUsed = true
    /// Whether the last health checks were good, or there are none.
    var isHealthy = true
    /// Whether it is left out because of its answers.
    var isEjected = false
    /// Whether its server asked for a pause that is not over.
    var isCooling = false
    /// Whether it was ejected and one request must succeed before it is one of the others again.
    var isOnTrial = false
    /// Whether that request is on its way.
    var isTried = false
    /// Pauses in a row for which no length was named.
    var unhinted: Int32 = 0
    /// When the pause ends or ended.
    var coolUntil = Instant(nanoseconds: 0)
    /// The endpoint in the snapshot, or -1 when it has gone and only its requests remain.
    var endpoint: EndpointID
    /// Its backend in the snapshot, or -1.
    var backend: BackendID
    /// Its share; 0 takes no traffic.
    var weight: Int32
    /// Attempts that have begun and not ended.
    var inFlight: Int32 = 0
    /// How soon it answers.
    var latency: LatencyEstimate
    /// What decides about the next ejection.
    var record: Record

    /// How the requests of an endpoint went lately.
    struct Record: Sendable {
        /// Failures since the last success.
        var failuresInRow: Int32 = 0
        /// When the window of the success rate began.
        var windowStart: Instant
        /// Requests in the window.
        var requests: Int32 = 0
        /// Those of them that failed.
        var failures: Int32 = 0
        /// Answers that began in the window of the times.
        var answers: Int32 = 0
        /// How long all of them together took to begin, in nanoseconds.
        var waited: Int64 = 0
        /// Ejections that were not yet lived down.
        var ejections: Int32 = 0
        /// When the last ejection ends or ended.
        var until = Instant(nanoseconds: 0)

        /// A clean record.
        init(at now: Instant) { windowStart = now }

        /// Forgets the requests but not the ejections.
        mutating func restart(at now: Instant) {
            failuresInRow = 0
            requests = 0
            failures = 0
            answers = 0
            waited = 0
            windowStart = now
        }

        /// Counts one answer that began after `latency`.
        mutating func count(answerAfter latency: Nanoseconds) {
            let sum = waited.addingReportingOverflow(max(0, latency.rawValue))
            guard answers < .max, !sum.overflow else { return }
            answers += 1
            waited = sum.partialValue
        }

        /// Counts one request.
        mutating func count(failed: Bool, interval: Nanoseconds, at now: Instant) {
            if now - windowStart >= interval {
                windowStart = now
                requests = 0
                failures = 0
            }
            // A counter at its end stands still; the window is over long before.
            guard requests < .max, failuresInRow < .max else { return }
            requests += 1
            failures += failed ? 1 : 0
            failuresInRow = failed ? failuresInRow + 1 : 0
        }

        /// Why `policy` wants the endpoint out, or nil.
        func reason(under policy: OutlierPolicy) -> Ejection.Reason? {
            if policy.consecutiveFailures > 0,
                Int(failuresInRow) >= policy.consecutiveFailures
            {
                return .consecutiveFailures(Int(failuresInRow))
            }
            guard policy.successRatePercentMin > 0, requests > 0,
                Int(requests) >= policy.successRateRequestsMin
            else { return nil }
            let percent = 100 * (Int(requests) - Int(failures)) / Int(requests)
            return percent < policy.successRatePercentMin ? .successRate(percent: percent) : nil
        }

        /// How long the ejection that begins now lasts: the n-th of a row lasts n times the base.
        /// Each interval without one takes one from the row.
        mutating func nextEjection(
            under policy: OutlierPolicy, at now: Instant
        ) -> Nanoseconds {
            let quiet = max(0, (now - until).rawValue / max(policy.interval.rawValue, 1))
            ejections = Int32(max(0, Int64(ejections) - quiet)) + 1
            let length = policy.baseEjectionTime.rawValue
                .multipliedReportingOverflow(by: Int64(ejections))
            let longest = policy.ejectionTimeMax
            guard !length.overflow else { return longest }
            return min(Nanoseconds(length.partialValue), longest)
        }
    }

    /// Whether requests may go there when all is well.
    var isAvailable: Bool { isHealthy && !isEjected && !isCooling && !isTried && isUsable }
    /// Whether requests may go there at all.
    var isUsable: Bool { weight > 0 && endpoint >= 0 }

    /// Requests in flight for each unit of weight.
    var load: Double { Double(inFlight) / Double(max(weight, 1)) }

    /// A new endpoint, of which nothing is known.
    init(
        generation: UInt32, endpoint: EndpointID, backend: BackendID, weight: Int32,
        at now: Instant
    ) {
        self.generation = generation
        self.endpoint = endpoint
        self.backend = backend
        self.weight = weight
        self.latency = LatencyEstimate(at: now)
        self.record = Record(at: now)
    }
}
