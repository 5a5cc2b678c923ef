// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshLimits

@Suite("Who waits for a place") struct AdmissionQueueTests {
    private func entry(_ ticket: UInt64, since: UInt64 = 0) -> AdmissionQueue.Entry {
        AdmissionQueue.Entry(
            ticket: ticket, since: Instant(nanoseconds: since), deadline: .distantFuture)
    }

    /// After everything that is put into a queue here.
    private let later = Instant(nanoseconds: 1_000_000)

    @Test("the highest priority goes first, and in it the oldest or the newest")
    func order() {
        var queue = AdmissionQueue()
        for (ticket, priority) in [(1, 0), (2, 5), (3, 0), (4, 5)] {
            queue.push(entry(UInt64(ticket)), priority: priority)
        }
        #expect(queue.ahead(of: 0) == 4 && queue.ahead(of: 1) == 2 && queue.ahead(of: 6) == 0)
        #expect(queue.pop(pressedFor: nil, at: later)?.ticket == 2)
        #expect(queue.pop(pressedFor: .zero, at: later)?.ticket == 4)
        #expect(queue.pop(pressedFor: .zero, at: later)?.ticket == 3)
        #expect(queue.pop(pressedFor: nil, at: later)?.ticket == 1)
        #expect(queue.pop(pressedFor: nil, at: later) == nil && queue.count == 0)
    }

    @Test("one place in twenty goes to the lowest priority")
    func floor() {
        var queue = AdmissionQueue()
        for ticket in 1...40 { queue.push(entry(UInt64(ticket)), priority: 1) }
        queue.push(entry(100), priority: 0)
        let served = (0..<20).compactMap { _ in queue.pop(pressedFor: nil, at: later)?.ticket }
        #expect(served.dropLast() == ArraySlice((1...19).map { UInt64($0) }))
        #expect(served.last == 100)
    }

    @Test("room is made by who is worth less, never by an equal")
    func room() {
        var queue = AdmissionQueue()
        queue.push(entry(1), priority: 0)
        queue.push(entry(2), priority: 0)
        #expect(queue.popBelow(0, pressedFor: nil, at: later) == nil)
        #expect(queue.popBelow(1, pressedFor: nil, at: later)?.ticket == 2)
        #expect(queue.popBelow(1, pressedFor: .zero, at: later)?.ticket == 1)
    }

    @Test("the oldest of the lowest priority go first when they have waited too long")
    func late() {
        var queue = AdmissionQueue()
        queue.push(entry(1, since: 10), priority: 1)
        queue.push(entry(2, since: 20), priority: 0)
        queue.push(entry(3, since: 30), priority: 0)
        let now = Instant(nanoseconds: 45)
        let (target, interval) = (Nanoseconds(20), Nanoseconds(40))
        #expect(queue.popLate(target, pressedFor: interval, sparing: 1, at: now) == nil)
        #expect(queue.popLate(target, pressedFor: target, sparing: 1, at: now)?.ticket == 2)
        #expect(queue.popLate(target, pressedFor: target, sparing: 1, at: now)?.ticket == 1)
        #expect(queue.popLate(target, pressedFor: target, sparing: 0, at: now) == nil)
        #expect(queue.count == 1)
    }

    @Test("a band that gets empty from time to time is not touched by one that does not")
    func bands() {
        var queue = AdmissionQueue()
        queue.push(entry(1, since: 10), priority: 0)
        for ticket in 2...3 { queue.push(entry(UInt64(ticket), since: 10), priority: 5) }
        let first = Instant(nanoseconds: 20)
        for _ in 2...3 { _ = queue.pop(pressedFor: Nanoseconds(15), at: first) }
        for ticket in 4...5 { queue.push(entry(UInt64(ticket), since: 22), priority: 5) }
        let now = Instant(nanoseconds: 30)
        let (target, short) = (Nanoseconds(15), Nanoseconds(5))
        #expect(queue.isPressed(0, for: Nanoseconds(15), at: now))
        #expect(!queue.isPressed(5, for: Nanoseconds(15), at: now))
        #expect(queue.pop(pressedFor: Nanoseconds(15), at: now)?.ticket == 4)
        #expect(queue.popLate(target, pressedFor: target, sparing: 0, at: now)?.ticket == 1)
        #expect(queue.popLate(short, pressedFor: short, sparing: 0, at: now)?.ticket == 5)
    }

    @Test("it agrees with a plain list, whatever happens", arguments: 0..<60)
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var queue = AdmissionQueue()
        var list: [(ticket: UInt64, priority: Int)] = []
        var next: UInt64 = 0
        var turns = 0
        for _ in 0..<400 {
            switch random.below(4) {
            case 0, 1:
                next += 1
                let priority = random.below(3)
                queue.push(entry(next, since: next), priority: priority)
                list.append((next, priority))
            case 2:
                let newest = random.below(2) == 0
                if !list.isEmpty { turns += 1 }
                let isLowest = turns % 20 == 0
                let wanted =
                    isLowest ? list.map(\.priority).min() : list.map(\.priority).max()
                let band = list.filter { $0.priority == wanted }
                let expected = (newest ? band.last : band.first)?.ticket
                let popped = queue.pop(pressedFor: newest ? .zero : nil, at: later)
                #expect(popped?.ticket == expected, "seed \(seed)")
                list.removeAll { $0.ticket == expected }
            default:
                let ticket = UInt64(random.below(Int(next) + 2))
                let isThere = list.contains { $0.ticket == ticket }
                #expect(queue.remove(ticket) == isThere, "seed \(seed)")
                list.removeAll { $0.ticket == ticket }
            }
            #expect(queue.count == list.count, "seed \(seed)")
        }
    }
}
