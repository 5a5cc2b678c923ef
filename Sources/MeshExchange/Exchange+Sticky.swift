// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshPolicy
import MeshRouting
import MeshSnapshot
import MeshWire

/// Which of several weighted targets a request goes to.
///
/// ```
///  nothing sticky, or its value not known ──> by chance
///  sticky ──> hash of the value ──> first of: targets that are fit and well
///                                             targets that are fit
///                                             all targets
/// ```
///
/// A target is fit when the request may and can go there, and well while requests can be expected
/// to be served there. A caller whose target is not well gets another one, by the same hash, and
/// its own again afterwards.
extension Exchange {
    /// The hash by which the caller's target is chosen; nil where chance decides.
    mutating func callersHash(
        _ sticky: Sticky?, _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard
    ) -> UInt64? {
        guard let sticky else { return nil }
        let key = snapshot.stickyKeys[Int(sticky.key)]
        var table = shard.takeFacts(for: snapshot)
        for slot in key.program.slots where !table.isFilled(slot) {
            fill(slot, of: &table, head, bytes, body: nil)
        }
        let value = try? key.program.value(table)
        var hash = value?.hash(salt: sticky.salt)
        shard.putBack(&table, of: snapshot)
        guard let tape else { return hash }
        if key.program.readsSecret(snapshot.access.layout) {
            hash = tape.assignment(hash, of: sticky)
        }
        if hash == nil {
            tape.say(.route, "chance decides: `\(sticky.by)` says nothing of this caller")
        }
        return hash
    }

    /// A target of a rule: the caller's own where it has a `hash`, else one by weight. It is one of
    /// those that may have what the request carries; any when none of them may, so that what comes
    /// next says why.
    mutating func draw(
        of targets: [WeightedTarget], for hash: UInt64?, shard: inout Shard, at now: Instant
    ) -> Int? {
        if labels.isEmpty, hash == nil {
            let chosen = WeightedSplit.choose(targets, using: &shard.random)
            mean(chosen, of: targets)
            return chosen
        }
        let carried = carried(shard, at: now)
        let fit = targets.map { target in
            switch target.destination {
            case .backend(let id): mayReach(id, carried) ? target.weight : 0
            case .model(let id): mayReach(model: id, carried) ? target.weight : 0
            case .invalid: target.weight
            }
        }
        guard let hash, let sticky = snapshot.rules[Int(rule)].sticky else {
            let chosen =
                WeightedSplit.choose(fit, using: &shard.random)
                ?? WeightedSplit.choose(targets, using: &shard.random)
            mean(chosen, of: targets)
            return chosen
        }
        var well = fit
        for (number, target) in targets.enumerated() where fit[number] > 0 {
            if isDown(target.destination, shard: &shard, at: now) { well[number] = 0 }
        }
        let weights = targets.map(\.weight)
        let chosen = Self.own(of: [well, fit, weights], sticky, hash)
        if snapshot.hasRollouts {
            mean(Self.own(of: [fit, weights], sticky, hash), of: targets, served: chosen)
        }
        return chosen
    }

    /// The same for the targets of the present model.
    mutating func draw(
        of targets: [ModelTarget], for hash: UInt64?, shard: inout Shard, at now: Instant
    ) -> Int? {
        let hasLimits = snapshot.models[Int(model)].hasLimits
        let asks = targets.count > 1 && mayBeInTrouble(shard)
        if labels.isEmpty, !hasLimits, !asks, hash == nil {
            let chosen = WeightedSplit.choose(targets, using: &shard.random)
            mean(chosen, of: targets)
            return chosen
        }
        let carried = carried(shard, at: now)
        var fit: [Int] = []
        for target in targets {
            let isFit = mayReach(target.backend, carried) && (!hasLimits || suits(target))
            fit.append(isFit ? target.weight : 0)
        }
        var well = fit
        if asks {
            for (number, target) in targets.enumerated()
            where fit[number] > 0 && !standing(of: target, &shard, at: now).isClear {
                well[number] = 0
            }
        }
        guard let hash, let sticky = snapshot.models[Int(model)].sticky else {
            guard snapshot.hasRollouts else {
                return WeightedSplit.choose(well, using: &shard.random)
                    ?? WeightedSplit.choose(fit, using: &shard.random)
                    ?? WeightedSplit.choose(targets, using: &shard.random)
            }
            // Who is meant is drawn first, who serves then among those that are well: every one of
            // them as often as by its weight at once.
            let meant =
                WeightedSplit.choose(fit, using: &shard.random)
                ?? WeightedSplit.choose(targets, using: &shard.random)
            guard let meant, well[meant] == 0,
                let other = WeightedSplit.choose(well, using: &shard.random)
            else {
                mean(meant, of: targets)
                return meant
            }
            mean(meant, of: targets, served: other)
            return other
        }
        for (number, target) in targets.enumerated() where well[number] > 0 {
            if isDown(target.backend, shard: &shard, at: now) { well[number] = 0 }
        }
        let weights = targets.map(\.weight)
        let chosen = Self.own(of: [well, fit, weights], sticky, hash)
        if snapshot.hasRollouts {
            mean(Self.own(of: [fit, weights], sticky, hash), of: targets, served: chosen)
        }
        return chosen
    }

    /// The caller's own target by the first of `weights` that leave any.
    private static func own(of weights: [[Int]], _ sticky: Sticky, _ hash: UInt64) -> Int? {
        for some in weights {
            if let place = WeightedSplit.choose(some, seeds: sticky.seeds, for: hash) {
                return place
            }
        }
        return nil
    }

    private func isDown(
        _ destination: WeightedTarget.Destination, shard: inout Shard, at now: Instant
    ) -> Bool {
        switch destination {
        case .backend(let id): return isDown(id, shard: &shard, at: now)
        case .model(let id):
            let targets = snapshot.models[Int(id)].targets.filter { $0.weight > 0 }
            for target in targets + snapshot.models[Int(id)].fallbacks
            where !isDown(target.backend, shard: &shard, at: now) {
                return false
            }
            return true
        case .invalid: return false
        }
    }

    /// Whether no endpoint of a backend takes traffic now: all are unhealthy, ejected or cool down.
    private func isDown(_ id: BackendID, shard: inout Shard, at now: Instant) -> Bool {
        let known = shard.number(of: id, in: snapshot)
        let found = shard.fleet.isDown(known, at: now)
        return tape?.isDown(found, backend: snapshot.backends[Int(id)].name) ?? found
    }
}

extension Value {
    /// The hash of a value that tells callers apart; nil when it does not.
    fileprivate func hash(salt: UInt64) -> UInt64? {
        switch self {
        case .string(let text):
            if text.isEmpty { return nil }
            let bytes = text.utf8Span
            return StableHash.of(unsafe bytes.span.bytes, seed: salt)
        case .int(let number): return StableHash.of(utf8: String(number), seed: salt)
        case .uint(let number): return StableHash.of(utf8: String(number), seed: salt)
        case .bool(let holds): return StableHash.of(utf8: String(holds), seed: salt)
        case .optional(let inner): return inner?.hash(salt: salt)
        case .null, .double, .bytes, .duration, .timestamp, .list, .map, .type, .address,
            .network:
            return nil
        }
    }
}
