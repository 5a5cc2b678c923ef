// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshProxy

@Suite struct TimersTests {
    @Test(
        "timers fire in the order of their deadlines, then of their making, without those removed")
    func order() {
        for seed in 0..<100 {
            var random = SplitMix64(seed: UInt64(seed))
            var timers = Timers()
            var waiting: [(deadline: UInt64, number: Int, timer: Timer)] = []
            var fired: [Int] = []
            var expected: [Int] = []
            var now: UInt64 = 0
            for number in 0..<300 {
                let deadline = now + UInt64.random(in: 0..<50, using: &random)
                let timer = timers.add(at: Instant(nanoseconds: deadline)) { fired.append(number) }
                waiting.append((deadline, number, timer))
                if Int.random(in: 0..<4, using: &random) == 0 {
                    let index = Int.random(in: 0..<waiting.count, using: &random)
                    timers.remove(waiting[index].timer)
                    timers.remove(waiting[index].timer)
                    waiting.remove(at: index)
                }
                if Int.random(in: 0..<5, using: &random) == 0 {
                    now += UInt64.random(in: 0..<40, using: &random)
                    while let timer = timers.pop(at: Instant(nanoseconds: now)) { timer.fire() }
                    let due = waiting.filter { $0.deadline <= now }
                        .sorted { ($0.deadline, $0.number) < ($1.deadline, $1.number) }
                    expected += due.map(\.number)
                    waiting.removeAll { $0.deadline <= now }
                }
                #expect(timers.count == waiting.count)
                #expect(timers.next?.nanoseconds == waiting.map(\.deadline).min())
            }
            #expect(fired == expected)
        }
    }
}
