// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshSimulator

struct BlockIndexTests {
    @Test("it finds what a dictionary finds, whatever is put in and taken out", arguments: 1...20)
    func oracle(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var index = BlockIndex()
        var dictionary: [UInt64: Int32] = [:]
        // Few different keys, so that they meet often; of some only the highest bits differ.
        let keys = 40 + random.below(400)
        for _ in 0..<8000 {
            var key = UInt64(random.below(keys))
            if random.below(2) == 0 { key = key << 55 | key }
            switch random.below(5) {
            case 0, 1:
                let place = Int32(random.below(1 << 20))
                index[key] = place
                dictionary[key] = place
            case 2, 3:
                index[key] = nil
                dictionary[key] = nil
            default: #expect(index[key] == dictionary[key])
            }
        }
        for key in 0..<UInt64(keys) {
            #expect(index[key] == dictionary[key])
            #expect(index[key << 55 | key] == dictionary[key << 55 | key])
        }
    }
}
