// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot

extension Exchange {
    /// An endpoint of the present backend, numbered as in `snapshot`; nil when there is none.
    mutating func pickEndpoint(shard: inout Shard, at now: Instant) -> Pick? {
        guard snapshot === shard.snapshot else {
            return pickAcrossSwap(
                of: backend, carrying: carried(shard, at: now), hash: ringHash, tried: tried,
                shard: &shard, at: now)
        }
        return pick(
            of: backend, carrying: carried(shard, at: now), hash: ringHash, tried: tried,
            shard: &shard, at: now)
    }

    /// The endpoint that asked to be asked again after `delay`, where there is no other; nil
    /// without a delay.
    func pickAgain(
        after delay: Nanoseconds, _ shard: borrowing Shard, at now: Instant
    ) -> Pick? {
        guard delay > .zero, snapshot === shard.snapshot, let pick,
            snapshot.endpoints[Int(pick.endpoint)].backend == backend,
            isStillAdmitted(pick, shard, at: now)
        else { return nil }
        return pick
    }

    /// An endpoint of `backend` for a copy of the request.
    ///
    /// **Shape** the snapshot is the shard's present one.
    mutating func pickEndpoint(
        ofMirror backend: BackendID, shard: inout Shard, at now: Instant
    ) -> Pick? {
        pick(
            of: backend, carrying: carried(shard, at: now), hash: nil, tried: Tried(),
            shard: &shard, at: now)
    }

    /// An endpoint of `backend` for a question to the engine that is reached there; `labels` are
    /// those that what it is told may carry.
    mutating func pickEndpoint(
        ofEngine backend: BackendID, labels: DataLabels, shard: inout Shard, at now: Instant
    ) -> Pick? {
        let carried = labels.isEmpty ? .nothing : Carried(labels, at: shard.wallTime(now))
        guard snapshot === shard.snapshot else {
            return pickAcrossSwap(
                of: backend, carrying: carried, hash: nil, tried: Tried(), shard: &shard, at: now)
        }
        return pick(
            of: backend, carrying: carried, hash: nil, tried: Tried(), shard: &shard, at: now)
    }

    /// A pick of the fleet, with what it looked at put on the tape.
    private mutating func pick(
        of known: BackendID, carrying carried: Carried, hash: UInt64?, tried: borrowing Tried,
        shard: inout Shard, at now: Instant
    ) -> Pick? {
        if let tape {
            tape.look(
                at: &shard.fleet, backend: known, carrying: carried, tried: tried, at: now)
        }
        let chosen = shard.fleet.pick(
            backend: known, carrying: carried, hash: hash, tried: tried, using: &shard.random,
            at: now)
        if let tape { tape.picked(chosen, from: shard.fleet, backend: known) }
        return chosen
    }

    /// The same when the fleet went over to another snapshot since the exchange began: backends
    /// and endpoints are then recognised by their names. An endpoint that `snapshot` does not
    /// have cannot be used, for the driver looks addresses up there. Both snapshots must have
    /// their gate open for what the request carries.
    private mutating func pickAcrossSwap(
        of backend: BackendID, carrying carried: Carried, hash: UInt64?, tried: borrowing Tried,
        shard: inout Shard, at now: Instant
    ) -> Pick? {
        let known = shard.number(of: backend, in: snapshot)
        guard known >= 0 else { return nil }
        let own = snapshot.backends[Int(backend)].endpoints
        var passed = copy tried
        let names = snapshot.residency.names(carried.labels)
        let theirs = Carried(shard.snapshot.residency.labels(named: names), at: carried.time)
        for _ in 0..<Self.strangersMax {
            guard
                let found = pick(
                    of: known, carrying: theirs, hash: hash, tried: passed, shard: &shard,
                    at: now)
            else { return nil }
            let name = shard.endpointNames[Int(found.endpoint)]
            if let id = own.first(where: { snapshot.endpoints[Int($0)].authority == name }),
                carried.labels.isEmpty || snapshot.residency.gates[Int(id)].admits(carried)
            {
                return Pick(endpoint: id, slot: found.slot)
            }
            if passed.contains(found.slot) { return nil }
            passed.insert(found.slot)
        }
        return nil
    }

    /// Endpoints new to the exchange that a pick passes over before it gives up; as many as
    /// `Tried` remembers.
    private static var strangersMax: Int { 8 }
}

extension Shard {
    /// The number that `backend` of `former` has in the present snapshot, -1 when it is gone.
    func number(of backend: BackendID, in former: Snapshot) -> BackendID {
        if former === snapshot || backend < 0 { return backend }
        let name = former.backends[Int(backend)].name
        return BackendID(snapshot.backends.firstIndex { $0.name == name } ?? -1)
    }
}
