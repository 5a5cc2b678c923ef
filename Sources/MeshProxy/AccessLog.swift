// SPDX-License-Identifier: Apache-2.0

import Glibc
import MeshSnapshot
import NIOConcurrencyHelpers

/// Writes access lines on a thread of its own, so that a slow disk or pipe never holds up an
/// event loop. What it cannot keep up with is dropped and counted, never queued without bound.
final class AccessLog: Sendable {
    /// The most batches that wait to be written.
    private static let batchesMax = 64

    private struct State {
        var waiting: [[UInt8]] = []
        var output = TelemetrySettings.AccessLog.off
        var isStopped = false
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

    /// Hands over whole lines; false when they were dropped.
    func submit(_ lines: [UInt8]) -> Bool {
        let taken = box.withLockedValue { state in
            guard state.waiting.count < Self.batchesMax else { return false }
            state.waiting.append(lines)
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
            for batch in batches { Self.write(batch, to: descriptor) }
            if isStopped { break }
        }
        if descriptor > 2 { close(descriptor) }
        ended.lock()
        ended.unlock(withValue: 1)
    }

    private static func open(_ output: TelemetrySettings.AccessLog) -> Int32 {
        switch output {
        case .off: -1
        case .standardOutput: 1
        case .file(let path):
            Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        guard descriptor >= 0 else { return }
        var offset = 0
        bytes.withUnsafeBytes { buffer in
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
                    return
                }
                offset += count
            }
        }
    }
}
