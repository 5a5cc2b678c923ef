// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import Testing

@Suite("an active health check")
struct ActiveHealthTests {
    static let check = HealthCheck(
        path: Array("/".utf8), interval: .seconds(5), healthyThreshold: 2, unhealthyThreshold: 3)

    @Test("changes its mind only after enough results in a row")
    func thresholds() {
        let health = HealthSample(seed: 1)
        let script: [(ok: Bool, change: Bool?)] = [
            (true, nil), (false, nil), (false, nil), (true, nil), (false, nil), (false, nil),
            (false, false), (false, nil), (true, nil), (false, nil), (true, nil), (true, true),
            (true, nil),
        ]
        #expect(health.isHealthy)
        for (step, probe) in script.enumerated() {
            let now = health.nextProbe
            #expect(health.probeDue(at: now))
            #expect(!health.probeDue(at: now + .seconds(60)), "one probe at a time")
            #expect(health.result(ok: probe.ok, at: now) == probe.change, "\(step)")
            #expect(health.result(ok: probe.ok, at: now) == nil, "late")
            if let change = probe.change { #expect(health.isHealthy == change) }
        }
    }

    @Test("spreads its probes", arguments: 0..<50)
    func jitter(seed: UInt64) {
        let health = HealthSample(seed: seed)
        #expect(health.nextProbe >= instant(0) && health.nextProbe <= instant(5000))
        #expect(!health.probeDue(at: instant(-1)))
        #expect(health.probeDue(at: instant(5000)))
        _ = health.result(ok: true, at: instant(6000))
        #expect(health.nextProbe >= instant(10_500) && health.nextProbe <= instant(11_500))
    }
}

/// A class, because expectations take no mutating calls.
private final class HealthSample {
    var random: SplitMix64
    var health: ActiveHealth
    var isHealthy: Bool { health.isHealthy }
    var nextProbe: Instant { health.nextProbe }

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        health = ActiveHealth(check: ActiveHealthTests.check, using: &random, at: instant(0))
    }

    func probeDue(at now: Instant) -> Bool { health.probeDue(at: now) }

    func result(ok: Bool, at now: Instant) -> Bool? {
        health.result(ok: ok, using: &random, at: now)
    }
}
