// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import MeshIdentity

/// A file of API keys that commands change while proxies read it.
///
/// Whoever may write the file may make keys: there is no other door. A change is written beside
/// the file and put in its place in one step, so that a reader sees the whole of one or the
/// other; a lock lets one change go after another.
struct KeyFile {
    /// Where it is.
    let path: String

    /// Why it cannot be read or changed.
    struct Failure: Error, CustomStringConvertible {
        /// What happened and what to do.
        let description: String
    }

    /// The keys in it; none when it is not there.
    func read() throws(Failure) -> [APIKey] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(description: "\(path): cannot be read; check its permissions")
        }
        do throws(APIKeySet.Fault) {
            return try APIKeySet(Array(data)).keys
        } catch {
            throw Failure(
                description: "\(path):\(error.line): \(error.message); correct or remove the line")
        }
    }

    /// Changes the keys in it.
    func change<Answer>(
        _ change: (inout [APIKey]) throws(Failure) -> Answer
    ) throws(Failure) -> Answer {
        let lock = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw unwritable() }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 { guard errno == EINTR else { throw unwritable() } }
        var keys = try read()
        let answer = try change(&keys)
        try write(keys)
        return answer
    }

    private func write(_ keys: [APIKey]) throws(Failure) {
        let draft = path + ".draft"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw unwritable() }
        var bytes: [UInt8] = []
        for key in keys {
            bytes += key.line
            bytes.append(UInt8(ascii: "\n"))
        }
        var isWritten = true
        var rest = bytes[...]
        while isWritten, !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            isWritten = count > 0
            rest = rest.dropFirst(max(0, count))
        }
        keepOwner(of: descriptor)
        isWritten = isWritten && fsync(descriptor) == 0
        close(descriptor)
        guard isWritten, rename(draft, path) == 0 else {
            unlink(draft)
            throw unwritable()
        }
        let folder = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    /// A proxy may run as another user than whoever makes keys: who could read the file can go on.
    private func keepOwner(of descriptor: Int32) {
        var former = stat()
        guard stat(path, &former) == 0 else { return }
        _ = fchown(descriptor, former.st_uid, former.st_gid)
        fchmod(descriptor, former.st_mode & 0o666)
    }

    private func unwritable() -> Failure {
        Failure(
            description: "\(path): cannot be written: \(String(cString: strerror(errno))); who may "
                + "write the file and its folder may make keys")
    }
}
