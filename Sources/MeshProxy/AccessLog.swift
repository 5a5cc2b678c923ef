// SPDX-License-Identifier: Apache-2.0

import Glibc
import MeshBasics
import MeshSnapshot
import MeshTelemetry
import NIOConcurrencyHelpers

/// Writes access lines on a thread of its own, so that a slow disk or pipe never holds up an
/// event loop. What it cannot keep up with is dropped and counted, never queued without bound.
///
/// Lines with receipts of labelled data may wait four times as long. As soon as they have to, or
/// when writing fails, `keepsReceipts` says so, and no more labelled data is sent anywhere until
/// receipts can be written again. Receipts that are lost all the same are told as a gap in the log
/// itself, in front of what is written next.
final class AccessLog: Sendable {
    /// The most batches that wait to be written.
    private static let batchesMax = 64
    /// The same for batches with receipts.
    private static let receiptBatchesMax = 256

    /// Lines of one loop.
    private struct Batch {
        var lines: [UInt8]
        /// How many of them are receipts.
        var receipts: Int
    }

    private struct State {
        var waiting: [Batch] = []
        var output = TelemetrySettings.AccessLog.off
        var isStopped = false
        /// Whether the last lines could not be written.
        var isFailing = false
        /// Receipts that were lost and not told yet, and since when.
        var gap = ReceiptGap()
    }

    private let state = ConditionLock(value: 0)
    private let box = NIOLockedValueBox(State())
    private let ended = ConditionLock(value: 0)

    /// Starts the writing thread.
    init() {
        var thread = pthread_t()
        let me = Unmanaged.passRetained(self)
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<AccessLog>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, me.toOpaque())
        pthread_detach(thread)
    }

    /// Where lines go from now on.
    func direct(to output: TelemetrySettings.AccessLog) {
        box.withLockedValue { $0.output = output }
    }

    /// Whether a receipt that is handed over now will be written, as far as can be known.
    var keepsReceipts: Bool {
        box.withLockedValue { !$0.isFailing && $0.waiting.count < Self.batchesMax }
    }

    /// Hands over whole lines, `receipts` of them with receipts; false when they were dropped.
    func submit(_ lines: [UInt8], receipts: Int = 0) -> Bool {
        let most = receipts > 0 ? Self.receiptBatchesMax : Self.batchesMax
        let taken = box.withLockedValue { state in
            guard state.waiting.count < most else {
                state.gap.add(receipts, at: Self.time())
                return false
            }
            state.waiting.append(Batch(lines: lines, receipts: receipts))
            return true
        }
        state.lock()
        state.unlock(withValue: 1)
        return taken
    }

    /// Writes what is left and ends the thread.
    func stop() {
        box.withLockedValue { $0.isStopped = true }
        state.lock()
        state.unlock(withValue: 1)
        if ended.lock(whenValue: 1, timeoutSeconds: 2) { ended.unlock() }
    }

    private func run() {
        var open = TelemetrySettings.AccessLog.off
        var descriptor: Int32 = -1
        while true {
            state.lock(whenValue: 1)
            state.unlock(withValue: 0)
            let (batches, output, isStopped) = box.withLockedValue { state in
                let taken = state.waiting
                state.waiting = []
                return (taken, state.output, state.isStopped)
            }
            if output != open {
                if descriptor > 2 { close(descriptor) }
                descriptor = Self.open(output)
                open = output
            }
            for batch in batches { write(batch, to: descriptor, isOff: output == .off) }
            if isStopped { break }
        }
        if descriptor > 2 { close(descriptor) }
        ended.lock()
        ended.unlock(withValue: 1)
    }

    /// Writes what was lost before, and then `batch`.
    private func write(_ batch: Batch, to descriptor: Int32, isOff: Bool) {
        // Who wants no log wants no receipts.
        if isOff {
            box.withLockedValue { state in
                state.isFailing = false
                state.gap = ReceiptGap()
            }
            return
        }
        let (gap, wasFailing) = box.withLockedValue { ($0.gap, $0.isFailing) }
        // A line that was written in part must not swallow the next one.
        var front: [UInt8] = wasFailing ? [UInt8(ascii: "\n")] : []
        if gap.receipts > 0 { front += gap.line(until: Self.time()) }
        let lines = front.isEmpty ? batch.lines : front + batch.lines
        let isWritten = Self.write(lines, to: descriptor)
        box.withLockedValue { state in
            state.isFailing = !isWritten
            if isWritten {
                state.gap.remove(gap)
            } else {
                state.gap.add(batch.receipts, at: Self.time())
            }
        }
    }

    private static func time() -> WallTime {
        WallTime(
            nanoseconds: Int64(truncatingIfNeeded: LiveWorld.now().nanoseconds)
                &+ LiveWorld.wallOffset())
    }

    private static func open(_ output: TelemetrySettings.AccessLog) -> Int32 {
        switch output {
        case .off: -1
        case .standardOutput: 1
        case .file(let path):
            Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        }
    }

    /// Whether all of `bytes` were written.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        guard descriptor >= 0 else { return false }
        var offset = 0
        return bytes.withUnsafeBytes { buffer in
            while offset < buffer.count {
                let count = Glibc.write(
                    descriptor, buffer.baseAddress?.advanced(by: offset), buffer.count - offset)
                if count < 0 {
                    if errno == EINTR { continue }
                    if errno == EAGAIN {
                        // Someone made the pipe non-blocking: wait for its reader.
                        var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                        if poll(&wait, 1, 1_000) > 0 { continue }
                    }
                    return false
                }
                offset += count
            }
            return true
        }
    }
}
