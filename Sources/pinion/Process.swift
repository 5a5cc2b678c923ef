// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import MeshBasics
import MeshTelemetry

/// The running process, as the kernel sees it.
enum Process {
    /// Yields when the process gets SIGTERM or SIGINT; a second one ends it at once.
    ///
    /// To be called before anything says that the process is ready: whoever waits for that may
    /// ask it to stop in the next moment, and a signal without a handler ends it, or is lost.
    static func requestsToStop() -> AsyncStream<Void> {
        AsyncStream<Void> { continuation in
            for number in [SIGTERM, SIGINT] {
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                let seen = Counter()
                source.setEventHandler {
                    if seen.next() > 1 { _exit(130) }
                    continuation.yield()
                }
                source.resume()
                keep(source)
            }
        }
    }

    /// Calls `action` whenever the process gets SIGHUP.
    static func onHangup(_ action: @escaping @Sendable () -> Void) { on(SIGHUP, action) }

    /// Calls `action` whenever the process gets SIGUSR2.
    static func onUpgrade(_ action: @escaping @Sendable () -> Void) { on(SIGUSR2, action) }

    private static func on(_ number: Int32, _ action: @escaping @Sendable () -> Void) {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler(handler: DispatchWorkItem(block: action))
        source.resume()
        keep(source)
    }

    /// Raises the soft limit of open files to the hard one.
    static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Lets go of the pages of code that only the start needed: reading YAML, compiling, linking.
    ///
    /// They stay in the page cache and come back when they are used; what resident memory then
    /// shows is what serving takes.
    static func forgetStart() {
        guard let file = fopen("/proc/self/maps", "r") else { return }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 4352)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(
                decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // Code in files is never written to, so nothing is lost.
            let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
            guard words.count >= 6, words[1] == "r-xp", words[5].hasPrefix("/") else { continue }
            let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, ends[1] > ends[0] else { continue }
            madvise(
                UnsafeMutableRawPointer(bitPattern: ends[0]), Int(ends[1] - ends[0]), MADV_DONTNEED)
        }
    }

    /// The value of an environment variable; nil when it is unset or empty.
    static func environment(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// Memory in RAM, CPU time and open files, for the metrics page.
    static func facts(_ facts: inout ProcessFacts) {
        if let pages = firstNumbers(of: "/proc/self/statm", count: 2).last {
            facts.residentBytes = UInt64(pages) * UInt64(sysconf(Int32(_SC_PAGESIZE)))
        }
        var time = timespec()
        if clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 {
            facts.cpu = Nanoseconds(Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
        }
        if let folder = opendir("/proc/self/fd") {
            var count: UInt64 = 0
            while readdir(folder) != nil { count += 1 }
            closedir(folder)
            // Without `.`, `..` and the folder itself.
            facts.openFiles = count > 3 ? count - 3 : 0
        }
    }

    private static func firstNumbers(of path: String, count: Int) -> [Int] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return [] }
        let text = String(
            decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: " ").prefix(count).compactMap { Int($0) }
    }

    private static func keep(_ source: any DispatchSourceSignal) {
        sources.hold(source)
    }

    private static let sources = Holder()

    private final class Holder: @unchecked Sendable {
        private var held: [any DispatchSourceSignal] = []
        private let queue = DispatchQueue(label: "pinion.signals")

        func hold(_ source: any DispatchSourceSignal) { queue.sync { held.append(source) } }
    }

    private final class Counter: @unchecked Sendable {
        private var value = 0
        private let queue = DispatchQueue(label: "pinion.counter")

        func next() -> Int {
            queue.sync {
                value += 1
                return value
            }
        }
    }
}
