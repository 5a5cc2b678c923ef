// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Tells when files in some folders were written, moved or removed.
///
/// **Source** inotify(7). Only finished writes count (`IN_CLOSE_WRITE`), so a file is not read
/// while an editor writes it; a file that is replaced by a rename counts as moved. Now and then
/// it yields although nothing was seen, for folders that were replaced themselves.
final class FolderWatcher: Sendable {
    /// Yields once for every burst of changes.
    let changes: AsyncStream<Void>
    private let descriptor: Int32
    private let stop: Int32

    /// Watches `folders`; nil when the kernel refuses.
    init?(folders: [String]) {
        let descriptor = inotify_init1(Int32(IN_CLOEXEC))
        var ends: [Int32] = [-1, -1]
        guard descriptor >= 0, pipe(&ends) == 0 else { return nil }
        let stop = ends[1]
        let mask = UInt32(
            IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)
        for folder in folders where inotify_add_watch(descriptor, folder, mask) < 0 {
            close(descriptor)
            close(ends[0])
            close(ends[1])
            return nil
        }
        self.descriptor = descriptor
        self.stop = stop
        let (stream, continuation) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        changes = stream
        var thread = pthread_t()
        let job = Unmanaged.passRetained(
            Job(descriptor: descriptor, stop: ends[0], continuation: continuation))
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, job.toOpaque())
        pthread_detach(thread)
    }

    /// Ends the watching thread.
    func cancel() {
        close(stop)
    }

    private final class Job {
        let descriptor: Int32
        let stop: Int32
        let continuation: AsyncStream<Void>.Continuation

        init(descriptor: Int32, stop: Int32, continuation: AsyncStream<Void>.Continuation) {
            self.descriptor = descriptor
            self.stop = stop
            self.continuation = continuation
        }

        func run() {
            var buffer = [UInt8](repeating: 0, count: 16 * 1024)
            while true {
                var waits = [
                    pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
                ]
                let ready = poll(&waits, 2, 2_000)
                if ready < 0, errno == EINTR { continue }
                if ready == 0 {
                    continuation.yield()
                    continue
                }
                if ready < 0 || waits[1].revents != 0 { break }
                let count = read(descriptor, &buffer, buffer.count)
                if count <= 0 { break }
                continuation.yield()
            }
            close(descriptor)
            close(stop)
            continuation.finish()
        }
    }
}
