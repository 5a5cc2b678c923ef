// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot

/// What speaks against an upstream model on one backend, or against the whole backend. Kept only
/// while something does.
struct Trouble: Sendable {
    /// The upstream model; nil for the whole backend.
    var model: [UInt8]?
    /// When the pause that was asked for ends.
    var coolUntil = Instant(nanoseconds: 0)
    /// Pauses in a row for which no length was named.
    var unhinted: Int32 = 0
    /// Failures since the last success.
    var failuresInRow: Int32 = 0
    /// When the circuit may be tried again; 0 while it is closed.
    var brokenUntil = Instant(nanoseconds: 0)
    /// Whether a request tries it at present.
    var isTried = false

    /// Trouble with `model`, still without any.
    init(model: [UInt8]?) { self.model = model }

    /// Whether the circuit is open or half open.
    var isBroken: Bool { brokenUntil.nanoseconds > 0 }

    /// Whether nothing is left of it.
    func isOver(at now: Instant) -> Bool {
        !isBroken && failuresInRow == 0 && coolUntil <= now && unhinted == 0
    }
}

extension Pool {
    /// The place of the trouble with exactly `model`, made when there is none.
    mutating func trouble(with model: [UInt8]?, at now: Instant) -> Int {
        if let known = troubles.firstIndex(where: { $0.model == model }) { return known }
        if troubles.count >= Limits.troubles { troubles.removeAll { $0.isOver(at: now) } }
        if troubles.count >= Limits.troubles {
            // The one that is over first is missed least.
            var first = 0
            for (place, trouble) in troubles.enumerated()
            where max(trouble.coolUntil, trouble.brokenUntil)
                < max(troubles[first].coolUntil, troubles[first].brokenUntil)
            {
                first = place
            }
            troubles.remove(at: first)
        }
        troubles.append(Trouble(model: model))
        return troubles.count - 1
    }
}

extension CoolDownPolicy {
    /// How long a pause lasts for which `hint` was named, or that is the n-th in a row without
    /// one.
    func length(hint: Nanoseconds?, unhinted: Int32) -> Nanoseconds {
        if let hint { return min(max(hint, .milliseconds(1)), longest) }
        var length = base
        var doublings = min(unhinted, 20)
        while doublings > 0, length < Limits.unhintedCoolDown {
            length = length + length
            doublings -= 1
        }
        return min(length, max(base, Limits.unhintedCoolDown), longest)
    }
}
