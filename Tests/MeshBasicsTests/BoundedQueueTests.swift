// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@Suite("The bounded queue")
struct BoundedQueueTests {
    @Test("a queue behaves as an array that is never longer than its capacity")
    func model() {
        for seed in UInt64(61)..<UInt64(81) {
            var random = SplitMix64(seed: seed)
            let capacity = random.below(20)
            var queue = BoundedQueue<Int>(capacity: capacity)
            var model: [Int] = []
            // Favours appending at first and taking later, so that the ring wraps often.
            for round in 0..<600 {
                let appends = random.below(10) < (round / 60 % 2 == 0 ? 7 : 3)
                if appends {
                    let isTaken = queue.append(round)
                    #expect(isTaken == (model.count < capacity), "seed \(seed)")
                    if model.count < capacity { model.append(round) }
                } else {
                    let popped = queue.popFirst()
                    #expect(popped == model.first, "seed \(seed), round \(round)")
                    if !model.isEmpty { model.removeFirst() }
                }
                #expect(queue.count == model.count, "seed \(seed), round \(round)")
                #expect(queue.first == model.first, "seed \(seed), round \(round)")
                #expect(queue.isEmpty == model.isEmpty, "seed \(seed), round \(round)")
            }
        }
    }

    @Test("a taken element is no longer held")
    func releases() {
        final class Token {}
        var queue = BoundedQueue<Token>(capacity: 4)
        weak var seen: Token?
        do {
            let token = Token()
            seen = token
            _ = queue.append(token)
        }
        #expect(seen != nil)
        _ = queue.popFirst()
        #expect(seen == nil)
    }

    @Test("a queue of capacity 0 takes nothing")
    func empty() {
        var queue = BoundedQueue<Int>(capacity: 0)
        let isTaken = queue.append(1)
        #expect(!isTaken && queue.isEmpty)
        #expect(queue.popFirst() == nil)
    }
}
