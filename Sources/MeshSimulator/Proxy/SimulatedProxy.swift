// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot

/// The proxy of a world: loops with a shard each, the ports that are listened on, health checks.
///
/// It stands where `Proxy` and its handlers stand in production and treats `Exchange` and `Step`
/// as they do; only what is a socket there is a `Socket` of the world here.
final class SimulatedProxy {
    /// The event loops.
    private(set) var loops: [ProxyLoop] = []
    /// The snapshot in use.
    private(set) var snapshot = Snapshot.empty
    /// Whether it takes connections.
    private(set) var isListening = true
    /// When it was told to stop.
    private(set) var isDraining = false
    /// Every snapshot that was ever in use, where replays want it.
    private(set) var published: [Snapshot] = []
    private var prober: HealthProber?
    /// The ports that were ever listened on, in order; a connection keeps its place in it.
    private var ports: [UInt16] = []
    private var accepted = 0

    /// Begins to serve `snapshot`.
    func start(in world: World, snapshot: Snapshot, random: SplitMix64) {
        var random = random
        for number in 0..<max(1, world.options.shards) {
            loops.append(
                ProxyLoop(
                    world: world, number: number, seed: random.next(),
                    of: max(1, world.options.shards)))
        }
        prober = HealthProber(world: world, loops: loops, seed: random.next())
        publish(snapshot, at: world.time)
        for loop in loops { loop.start(at: world.time) }
    }

    /// Takes a snapshot into use: all loops at once, running exchanges keep theirs.
    func publish(_ next: Snapshot, at now: Instant) {
        snapshot = next
        published.append(next)
        for port in next.ports where !ports.contains(port.number) { ports.append(port.number) }
        let index = ports.map { number in
            next.ports.firstIndex { $0.number == number } ?? -1
        }
        for loop in loops { loop.adopt(next, portIndex: index, at: now) }
        prober?.adopt(next, at: now)
    }

    /// Takes a connection of a caller; false when nothing is listened on.
    func accept(_ socket: Socket, at now: Instant) -> Bool {
        guard isListening, !snapshot.ports.isEmpty else { return false }
        let loop = loops[accepted % loops.count]
        accepted += 1
        let place = ports.firstIndex(of: snapshot.ports[0].number) ?? 0
        let client = ProxyClient(loop: loop, socket: socket, listening: place)
        socket.handler = client
        client.opened(at: now)
        return true
    }

    /// Begins to stop: accepts nothing more, closes what is idle.
    func drain(at now: Instant) {
        isListening = false
        isDraining = true
        for loop in loops { loop.drain(at: now) }
    }

    /// Ends whatever is left.
    func cutOff(at now: Instant) {
        for loop in loops { loop.abortAll(at: now) }
    }

    /// Lets go of everything.
    func dissolve() {
        for loop in loops { loop.dissolve() }
        loops = []
        published = []
        prober = nil
    }
}
