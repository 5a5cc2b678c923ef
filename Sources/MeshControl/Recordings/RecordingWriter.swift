// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
package import MeshExchange
package import MeshSnapshot
import Synchronization

/// Appends recordings to the file that the Mesh names, on a queue of its own.
///
/// What comes faster than the disk takes it is dropped, never queued without bound; when the file
/// reaches its size it is renamed to `FILE.1`, in the place of the one before, and begun anew.
package final class RecordingWriter: Sendable {
    private let queue = DispatchQueue(label: "recordings")
    private let state = State()
    private let waiting = Atomic<Int>(0)
    /// Batches that wait for the disk; one more is dropped.
    private static let batchesMax = 64
    private let report: @Sendable (String) -> Void

    /// Touched on the queue only.
    private final class State: @unchecked Sendable {
        var settings = RecordingSettings()
        var configurations: [RecordedConfiguration] = []
        var written: Set<UInt64> = []
        var handle: FileHandle?
        var size = 0
        var hasFailed = false
    }

    /// A writer that tells `report` once when a file cannot be written.
    package init(report: @escaping @Sendable (String) -> Void) { self.report = report }

    /// What holds from now on.
    package func use(_ settings: RecordingSettings, _ configurations: [RecordedConfiguration]) {
        queue.async { [self] in
            if settings != state.settings { close() }
            // A disk may have room again by the next change, or SIGHUP.
            state.hasFailed = false
            state.settings = settings
            state.configurations = configurations
        }
    }

    /// Appends what was recorded; false when the disk is behind and nothing was taken.
    package func append(_ recordings: [ExchangeRecording]) -> Bool {
        guard waiting.wrappingAdd(1, ordering: .relaxed).newValue <= Self.batchesMax else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        queue.async { [self] in
            for recording in recordings { write(recording) }
            waiting.wrappingSubtract(1, ordering: .relaxed)
        }
        return true
    }

    /// Returns once all that was appended is in the file.
    package func finish() {
        queue.sync { close() }
    }

    private func write(_ recording: ExchangeRecording) {
        guard let path = state.settings.file, !state.hasFailed else { return }
        if state.size >= state.settings.fileBytesMax { rotate(path) }
        guard open(path) else { return }
        var lines = Data()
        let needed = [recording.snapshot] + recording.events.compactMap(\.snapshot)
        for version in needed where !state.written.contains(version) {
            guard let found = state.configurations.last(where: { $0.version == version }) else {
                continue
            }
            state.written.insert(version)
            lines.append(RecordingFile.line(found))
        }
        lines.append(RecordingFile.line(recording))
        put(lines, path)
    }

    private func put(_ data: Data, _ path: String) {
        do {
            try state.handle?.write(contentsOf: data)
            state.size += data.count
        } catch {
            fail(path)
        }
    }

    private func open(_ path: String) -> Bool {
        if state.handle != nil { return true }
        let files = FileManager.default
        if !files.fileExists(atPath: path) {
            _ = files.createFile(
                atPath: path, contents: nil, attributes: [.posixPermissions: 0o640])
        }
        guard let handle = FileHandle(forWritingAtPath: path),
            let end = try? handle.seekToEnd()
        else {
            fail(path)
            return false
        }
        state.handle = handle
        state.size = Int(end)
        state.written = []
        // Each run begins with the format, on a line of its own whatever a crash left behind.
        put((end == 0 ? Data() : Data("\n".utf8)) + RecordingFile.firstLine, path)
        return true
    }

    private func rotate(_ path: String) {
        close()
        let old = path + ".1"
        try? FileManager.default.removeItem(atPath: old)
        try? FileManager.default.moveItem(atPath: path, toPath: old)
        state.size = 0
    }

    private func close() {
        try? state.handle?.close()
        state.handle = nil
        state.written = []
    }

    private func fail(_ path: String) {
        close()
        state.hasFailed = true
        report(
            "recordings cannot be written to \(path); check its folder, permissions and disk, "
                + "then send SIGHUP")
    }
}
