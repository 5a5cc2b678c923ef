// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshLimits
import MeshSnapshot
import Testing

/// A ledger on a clock of its own.
final class LedgerSample {
    var ledger: Ledger
    var now = Instant(nanoseconds: 1_000_000_000_000)

    init(_ limits: [Limit], loops: Int = 1) {
        ledger = Ledger(loops: loops, seed: 7)
        ledger.adopt(limits, at: now)
    }

    func wait(_ time: Nanoseconds) { now = now + time }

    /// Asks limits by number for amounts, under one key.
    func admit(_ asked: [(LimitID, Int64)], key: String = "") -> Admission {
        ledger.begin()
        for (id, amount) in asked {
            let bytes = Array(key.utf8)
            let isGlobal = ledger.statistics(at: now)[Int(id)].limit.key.isEmpty
            if !isGlobal { ledger.appendKey(bytes.span.bytes) }
            ledger.ask(id, for: amount, at: now)
        }
        return ledger.decide(at: now)
    }

    /// Whether one request of limit 0 enters; it uses what it asks for.
    func enters(_ amount: Int64 = 1, key: String = "") -> Bool {
        guard case .admitted(let reservation) = admit([(0, amount)], key: key) else {
            return false
        }
        if let reservation {
            ledger.settle(
                reservation, Settlement(tokens: UInt64(amount), cost: UInt64(amount)), at: now)
        }
        return true
    }

    /// What is left at limit `id`, when nothing is counted apart.
    func level(_ id: Int = 0) -> Int64? { ledger.statistics(at: now)[id].level }
}

extension Limit {
    /// A limit called `name`.
    static func of(
        _ unit: Unit, _ amount: Int64, per period: Nanoseconds, burst: Int64? = nil,
        key: [KeyPart] = [], isAudit: Bool = false, keysMax: Int = 100, name: String = "l"
    ) -> Limit {
        Limit(
            policy: "default/p", name: name, unit: unit, amount: amount, burst: burst,
            period: period, key: key, isAudit: isAudit, keysMax: keysMax)
    }
}

/// The reservation of an admission; fails the test when there is none.
func reservation(_ admission: Admission) throws -> Reservation {
    guard case .admitted(let found) = admission else {
        throw NotAdmitted()
    }
    return try #require(found)
}

struct NotAdmitted: Error {}
