// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// The active health check of one endpoint: when to probe, and what the answers mean.
///
/// An endpoint counts as healthy until probes say otherwise, so that a new one takes traffic at
/// once. One probe is under way at most; the driver sends it, watches the time limit of the check
/// and reports the result.
package struct ActiveHealth: Sendable {
    /// The check.
    package let check: HealthCheck
    /// Whether the endpoint should be used.
    package private(set) var isHealthy = true
    /// When the next probe is due; not while one is under way.
    package private(set) var nextProbe: Instant
    /// Whether a probe is under way.
    package private(set) var isProbing = false
    /// Results in a row that speak against `isHealthy`.
    private var contrary = 0

    /// The check of an endpoint that is new at `now`. The first probe comes somewhere within one
    /// interval, so that endpoints that appear together are not probed together.
    package init(check: HealthCheck, using random: inout SplitMix64, at now: Instant) {
        self.check = check
        let interval = Double(max(check.interval.rawValue, 0))
        nextProbe = now + Nanoseconds(Int64(random.fraction() * interval))
    }

    /// Whether a probe must be sent now. True means that it is under way from here on.
    package mutating func probeDue(at now: Instant) -> Bool {
        guard !isProbing, now >= nextProbe else { return false }
        isProbing = true
        return true
    }

    /// Takes the result of the probe under way; answers with the new health when it changed. A
    /// result without a probe is late and says nothing.
    package mutating func result(
        ok: Bool, using random: inout SplitMix64, at now: Instant
    ) -> Bool? {
        guard isProbing else { return nil }
        isProbing = false
        // A tenth more or less keeps the probes of many proxies from falling into step.
        let interval = Double(max(check.interval.rawValue, 0))
        nextProbe = now + Nanoseconds(Int64(interval * (0.9 + 0.2 * random.fraction())))
        guard ok != isHealthy else {
            contrary = 0
            return nil
        }
        contrary += 1
        let threshold = ok ? check.healthyThreshold : check.unhealthyThreshold
        guard contrary >= threshold else { return nil }
        contrary = 0
        isHealthy = ok
        return ok
    }
}
