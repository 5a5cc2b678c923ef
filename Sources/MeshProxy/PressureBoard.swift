// SPDX-License-Identifier: Apache-2.0

import Glibc
import MeshLimits
import Synchronization

/// Where the loops write what they use, and read how short the process is of it.
///
/// Each loop writes its own four times a second; the first one adds up, and all act on the level
/// by themselves.
final class PressureBoard: Sendable {
    private let parts: Mutex<[Part]>
    private let state = Mutex(State())
    private let level = Atomic<UInt8>(0)

    private struct Part {
        var descriptors = 0
        var buffered = 0
    }

    private struct State {
        var memoryMax = 0
        var bufferedMax = 0
        var level = Pressure.none
    }

    /// A board for so many loops.
    init(loops: Int) { parts = Mutex(Array(repeating: Part(), count: loops)) }

    /// The level at present.
    var pressure: Pressure { Pressure(rawValue: level.load(ordering: .relaxed)) ?? .none }

    /// The bounds of the snapshot in use; memory that was not written is what the container has.
    func setMost(memory: Int?, buffered: Int) {
        let most = memory ?? Self.containerMemory() ?? 0
        state.withLock { state in
            state.memoryMax = most
            state.bufferedMax = buffered
        }
    }

    /// Loop `number` uses so much.
    func report(_ number: Int, descriptors: Int, buffered: Int) {
        parts.withLock { parts in
            parts[number].descriptors = descriptors
            parts[number].buffered = buffered
        }
    }

    /// Adds up what the loops reported, and finds the level anew.
    func update() {
        var reading = PressureReading()
        parts.withLock { parts in
            reading.descriptors = parts.reduce(Self.ownDescriptors) { $0 + $1.descriptors }
            reading.buffered = parts.reduce(0) { $0 + $1.buffered }
        }
        reading.descriptorsMax = Self.descriptorLimit()
        if reading.descriptorsMax <= Self.countedMost {
            // Where there are few, each counts.
            reading.descriptors = Self.countDescriptors() ?? reading.descriptors
        }
        reading.memory = Self.residentBytes()
        let next = state.withLock { state in
            reading.memoryMax = state.memoryMax
            reading.bufferedMax = state.bufferedMax
            state.level = state.level.next(at: reading.permille)
            return state.level
        }
        level.store(next.rawValue, ordering: .relaxed)
    }

    /// Descriptors that are no connections: loops, listeners, files.
    private static let ownDescriptors = 32

    /// Up to such a bound descriptors are counted one by one; that takes too long for more.
    private static let countedMost = 4_096

    private static func countDescriptors() -> Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Without `.`, `..` and the folder itself.
        return max(0, count - 3)
    }

    private static func descriptorLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(clamping: limit.rlim_cur)
    }

    private static func residentBytes() -> Int {
        (numbers(of: "/proc/self/statm").dropFirst().first ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// The memory that the container may use, or nil when it is not bounded.
    private static func containerMemory() -> Int? {
        let paths = [
            "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ]
        // An absent bound is a word, or a number beyond any machine.
        return paths.lazy.compactMap { numbers(of: $0).first }.first { $0 < 1 << 50 }
    }

    private static func numbers(of path: String) -> [Int] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return [] }
        let text = String(
            decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
    }
}
