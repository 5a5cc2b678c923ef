// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import Testing

@testable import MeshSimulator

struct TraceTests {
    static let azure = """
        TIMESTAMP,ContextTokens,GeneratedTokens
        2023-11-16 18:17:03.9799600,4808,10
        2023-11-16 18:17:04.0319600,3180,8

        2023-11-16 18:17:13.9799600,110,27
        """

    static let mooncake = """
        {"timestamp": 27482, "input_length": 1025, "output_length": 52, "hash_ids": [46, 47, 48]}
        {"timestamp": 30535, "output_length": 26, "hash_ids": [46, 50], "input_length": 1024}
        {"note": {"a": [1, "x]"]}, "timestamp": 30536.5, "input_length": 7, "output_length": 1}
        """

    static func parse(
        _ text: String, _ change: (inout Trace.Options) -> Void = { _ in }
    ) throws(TraceFault) -> Trace {
        var options = Trace.Options(model: "m")
        change(&options)
        return try Trace.parse(Array(text.utf8), file: "t", options: options)
    }

    @Test("Azure's traces are read")
    func azureLines() throws {
        let trace = try Self.parse(Self.azure)
        #expect(trace.items.map(\.promptTokens) == [4808, 3180, 110])
        #expect(trace.items.map(\.answerTokens) == [10, 8, 27])
        #expect(trace.items.map(\.at.nanoseconds) == [0, 52_000_000, 10_000_000_000])
        #expect(!trace.hasPrefixes)
        #expect(trace.items.allSatisfy { $0.model == "m" && $0.prefix.isEmpty })
    }

    @Test("times of Azure's traces may have a zone or no fraction")
    func azureTimes() throws {
        let trace = try Self.parse(
            """
            TIMESTAMP,ContextTokens,GeneratedTokens\r
            2024-05-10 00:00:00+00:00,1,1\r
            2024-05-10T02:00:00.5+02:00,1,1\r
            """)
        #expect(trace.items.map(\.at.nanoseconds) == [0, 500_000_000])
    }

    @Test("Mooncake's traces are read, whatever the order of members")
    func mooncakeLines() throws {
        let trace = try Self.parse(Self.mooncake)
        #expect(trace.items.map(\.promptTokens) == [1025, 1024, 7])
        #expect(trace.items.map(\.answerTokens) == [52, 26, 1])
        #expect(trace.items.map(\.at.nanoseconds) == [0, 3_053_000_000, 3_054_500_000])
        #expect(trace.hasPrefixes)
        #expect(trace.items.allSatisfy { $0.prefixBlockTokens == 512 })
        #expect(trace.items[0].prefix[0] == trace.items[1].prefix[0])
        #expect(trace.items[0].prefix[1] != trace.items[1].prefix[1])
        // An engine asks for smaller blocks, as many as fill the prompt.
        #expect(trace.items[0].blockHashes(blockTokens: 16).count == 64)
    }

