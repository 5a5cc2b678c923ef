// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// How one limit stood for one request when it was asked: enough to ask it again, and to say why
/// it answered as it did.
package struct BucketPicture: Codable, Hashable, Sendable {
    /// `policy/limit`.
    package var limit: String
    /// What the request needed.
    package var needed: Int64
    /// What was left; below 0 is debt.
    package var level: Int64
    /// The fraction of a unit above that.
    package var remainder: UInt64
    /// When the bucket was looked at, on the proxy's clock.
    package var updated: UInt64
    /// The most that the bucket of one event loop holds.
    package var capacity: Int64
}

extension Ledger {
    /// How limit `id` stands under the key that was appended. Call it right before `ask`.
    package mutating func picture(
        of id: LimitID, for amount: Int64, at now: Instant
    ) -> BucketPicture? {
        let meter = Int(present[Int(id)])
        guard let limit = meters[meter].limit else { return nil }
        let place = bucketPlace(of: meter, at: now)
        let bucket = meters[meter].table.entries[place].bucket
        return BucketPicture(
            limit: limit.label, needed: amount, level: bucket.level,
            remainder: bucket.remainder, updated: bucket.updated.nanoseconds,
            capacity: meters[meter].allowance.capacity)
    }

    /// Takes the bucket of limit `id` under the key that was appended to stand as in `picture`.
    package mutating func install(_ picture: BucketPicture, of id: LimitID, at now: Instant) {
        let meter = Int(present[Int(id)])
        guard meters[meter].limit?.label == picture.limit else { return }
        let place = bucketPlace(of: meter, at: now)
        let allowance = meters[meter].allowance
        guard allowance.capacity == picture.capacity else {
            // Another amount than then: what was used stays used, as at a reload.
            let used = picture.capacity - picture.level
            var bucket = Bucket(full: allowance, at: now)
            bucket.take(max(0, used), of: allowance)
            meters[meter].table.entries[place].bucket = bucket
            return
        }
        meters[meter].table.entries[place].bucket = Bucket(picture)
    }

    /// `policy/limit` of limit `id`; empty when there is none of that number.
    package func label(of id: LimitID) -> String {
        guard present.indices.contains(Int(id)) else { return "" }
        return meters[Int(present[Int(id)])].limit?.label ?? ""
    }

    private mutating func bucketPlace(of meter: Int, at now: Instant) -> Int {
        let allowance = meters[meter].allowance
        let hash = StableHash.of(unsafe key.span.bytes, seed: seed)
        let place = meters[meter].table.place(of: key, hash: hash, allowance, at: now)
        meters[meter].table.entries[place].bucket.refill(allowance, at: now)
        return place
    }
}
