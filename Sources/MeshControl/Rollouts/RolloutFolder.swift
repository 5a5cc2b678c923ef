// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import MeshBasics
package import MeshRollout

/// The folder in which rollouts keep where they stand, a file for each.
///
/// ```
/// {"checksum":"9f86d081884c7d65","format":"pinion-rollout","version":1}
/// {"name":"default/chat","phase":"Progressing","step":1,…}
/// ```
///
/// A file is replaced as a whole, and it is on the disk before the former one goes. One process
/// alone owns a folder: two would undo what the other has done. One that takes over from another
/// reads it before, and owns it when the other lets go.
package final class RolloutFolder: Sendable {
    /// Where it is.
    package let path: String
    private let lock: Int32

    /// What is wrong with a folder or file.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// Where, what, and what to do.
        package let description: String
    }

    private struct Header: Codable {
        static let formatName = "pinion-rollout"

        var checksum: String
        var format = Self.formatName
        var version = 1
    }

    /// The most bytes of a file that are read; a state is far smaller.
    private static let bytesMax = 1 << 20

    /// The folder at `path`, made when it is not there. With `waits` another process may own it
    /// still.
    ///
    /// **Errors** it cannot be made or written, or another process owns it.
    package init(path: String, waits: Bool = false) throws(Failure) {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw Failure(
                description: "state directory \(path): it cannot be made; name one that this "
                    + "process may write to")
        }
        lock = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            throw Failure(
                description: "state directory \(path): it cannot be written to: "
                    + "\(Self.reason()); name one that this process may write to")
        }
        guard waits || own() else {
            throw Failure(
                description: "state directory \(path): another process uses it; give each its own, "
                    + "with --state-dir")
        }
    }

    deinit { close(lock) }

    /// Whether this process owns the folder from now on.
    package func own() -> Bool { flock(lock, LOCK_EX | LOCK_NB) == 0 }

    /// What was kept of rollout `name`.
    package func read(_ name: String) -> RolloutBook.Kept {
        let file = file(of: name)
        func unreadable(_ reason: String) -> RolloutBook.Kept {
            .unreadable(
                "\(file): \(reason); look at where the canary stands, then begin anew with "
                    + "`pinion rollout restart \(name)`")
        }
        guard FileManager.default.fileExists(atPath: file) else { return .nothing }
        guard let handle = FileHandle(forReadingAtPath: file),
            let data = try? handle.read(upToCount: Self.bytesMax)
        else { return unreadable("it cannot be read") }
        let lines = data.split(separator: UInt8(ascii: "\n"), maxSplits: 1)
        let decoder = JSONDecoder()
        guard lines.count == 2, let header = try? decoder.decode(Header.self, from: lines[0]),
            header.format == Header.formatName
        else { return unreadable("it is no state of a rollout") }
        guard header.version == 1 else {
            return unreadable("its version \(header.version) is of a later pinion")
        }
        guard header.checksum == Self.checksum(lines[1]) else {
            return unreadable("it was damaged or cut off")
        }
        guard let state = try? decoder.decode(RolloutState.self, from: lines[1]) else {
            return unreadable("it is no state of a rollout")
        }
        return .state(state)
    }

    /// Puts `state` in the place of what was kept of its rollout.
    package func write(_ state: RolloutState) throws(Failure) {
        let file = file(of: state.name)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard var body = try? encoder.encode(state) else {
            throw Failure(description: "\(file): the state has no text form")
        }
        body.append(UInt8(ascii: "\n"))
        guard var text = try? encoder.encode(Header(checksum: Self.checksum(body))) else {
            throw Failure(description: "\(file): the state has no text form")
        }
        text.append(UInt8(ascii: "\n"))
        text.append(body)
        let draft = file + ".draft"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw unwritable(file) }
        var isWritten = true
        var rest = text[...]
        while isWritten, !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            isWritten = count > 0
            rest = rest.dropFirst(max(0, count))
        }
        isWritten = isWritten && fsync(descriptor) == 0
        let failure = unwritable(file)
        close(descriptor)
        guard isWritten else {
            unlink(draft)
            throw failure
        }
        guard rename(draft, file) == 0 else { throw unwritable(file) }
        let folder = open(path, O_RDONLY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    private func unwritable(_ file: String) -> Failure {
        Failure(
            description: "\(file): it cannot be written: \(Self.reason()); the rollout goes on, "
                + "but not where it stands when this process begins anew")
    }

    /// The file of rollout `name`: namespaces have no underscore, and names of files an end.
    private func file(of name: String) -> String {
        let plain = name.replacing("/", with: "_")
        guard plain.utf8.count > 200 else { return "\(path)/\(plain).rollout" }
        let hash = String(StableHash.of(utf8: name), radix: 16)
        return "\(path)/\(plain.prefix(150))_\(hash).rollout"
    }

    private static func checksum(_ bytes: Data) -> String {
        let plain = Array(bytes)
        return String(unsafe StableHash.of(plain.span.bytes), radix: 16)
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
