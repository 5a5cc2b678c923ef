// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import MeshPolicy

/// The simple tests of cel-spec, read in place; the score is printed and may only rise.
@Suite("conformance with cel-spec")
struct ConformanceTests {
    /// What a case came to.
    private enum Outcome {
        case passed
        case failed(String)
    }

    /// Families, and how many of their cases pass at least: of those that need no messages.
    private static let floors: [String: Int] = [
        "basic": 27,
        "bindings_ext": 7,
        "block_ext": 20,
        "comparisons": 263,
        "conversions": 78,
        "dynamic": 44,
        "encoders_ext": 4,
        "fields": 47,
        "fp_math": 26,
        "integer_math": 41,
        "lists": 29,
        "logic": 19,
        "macros": 32,
        "macros2": 32,
        "math_ext": 132,
        "namespace": 11,
        "network_ext": 54,
        "optionals": 36,
        "parse": 142,
        "plumbing": 1,
        "proto2": 8,
        "string": 37,
        "string_ext": 152,
        "timestamps": 62,
        "type_deductions": 20,
    ]

    /// Cases that fail although they need no messages, and why they may.
    private static let excused: [String: String] = [
        "parse/bytes_literals/triple_single_quoted_unescaped_punctuation":
            "its value has a backslash that its expression has not"
    ]

    @Test("every case without protobuf messages passes, or has a reason")
    func suite() throws {
        guard let cases = try Self.cases() else { return }
        var plain: [String: (passed: Int, all: Int)] = [:]
        var apart: (passed: Int, all: Int) = (0, 0)
        var unexpected: [String] = []
        for item in cases {
            let outcome = Self.run(item)
            var isPassed = false
            if case .passed = outcome { isPassed = true }
            if item.needsMessages {
                apart.all += 1
                apart.passed += isPassed ? 1 : 0
                continue
            }
            plain[item.family, default: (0, 0)].all += 1
            plain[item.family, default: (0, 0)].passed += isPassed ? 1 : 0
            if case .failed(let why) = outcome, Self.excused[item.id] == nil {
                unexpected.append("\(item.id): \(item.expression): \(why)")
            }
            if isPassed, Self.excused[item.id] != nil { unexpected.append("\(item.id) passes") }
        }
        for (family, score) in plain.sorted(by: { $0.key < $1.key }) {
            print("cel-spec \(family): \(score.passed) of \(score.all)")
            #expect(score.passed >= Self.floors[family] ?? 0, "\(family)")
        }
        let passed = plain.values.reduce(0) { $0 + $1.passed }
        let all = plain.values.reduce(0) { $0 + $1.all }
        print(
            "cel-spec core: \(passed) of \(all); needing messages: \(apart.passed) of \(apart.all)")
        for line in unexpected { print("  \(line)") }
        #expect(unexpected.isEmpty)
        #expect(Double(passed) >= 0.98 * Double(all))
    }

    private static func cases() throws -> [ConformanceCase]? {
        var root = URL(filePath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let file = root.appending(path: "../shared/suites/cel/cel_simple_tests.json.gz")
            .standardized
        guard FileManager.default.fileExists(atPath: file.path) else {
            print("skipped: no test data at ../shared/suites/cel")
            return nil
        }
        let process = Process()
        process.executableURL = URL(filePath: "/bin/gzip")
        process.arguments = ["-dc", file.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let json = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        let cases = (json?["tests"] as? [[String: Any]] ?? []).compactMap(ConformanceCase.init)
        #expect(cases.count > 1_000)
        return cases
    }

    private static func run(_ item: ConformanceCase) -> Outcome {
        guard let environment = item.environment() else { return .failed("unknown type") }
        let wantsError = item.json["eval_error"] != nil
        var layout = FactLayout()
        let program: Program
        do {
            program = try Program.compile(
                item.expression, in: environment, expecting: .dyn, layout: &layout,
                isChecked: item.isChecked)
        } catch {
            return wantsError ? .passed : .failed("\(error)")
        }
        let typed = item.json["typed_result"] as? [String: Any]
        if let typed {
            guard let wanted = Type(json: typed["deduced_type"]) else {
                return .failed("unknown type")
            }
            guard program.type == wanted else {
                return .failed("type \(program.type), not \(wanted)")
            }
        }
        if item.isCheckOnly { return .passed }
        var facts = FactTable(layout)
        for (index, slot) in layout.slots.enumerated() {
            guard let value = item.binding(environment.facts[slot.fact].name) else {
                facts.setAbsent(index)
                continue
            }
            fill(&facts, index, slot, value)
        }
        let result: Value
        do { result = try program.value(facts) } catch {
            return wantsError ? .passed : .failed("\(error)")
        }
        if wantsError { return .failed("gives \(result.text), not an error") }
        let json = item.json["value"] ?? typed?["result"]
        guard let wanted = json == nil ? .bool(true) : Value(json: json) else {
            return .failed("unknown value")
        }
        return result.isExactly(wanted)
            ? .passed : .failed("gives \(result.typeName) \(result.text), not \(wanted.text)")
    }

    /// Fills a slot with a value or one of its entries; texts as bytes, as a driver does.
    private static func fill(
        _ facts: inout FactTable, _ index: Int, _ slot: FactLayout.Slot, _ value: Value
    ) {
        var value = value
        if let key = slot.key {
            guard case .map(let map) = value, let entry = map.value(for: .string(key)) else {
                facts.setAbsent(index)
                return
            }
            value = entry
        }
        if case .string(let text) = value {
            facts.set(index, text: text)
        } else {
            facts.set(index, value)
        }
    }
}
