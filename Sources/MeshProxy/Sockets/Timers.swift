// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// One thing to do at an instant.
final class Timer {
    let deadline: Instant
    fileprivate let sequence: UInt64
    /// Its place in the heap, -1 when it is not there (any more).
    fileprivate var place = -1
    fileprivate let action: () -> Void

    fileprivate init(deadline: Instant, sequence: UInt64, action: @escaping () -> Void) {
        self.deadline = deadline
        self.sequence = sequence
        self.action = action
    }

    /// Does what it was for.
    func fire() { action() }

    fileprivate func precedes(_ other: Timer) -> Bool {
        deadline == other.deadline ? sequence < other.sequence : deadline < other.deadline
    }
}

/// The timers of one loop, the next one first: a binary heap.
///
/// Requests do not come here, they share the `Wheel`; this is for what happens a few times in a
/// second, and for connections that are being made.
///
/// **Complexity** logarithmic in the number of timers to add, remove and take one.
struct Timers {
    private var heap: [Timer] = []
    private var sequence: UInt64 = 0

    /// When the next timer is due.
    var next: Instant? { heap.first?.deadline }

    /// Count of timers that wait.
    var count: Int { heap.count }

    /// Adds a timer; those of one instant fire in the order in which they were added.
    mutating func add(at deadline: Instant, _ action: @escaping () -> Void) -> Timer {
        sequence += 1
        let timer = Timer(deadline: deadline, sequence: sequence, action: action)
        timer.place = heap.count
        heap.append(timer)
        rise(timer.place)
        return timer
    }

    /// Takes out the next timer that is due, or nil.
    mutating func pop(at now: Instant) -> Timer? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        remove(first)
        return first
    }

    /// Takes `timer` out, if it still waits.
    mutating func remove(_ timer: Timer) {
        let place = timer.place
        guard place >= 0 else { return }
        timer.place = -1
        let last = heap.removeLast()
        guard last !== timer else { return }
        heap[place] = last
        last.place = place
        rise(place)
        sink(last.place)
    }

    /// Forgets all of them.
    mutating func removeAll() {
        for timer in heap { timer.place = -1 }
        heap.removeAll()
    }

    private mutating func rise(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            swap(child, parent)
            child = parent
        }
    }

    private mutating func sink(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].precedes(heap[least]) {
                least = child
            }
            if least == parent { return }
            swap(least, parent)
            parent = least
        }
    }

    private mutating func swap(_ first: Int, _ second: Int) {
        heap.swapAt(first, second)
        heap[first].place = first
        heap[second].place = second
    }
}
