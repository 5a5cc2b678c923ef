// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshProxy

@Suite struct ByteQueueTests {
    @Test("a queue does what an array does, whatever comes in which order")
    func model() {
        for seed in 0..<30 {
            var random = SplitMix64(seed: UInt64(seed))
            var queue = ByteQueue(Blocks())
            var model: [UInt8] = []
            for _ in 0..<100 {
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1:
                    let count = Int.random(in: 0..<6000, using: &random)
                    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ seed) }
                    queue.append(bytes)
                    model += bytes
                case 2:
                    let count = Int.random(in: 0...model.count, using: &random)
                    queue.drop(count)
                    model.removeFirst(count)
                case 3:
                    let room = queue.room(100)
                    #expect(room.count >= 100)
                    room[0] = 1
                    room[1] = 2
                    queue.filled(2)
                    model += [1, 2]
                default:
                    if Int.random(in: 0..<10, using: &random) == 0 {
                        queue.clear()
                        model = []
                    }
                }
                #expect(Array(queue.window) == model)
            }
        }
    }

    @Test("memory that was given back is lent to the next queue")
    func reuse() {
        let blocks = Blocks()
        var first = ByteQueue(blocks)
        first.append([1, 2, 3])
        let place = first.window.baseAddress
        first.clear()
        var second = ByteQueue(blocks)
        second.append([4])
        #expect(second.window.baseAddress == place)
        #expect(first.window.isEmpty)
    }

    @Test("dropped bytes stay readable until something is added")
    func windowOutlivesDrop() {
        var queue = ByteQueue(Blocks())
        queue.append([5, 6, 7])
        let window = queue.window
        queue.drop(3)
        #expect(queue.window.isEmpty)
        #expect(window.elementsEqual([5, 6, 7]))
    }
}

@Suite struct InputTests {
    /// What `input` holds.
    private func content(_ input: borrowing Input) -> [UInt8] { Array(input.window) }

    @Test("what an event leaves over is kept, and the next read comes behind it")
    func keepsTheRest() {
        var shared: [UInt8] = [1, 2, 3, 4]
        var input = Input(Blocks())
        #expect(input.room() == nil)
        shared.withUnsafeBytes { input.lend($0) }
        input.drop(1)
        #expect(content(input) == [2, 3, 4])
        input.settle()
        shared = [9, 9, 9, 9]
        #expect(content(input) == [2, 3, 4])
        guard let room = input.room() else {
            Issue.record("no room behind bytes that wait")
            return
        }
        room[0] = 5
        input.filled(1)
        #expect(content(input) == [2, 3, 4, 5])
        #expect(input.take(5) == nil)
        #expect(input.take(4).map(Array.init) == [2, 3, 4, 5])
        input.settle()
        #expect(input.window.isEmpty)
        #expect(input.room() == nil)
    }

    @Test("bytes lent while others wait are put behind them")
    func lendsBehind() {
        let first: [UInt8] = [1, 2]
        let second: [UInt8] = [3]
        var input = Input(Blocks())
        first.withUnsafeBytes { input.lend($0) }
        second.withUnsafeBytes { input.lend($0) }
        #expect(content(input) == [1, 2, 3])
        input.clear()
        #expect(input.window.isEmpty)
    }
}
