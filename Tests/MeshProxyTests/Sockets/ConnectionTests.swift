// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshProxy

/// Sends `total` patterned bytes as fast as `isWritable` lets it, or echoes what it reads.
private final class Talker: Connection, @unchecked Sendable {
    var left = 0
    var echoes = false
    var read: [UInt8] = []
    var sent = 0
    var waited = 0
    var onEnd: ((Talker) -> Void)?
    var onRead: ((Talker) -> Void)?

    func talk() {
        while left > 0, isWritable {
            let count = min(left, 3000)
            write((0..<count).map { UInt8(truncatingIfNeeded: sent + $0) })
            flush()
            sent += count
            left -= count
        }
        if left > 0 { waited += 1 }
    }

    override func received() {
        if echoes { write(input.window) }
        read.append(contentsOf: input.window)
        input.drop(input.count)
        if echoes { flush() }
        onRead?(self)
    }

    override func relieved() { talk() }

    override func ended() { onEnd?(self) }
}

@Suite(.serialized, .timeLimit(.minutes(1))) struct ConnectionTests {
    private func address(_ port: UInt16) throws -> InternetAddress {
        try #require(InternetAddress("127.0.0.1", port: port))
    }

    /// A running loop, and a port on which `serve` gets each connection, on the loop's thread.
    private func listening(
        _ serve: @escaping @Sendable (Talker) -> Void
    ) async throws -> (SocketLoop, Listener, InternetAddress) {
        let loop = try SocketLoop()
        let listener = try Listener(
            sockets: loop, address: try address(0), sharing: false
        ) { descriptor, _ in
            let talker = Talker(sockets: loop)
            serve(talker)
            talker.accepted(descriptor)
            talker.talk()
        }
        loop.start()
        await loop.run { listener.start() }
        return (loop, listener, try address(listener.port))
    }

    private func stop(_ loop: SocketLoop, _ listener: Listener) async {
        await loop.run { listener.stop() }
        await withCheckedContinuation { done in loop.stop { done.resume() } }
    }

    @Test("bytes arrive whole and in order, though the reader pauses and the writer must wait")
    func backPressure() async throws {
        let total = 4_000_000
        let (loop, listener, place) = try await listening { $0.left = total }
        let (bytes, waited): ([UInt8], Int) = await withCheckedContinuation { done in
            loop.execute {
                let reader = Talker(sockets: loop)
                var pauses = 0
                reader.onRead = { reader in
                    if reader.read.count >= total {
                        reader.close()
                        done.resume(returning: (reader.read, pauses))
                    } else if reader.read.count > pauses * 500_000 {
                        pauses += 1
                        reader.pauseReads()
                        loop.schedule(at: loop.now + .milliseconds(5)) { reader.resumeReads() }
                    }
                }
                reader.whenUsable = { #expect($0) }
                reader.connect(to: place, within: .seconds(2))
            }
        }
        #expect(waited >= 7)
        #expect(bytes.count == total)
        let expected = (0..<total).map { UInt8(truncatingIfNeeded: $0) }
        #expect(bytes == expected)
        await stop(loop, listener)
    }

    @Test("what was flushed before a close in the same turn is still sent")
    func closeAfterFlush() async throws {
        let (loop, listener, place) = try await listening { talker in
            talker.onRead = { talker in
                talker.write("farewell")
                talker.flush()
                talker.close()
            }
        }
        let read: [UInt8] = await withCheckedContinuation { done in
            loop.execute {
                let caller = Talker(sockets: loop)
                caller.onEnd = { done.resume(returning: $0.read) }
                caller.whenUsable = { [unowned caller] _ in
                    caller.write("hello")
                    caller.flush()
                }
                caller.connect(to: place, within: .seconds(2))
            }
        }
        #expect(String(decoding: read, as: UTF8.self) == "farewell")
        await stop(loop, listener)
    }

    @Test("a reset is an error and an orderly end is none", arguments: [true, false])
    func endings(_ isReset: Bool) async throws {
        let (loop, listener, place) = try await listening { talker in
            talker.onRead = { talker in
                if isReset { talker.resetOnClose() }
                talker.close()
            }
        }
        let problem: String = await withCheckedContinuation { done in
            loop.execute {
                let caller = Talker(sockets: loop)
                caller.onEnd = { done.resume(returning: $0.problem) }
                caller.whenUsable = { [unowned caller] _ in
                    caller.write("hello")
                    caller.flush()
                }
                caller.connect(to: place, within: .seconds(2))
            }
        }
        #expect(problem.isEmpty != isReset)
        await stop(loop, listener)
    }

    @Test("a paused connection hears of a reset, once")
    func resetWhilePaused() async throws {
        let (loop, listener, place) = try await listening { talker in
            talker.onRead = { talker in
                talker.resetOnClose()
                talker.close()
            }
        }
        let problem: String = await withCheckedContinuation { done in
            loop.execute {
                let caller = Talker(sockets: loop)
                caller.onEnd = { done.resume(returning: $0.problem) }
                caller.whenUsable = { [unowned caller] _ in
                    caller.pauseReads()
                    caller.write("hello")
                    caller.flush()
                }
                caller.connect(to: place, within: .seconds(2))
            }
        }
        #expect(!problem.isEmpty)
        await stop(loop, listener)
    }

    @Test("connecting where nothing listens fails, later and once")
    func refused() async throws {
        let (loop, listener, place) = try await listening { _ in }
        await loop.run { listener.stop() }
        let (isUsable, wasLater): (Bool, Bool) = await withCheckedContinuation { done in
            loop.execute {
                let caller = Talker(sockets: loop)
                var isLater = false
                caller.whenUsable = { done.resume(returning: ($0, isLater)) }
                caller.connect(to: place, within: .seconds(2))
                isLater = true
            }
        }
        #expect(!isUsable && wasLater)
        await stop(loop, listener)
    }

    @Test("a peer that does not answer the handshake is given up in time")
    func connectTimeout() async throws {
        // A listener whose queue is full answers nothing on Linux.
        let loop = try SocketLoop()
        loop.start()
        let silent = try Listener(
            sockets: loop, address: try address(0), sharing: false, backlog: 0
        ) { _, _ in }
        let place = try address(silent.port)
        let outcomes: [Bool] = await withCheckedContinuation { done in
            loop.execute {
                var all: [Bool] = []
                let callers = (0..<4).map { _ in Talker(sockets: loop) }
                for caller in callers {
                    caller.whenUsable = { isGood in
                        all.append(isGood)
                        if all.count == callers.count { done.resume(returning: all) }
                    }
                    caller.connect(to: place, within: .milliseconds(300))
                }
            }
        }
        #expect(outcomes.contains(false))
        await stop(loop, silent)
    }

    @Test("messages from other threads are all done, in order")
    func messages() async throws {
        let (loop, listener, _) = try await listening { _ in }
        let all: [Int] = await withCheckedContinuation { done in
            let order = Order()
            for number in 0..<1000 { loop.execute { order.numbers.append(number) } }
            loop.execute { done.resume(returning: order.numbers) }
        }
        #expect(all == Array(0..<1000))
        await stop(loop, listener)
    }
}

/// Touched on one loop only.
private final class Order: @unchecked Sendable {
    var numbers: [Int] = []
}
