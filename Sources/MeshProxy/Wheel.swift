// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// One coarse timer for all connections of an event loop.
///
/// A connection moves its deadline with every event; it costs nothing until the slot it once was
/// put in comes up, and is then put into the slot of the deadline it has by then. So a
/// kept-alive connection is touched every few seconds, not with every request.
///
/// **Shape** slots of 20 ms, 10.24 s around; what lies beyond waits in the farthest slot.
final class Wheel {
    private static let slotNanoseconds: UInt64 = 20_000_000
    private static let slotCount: UInt64 = 512

    /// Each armed connection stands in one slot, at its `wheelPlace`.
    private var slots: [[ClientHandler]]
    /// Number of the slot that comes up next, counted from the clock's start.
    private var nextSlot: UInt64
    private var entries = 0
    private var scheduled: UInt64 = .max
    private unowned let sockets: SocketLoop

    init(sockets: SocketLoop, at now: Instant) {
        self.sockets = sockets
        slots = Array(repeating: [], count: Int(Self.slotCount))
        nextSlot = now.nanoseconds / Self.slotNanoseconds
    }

    /// Makes sure that `client.timerFired` is called not long after `client.deadline`.
    @inline(__always)
    func arm(_ client: ClientHandler, at now: Instant) {
        if client.deadline < client.armedAt { insert(client, at: now) }
    }

    /// Lets go of a connection that has closed.
    func disarm(_ client: ClientHandler) {
        let place = client.wheelPlace
        guard place >= 0 else { return }
        client.wheelPlace = -1
        let index = Int(client.armedAt.nanoseconds / Self.slotNanoseconds % Self.slotCount)
        client.armedAt = .distantFuture
        let last = slots[index].removeLast()
        if last !== client {
            slots[index][place] = last
            last.wheelPlace = place
        }
        entries -= 1
    }

    private func insert(_ client: ClientHandler, at now: Instant) {
        disarm(client)
        let current = now.nanoseconds / Self.slotNanoseconds
        if entries == 0 { nextSlot = current }
        let wanted = client.deadline.nanoseconds / Self.slotNanoseconds &+ 1
        let slot = min(max(wanted, max(current, nextSlot) &+ 1), nextSlot &+ Self.slotCount &- 1)
        let index = Int(slot % Self.slotCount)
        client.wheelPlace = slots[index].count
        client.armedAt = Instant(nanoseconds: slot &* Self.slotNanoseconds)
        slots[index].append(client)
        entries += 1
        wake(atSlot: slot)
    }

    private func wake(atSlot slot: UInt64) {
        guard slot < scheduled else { return }
        scheduled = slot
        sockets.schedule(at: Instant(nanoseconds: slot &* Self.slotNanoseconds)) {
            [unowned(unsafe) self] in
            if scheduled == slot { scheduled = .max }
            turn(at: sockets.now)
        }
    }

    private func turn(at now: Instant) {
        let current = now.nanoseconds / Self.slotNanoseconds
        let last = min(current, nextSlot &+ Self.slotCount &- 1)
        while nextSlot <= last, entries > 0 {
            let index = Int(nextSlot % Self.slotCount)
            nextSlot += 1
            guard !slots[index].isEmpty else { continue }
            let due = slots[index]
            slots[index].removeAll(keepingCapacity: due.count <= 64)
            entries -= due.count
            for client in due {
                client.wheelPlace = -1
                client.armedAt = .distantFuture
            }
            for client in due where client.isOpen {
                if client.deadline <= now { client.timerFired(at: now) }
                if client.isOpen, client.deadline < client.armedAt { insert(client, at: now) }
            }
        }
        if entries > 0, scheduled == .max { wake(atSlot: nextOccupied()) }
    }

    private func nextOccupied() -> UInt64 {
        for ahead in 0..<Self.slotCount
        where !slots[Int((nextSlot &+ ahead) % Self.slotCount)].isEmpty {
            return nextSlot &+ ahead
        }
        return nextSlot &+ Self.slotCount
    }
}
