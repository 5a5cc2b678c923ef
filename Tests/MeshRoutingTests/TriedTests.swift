// SPDX-License-Identifier: Apache-2.0

import MeshRouting
import Testing

@Suite("the endpoints that were tried")
struct TriedTests {
    @Test("are the last eight")
    func lastEight() {
        var tried = Tried()
        #expect(tried.isEmpty)
        #expect(!tried.contains(EndpointSlot(index: -1, generation: 0)))
        for i in 0..<20 {
            tried.insert(EndpointSlot(index: Int32(i), generation: 1))
            for j in 0..<20 {
                let slot = EndpointSlot(index: Int32(j), generation: 1)
                #expect(tried.contains(slot) == (j <= i && j > i - 8))
                #expect(!tried.contains(EndpointSlot(index: Int32(j), generation: 2)))
            }
        }
        #expect(!tried.isEmpty)
    }
}