    @Test("speed, limit and duration choose what is taken")
    func options() throws {
        let fast = try Self.parse(Self.azure) { $0.speed = 4 }
        #expect(fast.items.map(\.at.nanoseconds) == [0, 13_000_000, 2_500_000_000])
        #expect(try Self.parse(Self.azure) { $0.countMax = 2 }.items.count == 2)
        #expect(try Self.parse(Self.azure) { $0.duration = .seconds(5) }.items.count == 2)
        #expect(
            try Self.parse(Self.azure) {
                $0.duration = .seconds(5)
                $0.speed = 4
            }.items.map(\.at.nanoseconds) == [0, 13_000_000])
    }

    @Test("what lies behind the limit is not read")
    func limited() throws {
        let text = Self.azure + "\nnonsense\n"
        #expect(try Self.parse(text) { $0.countMax = 3 }.items.count == 3)
        #expect(throws: TraceFault.self) { try Self.parse(text) }
    }

    @Test("requests are put in order of time")
    func disorder() throws {
        let trace = try Self.parse(
            """
            {"timestamp": 50, "input_length": 1, "output_length": 1}
            {"timestamp": 30, "input_length": 4, "output_length": 1}
            {"timestamp": 50, "input_length": 3, "output_length": 1}
            {"timestamp": 20, "input_length": 2, "output_length": 1}
            """
        ) { $0.duration = .milliseconds(30) }
        #expect(trace.items.map(\.promptTokens) == [2, 4])
        #expect(trace.items.map(\.at.nanoseconds) == [0, 10_000_000])
    }

    @Test(
        "a mistake is told with its line and what to do",
        arguments: [
            ("", 1, "empty"), ("\n\n", 2, "empty"), ("a,b,c\n1,2,3", 1, "begins no known trace"),
            ("TIMESTAMP,ContextTokens,GeneratedTokens\n", 1, "has no request"),
            ("#\n2023-11-16 18:17:03,1", 2, "three fields"),
            ("#\n2023-11-16 18:17:03,1,2,3", 2, "three fields"),
            ("#\n2023-11-16 18:17:03,1,2\n\nyesterday,1,2", 4, "`yesterday` is not a time"),
            ("#\n2023-13-16 18:17:03,1,2", 2, "is not a time"),
            ("#\n2023-11-16 18:17:03.,1,2", 2, "is not a time"),
            ("#\n2023-11-16 18:17:03,-1,2", 2, "`ContextTokens` is `-1`"),
            ("#\n2023-11-16 18:17:03,1,99999999999", 2, "`GeneratedTokens`"),
            ("#\n2023-11-16 18:17:03,1,1\n2025-11-16 18:17:03,1,1", 3, "a year"),
            ("{", 1, "a string"), ("{}", 1, "`timestamp` is missing"),
            (#"{"timestamp": 1, "input_length": 1}"#, 1, "`output_length` is missing"),
            (#"{"timestamp": -1}"#, 1, "`timestamp` is -1"),
            (#"{"timestamp": "1"}"#, 1, "a number as `timestamp` at byte 15"),
            (#"{"timestamp": 1} x"#, 1, "the end of the line at byte 18, found `x`"),
            (#"{"timestamp" 1}"#, 1, "expected `:`"), (#"{"timestamp": 1,}"#, 1, "a string"),
            (#"{"hash_ids": [1, a]}"#, 1, "a whole number in `hash_ids`"),
            (#"{"hash_ids": [1 2]}"#, 1, "`,` or `]`"), (#"{"x": [1, 2"#, 1, "a value"),
            (#"{"x": "\"#, 1, "the end of a string"), (#"{"x": ]}"#, 1, "a value"),
        ])
    func mistakes(text: String, line: Int, message: String) {
        let header = "TIMESTAMP,ContextTokens,GeneratedTokens"
        do throws(TraceFault) {
            _ = try Self.parse(text.hasPrefix("#\n") ? header + text.dropFirst() : text)
            Issue.record("it was read")
        } catch {
            #expect(error.line == line)
            #expect(error.description.hasPrefix("t:\(line): "))
            #expect(error.message.contains(message), "\(error.message)")
            #expect(!error.remedy.isEmpty)
        }
    }

    @Test("no garbage makes the reader trap")
    func fuzz() {
        var random = SplitMix64(seed: 9)
        for _ in 0..<3000 {
            var bytes = Array((random.below(2) == 0 ? Self.azure : Self.mooncake).utf8)
            for _ in 0...random.below(4) {
                let place = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[place] = UInt8(random.below(256))
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8(random.below(128)), at: place)
                }
            }
            let trace = try? Trace.parse(bytes, file: "t", options: .init(model: "m"))
            #expect((trace?.items.count ?? 1) > 0)
        }
    }

    /// Public traces, where they lie beside the tree: counts, rates and lengths that their
    /// description names.
    @Test(
        "public traces are read whole",
        .enabled(
            if: FileManager.default.fileExists(atPath: PublicTraces.folder),
            "needs the public traces in ../shared/data, unpacked with gzip"),
        arguments: PublicTraces.all)
    func publicTraces(expected: PublicTraces) throws {
        let trace = try Trace.parse(
            expected.bytes(), file: expected.name, options: .init(model: "m"))
        #expect(trace.items.count == expected.requests)
        let last = try #require(trace.items.last)
        let count = Double(trace.items.count)
        #expect(abs(count / (last.at - Instant(nanoseconds: 0)).seconds / expected.rate - 1) < 0.02)
        let input = trace.items.reduce(0) { $0 + $1.promptTokens }
        #expect(abs(Double(input) / count / expected.inputMean - 1) < 0.01)
        let output = trace.items.reduce(0) { $0 + $1.answerTokens }
        #expect(abs(Double(output) / count / expected.outputMean - 1) < 0.02)
        let blocks = trace.items.flatMap(\.prefix)
        #expect(trace.hasPrefixes == !blocks.isEmpty)
        if let unique = expected.uniqueBlocks { #expect(Set(blocks).count == unique) }
    }
}

/// A public trace and what is known about it.
struct PublicTraces: Sendable, CustomTestStringConvertible {
    var name: String
    var requests: Int
    var rate: Double
    var inputMean: Double
    var outputMean: Double
    var uniqueBlocks: Int?

    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().appendingPathComponent("../../../../shared/data")
        .standardized.path

    static let all = [
        PublicTraces(
            name: "azure_llm_2023_code.csv", requests: 8819, rate: 2.57, inputMean: 2048,
            outputMean: 28),
        PublicTraces(
            name: "azure_llm_2023_conv.csv", requests: 19_366, rate: 5.53, inputMean: 1155,
            outputMean: 211),
        PublicTraces(
            name: "mooncake_fast25_conversation.jsonl", requests: 12_031, rate: 3.40,
            inputMean: 12_035, outputMean: 343, uniqueBlocks: 182_790),
    ]

    var testDescription: String { name }

    func bytes() throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", "\(Self.folder)/\(name).gz"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let bytes = [UInt8](pipe.fileHandleForReading.readDataToEndOfFile())
        process.waitUntilExit()
        return bytes
    }
}
