// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshExchange
import MeshSnapshot
import Synchronization
import Testing

@testable import MeshControl

@Suite struct RecordingWriterTests {
    /// A folder of its own for each test.
    private let folder = FileManager.default.temporaryDirectory
        .appending(path: "recordings-\(UUID().uuidString)")

    private func path(_ name: String) -> String { folder.appending(path: name).path }

    private func exchange(_ number: Int) -> ExchangeRecording {
        ExchangeRecording(
            id: "request-\(number)", startedNanoseconds: UInt64(number), wallOffset: 0, snapshot: 1)
    }

    private func settings(_ name: String, bytesMax: Int = 1 << 20) -> RecordingSettings {
        RecordingSettings(file: path(name), fileBytesMax: bytesMax)
    }

    private func read(_ name: String) throws -> RecordingFile {
        try RecordingFile(
            parsing: Data(contentsOf: URL(filePath: path(name))), name: name)
    }

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    @Test func whatWasAppendedIsReadBackInOrder() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let writer = RecordingWriter { Issue.record("\($0)") }
        writer.use(settings("all.jsonl"), [])
        for number in 0..<5 { #expect(writer.append([exchange(number)])) }
        writer.finish()
        #expect(try read("all.jsonl").exchanges.map(\.id) == (0..<5).map { "request-\($0)" })
    }

    @Test func aFullFileIsBegunAnewAndTheOneBeforeKept() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let writer = RecordingWriter { Issue.record("\($0)") }
        writer.use(settings("turn.jsonl", bytesMax: 400), [])
        for number in 0..<40 { #expect(writer.append([exchange(number)])) }
        writer.finish()
        let old = try read("turn.jsonl.1").exchanges.map(\.id)
        let new = try read("turn.jsonl").exchanges.map(\.id)
        #expect(!old.isEmpty && !new.isEmpty)
        // Nothing is lost between the two, and both can be read alone.
        let last = (old + new).map { Int($0.dropFirst("request-".count)) }
        #expect(last == Array(40 - last.count..<40))
        let size = try FileManager.default.attributesOfItem(atPath: path("turn.jsonl.1"))[.size]
        // One exchange may go over the bound, never two.
        #expect(size as? Int ?? 0 < 400 + 400)
    }

    @Test func aDiskThatFailsIsSaidOnceAndTriedAgainWhenTold() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let reports = Mutex<[String]>([])
        let writer = RecordingWriter { text in reports.withLock { $0.append(text) } }
        // A file can neither be made nor opened where a folder is.
        try FileManager.default.createDirectory(
            atPath: path("taken.jsonl"), withIntermediateDirectories: false)
        writer.use(settings("taken.jsonl"), [])
        for number in 0..<3 { _ = writer.append([exchange(number)]) }
        writer.finish()
        #expect(reports.withLock { $0.count } == 1)
        #expect(reports.withLock { $0.first?.contains(path("taken.jsonl")) } == true)

        try FileManager.default.removeItem(atPath: path("taken.jsonl"))
        writer.use(settings("taken.jsonl"), [])
        #expect(writer.append([exchange(7)]))
        writer.finish()
        #expect(try read("taken.jsonl").exchanges.map(\.id) == ["request-7"])
    }

    @Test func whatADiskDoesNotTakeIsRefusedNotQueued() {
        defer { try? FileManager.default.removeItem(at: folder) }
        let gate = DispatchSemaphore(value: 0)
        let writer = RecordingWriter { _ in gate.wait() }
        // The report of the first failure holds the queue, as a hung disk would.
        writer.use(RecordingSettings(file: path("none/none.jsonl")), [])
        var taken = 0
        while writer.append([exchange(taken)]), taken < 1_000 { taken += 1 }
        #expect(taken >= 1 && taken < 1_000)
        gate.signal()
        writer.finish()
        #expect(writer.append([exchange(0)]))
    }
}
