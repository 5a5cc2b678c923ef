// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import MeshBasics
import MeshLimits
import MeshProxy

/// What a process that takes over has from the one before it: its listening sockets, and a line
/// to it.
///
/// ```
///  former ── starts ──> successor
///         <── loaded ── the configuration is good
///         ── usage ──>  what limits have given out
///         <── ready ──  it accepts
///  closes its sockets, finishes what runs, ends
/// ```
///
/// Descriptors are inherited, and the variable `PINION_HANDOVER` says what they are. When the
/// line breaks before `ready`, nothing has changed for the former process: the new one accepts
/// nothing before.
struct Handover {
    /// The listening sockets of the proxy.
    var sockets: [HandedSocket] = []
    /// The listening socket of the admin port, or nil.
    var admin: Int32?
    /// The line to the former process.
    private let line: Line

    /// The variable that says what was inherited.
    static let variable = "PINION_HANDOVER"

    /// What this process inherited, or nil when nobody started it to take over.
    ///
    /// To be called first: whatever else was inherited is closed. Libraries leave connections open
    /// for children, and who is at their other end would wait for this process too.
    init?() {
        guard let text = Process.environment(Self.variable) else { return nil }
        unsetenv(Self.variable)
        var line: Line?
        for part in text.split(separator: ";") {
            let words = part.split(separator: "|").map(String.init)
            guard let kind = words.first, let last = words.last, let descriptor = Int32(last),
                fcntl(descriptor, F_GETFD) >= 0
            else { continue }
            switch (kind, words.count) {
            case ("line", 2): line = Line(descriptor)
            case ("admin", 2) where Self.listens(descriptor): admin = descriptor
            case ("socket", 4) where Self.listens(descriptor):
                guard let port = UInt16(words[2]) else { continue }
                sockets.append(
                    HandedSocket(address: words[1], port: port, descriptor: descriptor))
            default: continue
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        Self.closeInherited()
        guard let line else { return nil }
        self.line = line
    }

    /// Whether `descriptor` is a socket that listens.
    private static func listens(_ descriptor: Int32) -> Bool {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0
            && value != 0
    }

    /// Closes what is open behind standard error and would be inherited by a child once more: it
    /// was inherited itself, for nothing here is opened so.
    private static func closeInherited() {
        guard let folder = opendir("/proc/self/fd") else { return }
        var found: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let descriptor = Int32(name), descriptor > 2, descriptor != dirfd(folder) {
                found.append(descriptor)
            }
        }
        closedir(folder)
        for descriptor in found {
            let flags = fcntl(descriptor, F_GETFD)
            if flags >= 0, flags & FD_CLOEXEC == 0 { close(descriptor) }
        }
    }

    /// How the variable says it.
    static func text(line: Int32, admin: Int32?, sockets: [HandedSocket]) -> String {
        var parts = ["line|\(line)"]
        if let admin { parts.append("admin|\(admin)") }
        parts += sockets.map { "socket|\($0.address)|\($0.port)|\($0.descriptor)" }
        return parts.joined(separator: ";")
    }

    /// Tells the former process that the configuration is good, and answers what its limits have
    /// given out.
    func loaded() async -> [LimitUsage] {
        await line.send("loaded")
        guard let text = await line.receive(within: 5) else { return [] }
        return (try? JSONDecoder().decode([LimitUsage].self, from: Data(text.utf8))) ?? []
    }

    /// Tells the former process that this one accepts.
    func ready() async { await line.send("ready") }

    /// A line to another process of ours: text, one line each.
    ///
    /// Sendable because its one queue does everything.
    final class Line: @unchecked Sendable {
        private let descriptor: Int32
        private let queue = DispatchQueue(label: "pinion.handover")
        private var kept: [UInt8] = []

        init(_ descriptor: Int32) { self.descriptor = descriptor }

        deinit { close(descriptor) }

        /// Sends one line; a peer that is gone is noticed when something is received.
        func send(_ text: String) async {
            await onQueue {
                let bytes = Array((text + "\n").utf8)
                var offset = 0
                while offset < bytes.count {
                    let count = bytes.withUnsafeBytes { buffer in
                        Glibc.send(
                            self.descriptor, buffer.baseAddress.map { $0 + offset },
                            bytes.count - offset, Int32(MSG_NOSIGNAL))
                    }
                    if count <= 0 { return }
                    offset += count
                }
            }
        }

        /// The next line; nil when the peer is gone, or says nothing for so many seconds.
        func receive(within seconds: Int) async -> String? {
            await onQueue {
                let end = LiveWorld.now() + .seconds(Int64(seconds))
                var buffer = [UInt8](repeating: 0, count: 64 * 1024)
                while true {
                    if let stop = self.kept.firstIndex(of: UInt8(ascii: "\n")) {
                        let text = String(decoding: self.kept[..<stop], as: UTF8.self)
                        self.kept.removeFirst(stop + 1)
                        return text
                    }
                    let left = (end - LiveWorld.now()).rawValue / 1_000_000
                    guard left > 0, self.kept.count < Self.lineMost else { return nil }
                    var poll = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
                    if Glibc.poll(&poll, 1, Int32(left)) <= 0 { continue }
                    let count = read(self.descriptor, &buffer, buffer.count)
                    if count <= 0 { return nil }
                    self.kept.append(contentsOf: buffer[0..<count])
                }
            }
        }

        private func onQueue<Result: Sendable>(
            _ work: @escaping @Sendable () -> Result
        ) async -> Result {
            await withCheckedContinuation { continuation in
                queue.async { continuation.resume(returning: work()) }
            }
        }

        /// Bytes of a line, at most.
        private static let lineMost = 64 * 1024 * 1024
    }
}
