// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshControl
import MeshRollout
import MeshSnapshot
import Testing

/// Where rollouts stand outlives the process, and a damaged file is never guessed at.
@Suite("a folder of states")
struct RolloutFolderTests {
    private let path = FileManager.default.temporaryDirectory
        .appending(path: "rollouts-\(UUID().uuidString)").path

    private let plan = RolloutPlan(
        name: "default/chat", target: "Model default/chat", stable: "v1", canary: "v2",
        steps: [.init(weight: 5), .init(weight: 50)],
        checks: [.init(.errors, increase: 10_000, samplesMin: 20)], fingerprint: 7)

    private func withFolder(_ body: (RolloutFolder) throws -> Void) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(RolloutFolder(path: path))
    }

    private var file: String { path + "/default_chat.rollout" }

    private func state(promoted times: Int) throws -> RolloutState {
        var rollout = Rollout(plan, wall: WallTime(nanoseconds: 5_000_000_000))
        for _ in 0..<times {
            _ = try rollout.obey(.promote, wall: WallTime(nanoseconds: 6_000_000_000))
        }
        return rollout.state
    }

    private func found(_ kept: RolloutBook.Kept) -> RolloutState? {
        if case .state(let state) = kept { state } else { nil }
    }

    @Test("what is written is read, and replaced as a whole")
    func writes() throws {
        try withFolder { folder in
            guard case .nothing = folder.read(plan.name) else {
                Issue.record("nothing was kept")
                return
            }
            for times in 0...2 {
                let state = try state(promoted: times)
                try folder.write(state)
                #expect(found(folder.read(plan.name)) == state)
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
            #expect(names == ["default_chat.rollout", "lock"])
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
    }

    @Test("whatever byte is lost or changed, it is told and nothing is guessed")
    func damage() throws {
        try withFolder { folder in
            try folder.write(try state(promoted: 1))
            let whole = try Data(contentsOf: URL(filePath: file))
            var random = SplitMix64(seed: 4)
            for number in 0..<200 {
                var bytes = whole
                if number % 2 == 0 {
                    bytes = bytes.prefix(random.below(bytes.count))
                } else {
                    bytes[random.below(bytes.count)] ^= UInt8(1 << random.below(8))
                }
                try bytes.write(to: URL(filePath: file))
                switch folder.read(plan.name) {
                case .unreadable(let reason):
                    #expect(reason.contains(file) && reason.contains("pinion rollout restart"))
                case .state, .nothing: Issue.record("seed 4, damage \(number) was not noticed")
                }
            }
            try Data().write(to: URL(filePath: file))
            guard case .unreadable = folder.read(plan.name) else {
                Issue.record("an empty file is no state")
                return
            }
        }
    }

    @Test("a file of a later version is left alone, and says so")
    func later() throws {
        try withFolder { folder in
            try folder.write(try state(promoted: 1))
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try text.replacing("\"version\":1", with: "\"version\":2", maxReplacements: 1)
                .write(toFile: file, atomically: true, encoding: .utf8)
            guard case .unreadable(let reason) = folder.read(plan.name) else {
                Issue.record("it is not of this version")
                return
            }
            #expect(reason.contains("later pinion"))
        }
    }

    @Test("a folder belongs to one process, and must be one that can be written to")
    func locked() throws {
        try withFolder { folder in
            let failure = #expect(throws: RolloutFolder.Failure.self) {
                try RolloutFolder(path: path)
            }
            #expect(failure?.description.contains("another process uses it") == true)
            let inside = #expect(throws: RolloutFolder.Failure.self) {
                try RolloutFolder(path: path + "/lock/states")
            }
            #expect(inside?.description.contains("cannot be made") == true)
            let successor = try RolloutFolder(path: path, waits: true)
            #expect(!successor.own())
            #expect(folder.own())
        }
        // It is free again when the process is done with it.
        try withFolder { folder in #expect(folder.path == path) }
    }

    @Test("names as long as names may be have files apart")
    func long() throws {
        try withFolder { folder in
            let base = String(repeating: "a", count: 240)
            for end in ["b", "c"] {
                var long = plan
                long.name = "default/\(base)\(end)"
                let state = Rollout(long, wall: WallTime(nanoseconds: 0)).state
                try folder.write(state)
                #expect(found(folder.read(long.name)) == state)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: path).count == 3)
        }
    }
}
