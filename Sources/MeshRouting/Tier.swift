// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot

/// Endpoints that are equally near, and how many of a hundred requests they get.
struct Tier: Sendable {
    /// What is drawn from.
    var sampler: Sampler
    /// Requests out of a hundred that this tier and the nearer ones get.
    var bound: Int
}

/// How requests are spread over tiers: the nearest gets all that its fit endpoints can carry.
///
/// A tier carries `overprovisioning` percent of its share of fit endpoints, at most all requests:
/// with 140 it carries everything until more than two sevenths of it are out, and then the rest
/// spills over to the next. When all tiers together cannot carry everything they share it in the
/// same proportions.
///
/// **Source** "Priority levels" of Envoy's documentation.
enum TierShares {
    /// The bounds of the tiers, ascending to 100; empty when nothing is fit.
    ///
    /// **Shape** `fit` and `all` are weights by tier, `fit` in permille of `all`'s unit.
    static func bounds(fit: [Int], all: [Int], overprovisioning: Int) -> [Int] {
        let healths = zip(fit, all).map { fit, all in
            all == 0 ? 0 : min(100, fit * overprovisioning / (all * 1000))
        }
        let total = min(100, healths.reduce(0, +))
        guard total > 0 else { return [] }
        var bounds: [Int] = []
        var given = 0
        for health in healths {
            given = min(100, given + health * 100 / total)
            bounds.append(given)
        }
        // What rounding left goes to the last that carries anything.
        if let last = healths.lastIndex(where: { $0 > 0 }) {
            for tier in last..<bounds.count { bounds[tier] = 100 }
        }
        return bounds
    }
}

extension Fleet {
    /// The tiers of the pool at `number` with the endpoints of `slots`, which are those that may be
    /// drawn; empty when there is nothing to choose between tiers.
    func tiers(of number: Int, drawing slots: [Int32], at now: Instant) -> [Tier] {
        guard let policy = pools[number].locality, pools[number].choice != .ring else { return [] }
        var all: [Int] = []
        var fit: [Int] = []
        for place in pools[number].members {
            let state = states[Int(place)]
            while all.count <= Int(state.tier) {
                all.append(0)
                fit.append(0)
            }
            all[Int(state.tier)] += Int(state.weight)
            guard state.isAvailable else { continue }
            fit[Int(state.tier)] += Int(state.weight) * ramp(of: Int(place), at: now)
        }
        guard all.filter({ $0 > 0 }).count > 1 else { return [] }
        let known = pools[number].knownBounds
        let bounds =
            known
            ?? TierShares.bounds(
                fit: fit, all: all, overprovisioning: policy.overprovisioningPercent)
        var tiers: [Tier] = []
        var given = 0
        for (tier, bound) in bounds.enumerated() {
            let own = slots.filter { Int(states[Int($0)].tier) == tier }
            let isDrawn = bound > given && !own.isEmpty
            tiers.append(
                Tier(
                    sampler: Sampler(
                        slots: own, weights: own.map { states[Int($0)].weight }),
                    bound: isDrawn ? bound : given))
            if isDrawn { given = bound }
        }
        // Endpoints that may not have the data are no endpoints: the others take their share.
        return given > 0 ? tiers : []
    }

    /// How much of its share the endpoint at `place` gets yet, in permille: one that came back gets
    /// a tenth at first and all of it once the backend's `slowStart` is over.
    func ramp(of place: Int, at now: Instant) -> Int {
        let state = states[place]
        guard state.readySince.nanoseconds > 0, state.backend >= 0,
            case let window = pools[Int(state.backend)].slowStart, window > .zero
        else { return 1000 }
        let elapsed = (now - state.readySince).rawValue
        guard elapsed < window.rawValue else { return 1000 }
        return max(100, Int(max(0, elapsed) / max(1, window.rawValue / 1000)))
    }

    /// The endpoint at `place` takes traffic again from `now` on, little at first.
    mutating func startSlowly(_ place: Int, at now: Instant) {
        guard states[place].isUsable, case let number = Int(states[place].backend),
            pools[number].slowStart > .zero
        else { return }
        states[place].readySince = now
        pools[number].rampsUntil = max(pools[number].rampsUntil, now + pools[number].slowStart)
        pools[number].isStale = true
    }

    /// Pools whose endpoints get more of their share by and by are drawn from anew.
    mutating func growShares(at now: Instant) {
        for number in pools.indices where pools[number].rampsUntil.nanoseconds > 0 {
            pools[number].isStale = true
            if pools[number].rampsUntil <= now {
                pools[number].rampsUntil = Instant(nanoseconds: 0)
            }
        }
    }
}
