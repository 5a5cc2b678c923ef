// SPDX-License-Identifier: Apache-2.0

package import MeshSnapshot

/// Where a `Fleet` keeps the state of an endpoint.
///
/// Stays the same from one snapshot to the next while the endpoint is there or has requests in
/// flight; a slot that was given to another endpoint has another generation.
package struct EndpointSlot: Hashable, Sendable {
    /// Place in the fleet.
    package var index: Int32
    /// How often the place was given away; a live slot's is above 0.
    package var generation: UInt32

    /// The slot at `index` of this `generation`.
    package init(index: Int32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// The endpoint that was chosen for an attempt.
package struct Pick: Hashable, Sendable {
    /// The endpoint in the snapshot that the fleet adopted last.
    package var endpoint: EndpointID
    /// What its beginning and end are reported under.
    package var slot: EndpointSlot

    /// `endpoint`, known as `slot`.
    package init(endpoint: EndpointID, slot: EndpointSlot) {
        self.endpoint = endpoint
        self.slot = slot
    }
}

/// How an attempt ended.
package enum Outcome: Hashable, Sendable {
    /// The endpoint did what it should.
    case success
    /// The endpoint failed: 5xx, no connection, reset, time-out.
    case failure
    /// The caller left, which says nothing of the endpoint.
    case cancelled
}

/// The endpoints that an exchange has tried.
package struct Tried: Sendable {
    private var slots = InlineArray<8, EndpointSlot>(
        repeating: EndpointSlot(index: -1, generation: 0))
    /// How many were inserted.
    package private(set) var count = 0

    /// Nothing tried yet.
    package init() {}

    /// Whether nothing was tried yet.
    package var isEmpty: Bool { count == 0 }

    /// Remembers `slot`; forgets the oldest when eight are remembered.
    package mutating func insert(_ slot: EndpointSlot) {
        slots[count % Limits.tried] = slot
        count &+= 1
    }

    /// Whether `slot` is remembered.
    package func contains(_ slot: EndpointSlot) -> Bool {
        var i = 0
        while i < min(count, Limits.tried) {
            if slots[i] == slot { return true }
            i &+= 1
        }
        return false
    }
}
