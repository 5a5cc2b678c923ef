// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshSnapshot

extension Ledger {
    /// The request of `reservation` is over and used what `settlement` says. What nobody said
    /// stays at its estimate. A second use does nothing and is counted as a misuse.
    package mutating func settle(
        _ reservation: Reservation, _ settlement: Settlement, at now: Instant
    ) {
        close(reservation, at: now) { unit, estimate in
            switch unit {
            case .requests: estimate
            case .tokens: settlement.tokens.map { Int64(clamping: $0) } ?? estimate
            case .cost: settlement.cost.map { Int64(clamping: $0) } ?? estimate
            }
        }
    }

    /// The request of `reservation` never reached an upstream: everything is given back. A second
    /// use does nothing and is counted as a misuse.
    package mutating func release(_ reservation: Reservation, at now: Instant) {
        close(reservation, at: now) { _, _ in 0 }
    }

    private mutating func close(
        _ reservation: Reservation, at now: Instant, used: (Limit.Unit, Int64) -> Int64
    ) {
        guard isOutstanding(reservation) else {
            misuses &+= 1
            return
        }
        var cursor = reservation.head
        while cursor >= 0 {
            let hold = holds[Int(cursor)]
            cursor = hold.next
            let meter = Int(hold.meter)
            // A limit that is gone, or a key that was forgotten, is owed nothing any more.
            guard isPresent(hold), let unit = meters[meter].limit?.unit else { continue }
            let allowance = meters[meter].allowance
            let used = used(unit, hold.estimate)
            settleEntry(Int(hold.place), of: meter, taken: hold.amount, used, allowance, at: now)
            meters[meter].tally.settled &+= UInt64(used)
        }
        free(from: reservation.head)
        outstanding -= 1
    }

    private mutating func settleEntry(
        _ place: Int, of meter: Int, taken: Int64, _ used: Int64, _ allowance: Allowance,
        at now: Instant
    ) {
        meters[meter].table.entries[place].holds -= 1
        meters[meter].table.entries[place].bucket.refill(allowance, at: now)
        if used > taken {
            meters[meter].table.entries[place].bucket.take(used - taken, of: allowance)
        } else {
            meters[meter].table.entries[place].bucket.give(taken - used, to: allowance)
        }
    }

    /// Whether `reservation` is neither settled nor released.
    func isOutstanding(_ reservation: Reservation) -> Bool {
        let head = Int(reservation.head)
        return holds.indices.contains(head) && holds[head].serial == reservation.serial
    }

    /// Whether the limit and the bucket that `hold` took from are still the same.
    func isPresent(_ hold: Hold) -> Bool {
        let (meter, place) = (Int(hold.meter), Int(hold.place))
        return meters[meter].generation == hold.meterGeneration
            && place < meters[meter].table.entries.count
            && meters[meter].table.entries[place].generation == hold.entryGeneration
    }
}
