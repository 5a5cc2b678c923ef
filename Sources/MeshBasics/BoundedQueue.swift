// SPDX-License-Identifier: Apache-2.0

/// A first-in first-out ring that never holds more than `capacity` elements.
///
/// Storage grows by doubling up to the bound, so an idle queue costs nothing.
package struct BoundedQueue<Element> {
    private var storage: [Element?] = []
    private var head = 0
    /// Count of elements held.
    package private(set) var count = 0
    /// The most elements the queue will hold.
    package let capacity: Int

    /// An empty queue for at most `capacity` elements.
    package init(capacity: Int) { self.capacity = capacity }

    /// Whether nothing is held.
    package var isEmpty: Bool { count == 0 }

    /// The element that has waited longest, or nil.
    package var first: Element? { count == 0 ? nil : storage[head] }

    /// Appends `element`; answers false and changes nothing when the queue is full.
    package mutating func append(_ element: Element) -> Bool {
        guard count < capacity else { return false }
        if count == storage.count { grow() }
        storage[(head + count) % storage.count] = element
        count += 1
        return true
    }

    /// Takes the element that has waited longest, or nil.
    package mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = storage[head]
        storage[head] = nil
        head = (head + 1) % storage.count
        count -= 1
        return element
    }

    private mutating func grow() {
        var larger: [Element?] = []
        let size = Swift.min(capacity, Swift.max(4, storage.count * 2))
        larger.reserveCapacity(size)
        for i in 0..<count { larger.append(storage[(head + i) % storage.count]) }
        while larger.count < size { larger.append(nil) }
        storage = larger
        head = 0
    }
}

extension BoundedQueue: Sendable where Element: Sendable {}
