// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

extension Ledger {
    /// Begins to look at a request.
    package mutating func begin() {
        freeDraft()
        denial = nil
        lastQuota = Quota()
        lastAudit = nil
        key.removeAll(keepingCapacity: true)
    }

    /// Appends a part of the key for the next `ask`. Of a long part only a digest is kept.
    package mutating func appendKey(_ part: RawSpan) {
        let count = part.byteCount
        guard count > Limits.keyPartBytesMax else {
            key.append(UInt8(truncatingIfNeeded: count))
            key.append(part)
            return
        }
        key.append(UInt8.max)
        appendWord(StableHash.of(part, seed: seed))
        appendWord(StableHash.of(part, seed: ~seed))
        appendWord(UInt64(truncatingIfNeeded: count))
    }

    /// Appends a part of the key for the next `ask`.
    package mutating func appendKey(_ part: String) {
        let characters = part.utf8Span
        unsafe appendKey(characters.span.bytes)
    }

    /// Asks limit `id` of the present snapshot for `amount`, 0 or above, under the key that was
    /// appended. Takes nothing yet.
    ///
    /// **Complexity** O(1); allocates when it meets the key for the first time.
    package mutating func ask(_ id: LimitID, for amount: Int64, at now: Instant) {
        defer { key.removeAll(keepingCapacity: true) }
        let meter = Int(present[Int(id)])
        guard let isAudit = meters[meter].limit?.isAudit else { return }
        let allowance = meters[meter].allowance
        let hash = StableHash.of(unsafe key.span.bytes, seed: seed)
        let place = meters[meter].table.place(of: key, hash: hash, allowance, at: now)
        meters[meter].table.entries[place].bucket.refill(allowance, at: now)
        let bucket = meters[meter].table.entries[place].bucket
        // What can never fit waits for a full bucket, and not for ever.
        let wanted = min(amount, allowance.capacity)
        if bucket.level < wanted {
            if isAudit {
                meters[meter].tally.audited &+= 1
                lastAudit = id
                return
            }
            meters[meter].tally.refused &+= 1
            let wait = bucket.wait(for: wanted, allowance)
            if wait > denial?.wait ?? Nanoseconds(-1) {
                denial = Denial(
                    limit: id, needed: amount, left: bucket.level, wait: wait,
                    untilFull: bucket.wait(for: allowance.capacity, allowance))
            }
        }
        let generation = meters[meter].table.entries[place].generation
        push(
            Hold(
                meter: Int32(meter), meterGeneration: meters[meter].generation,
                place: Int32(place), entryGeneration: generation, amount: wanted,
                estimate: amount, next: draft, serial: 0))
    }

    /// The one answer to all that was asked since `begin`: takes from every bucket or from none.
    package mutating func decide(at now: Instant) -> Admission {
        if let denial {
            lastQuota = quota(from: draft, at: now)
            freeDraft()
            return .denied(denial)
        }
        guard draft >= 0 else { return .admitted(nil) }
        serial = serial == .max ? 1 : serial + 1
        holds[Int(draft)].serial = serial
        var cursor = draft
        while cursor >= 0 {
            let hold = holds[Int(cursor)]
            let (meter, place) = (Int(hold.meter), Int(hold.place))
            let allowance = meters[meter].allowance
            meters[meter].table.entries[place].bucket.take(hold.amount, of: allowance)
            meters[meter].table.entries[place].holds += 1
            meters[meter].tally.admitted &+= 1
            meters[meter].tally.reserved &+= UInt64(hold.amount)
            cursor = hold.next
        }
        let reservation = Reservation(head: draft, serial: serial)
        draft = -1
        outstanding += 1
        return .admitted(reservation)
    }

    /// How the caller of `reservation` stands now at the limits that let it in.
    package mutating func quota(of reservation: Reservation, at now: Instant) -> Quota {
        isOutstanding(reservation) ? quota(from: reservation.head, at: now) : Quota()
    }

    private mutating func quota(from head: Int32, at now: Instant) -> Quota {
        var quota = Quota()
        var cursor = head
        while cursor >= 0 {
            let hold = holds[Int(cursor)]
            cursor = hold.next
            let (meter, place) = (Int(hold.meter), Int(hold.place))
            guard isPresent(hold), let unit = meters[meter].limit?.unit,
                meters[meter].limit?.isAudit == false
            else { continue }
            let allowance = meters[meter].allowance
            meters[meter].table.entries[place].bucket.refill(allowance, at: now)
            let bucket = meters[meter].table.entries[place].bucket
            quota.note(
                Quota.Line(
                    amount: Int64(allowance.amount), remaining: max(0, bucket.level),
                    reset: bucket.wait(for: allowance.capacity, allowance)),
                of: unit)
        }
        return quota
    }

    private mutating func push(_ hold: Hold) {
        if freeHold >= 0 {
            draft = freeHold
            freeHold = holds[Int(freeHold)].next
            holds[Int(draft)] = hold
        } else {
            holds.append(hold)
            draft = Int32(holds.count - 1)
        }
    }

    private mutating func freeDraft() {
        free(from: draft)
        draft = -1
    }

    /// Gives the holds of one reservation back to the free ones.
    mutating func free(from head: Int32) {
        var cursor = head
        while cursor >= 0 {
            let next = holds[Int(cursor)].next
            holds[Int(cursor)].serial = 0
            holds[Int(cursor)].next = freeHold
            freeHold = cursor
            cursor = next
        }
    }

    private mutating func appendWord(_ word: UInt64) {
        for shift in 0..<8 as Range<UInt64> {
            key.append(UInt8(truncatingIfNeeded: word >> (8 * shift)))
        }
    }
}
