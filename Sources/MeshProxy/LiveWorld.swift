// SPDX-License-Identifier: Apache-2.0

import Glibc
package import MeshBasics
import NIOCore

/// The one place of the data plane that reads clocks and ambient chance.
package enum LiveWorld {
    /// The monotonic clock, as event loops count it.
    @inline(__always)
    package static func now() -> Instant {
        Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds)
    }

    /// Calendar time minus monotonic time, in nanoseconds.
    package static func wallOffset() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let wall = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        return wall - Int64(truncatingIfNeeded: now().nanoseconds)
    }

    /// A seed that differs from process to process and call to call.
    package static func seed() -> UInt64 {
        var system = SystemRandomNumberGenerator()
        return system.next()
    }

    /// Cores that this process may run on, at least 1.
    package static func cores() -> Int {
        // NIO knows of container quotas; the affinity mask is what taskset and cpusets set.
        max(1, min(allowedCores() ?? .max, System.coreCount))
    }

    private static func allowedCores() -> Int? {
        guard let file = fopen("/proc/self/status", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            guard text.hasPrefix("Cpus_allowed:") else { continue }
            return text.dropFirst(13).reduce(0) { $0 + ($1.hexDigitValue ?? 0).nonzeroBitCount }
        }
        return nil
    }
}

extension Instant {
    /// The same instant for an event loop's scheduler.
    var deadline: NIODeadline { .uptimeNanoseconds(nanoseconds) }
}
