// SPDX-License-Identifier: Apache-2.0

import MeshBasics

@testable import MeshPolicy

/// The facts of a request, as tests use them.
enum Sample {
    static let environment = Environment(facts: [
        FactDeclaration("request.method", .string),
        FactDeclaration("request.path", .string, sizeMax: 8_192),
        FactDeclaration("request.headers", .map(.string, .string), sizeMax: 100),
        FactDeclaration("request.size", .int),
        FactDeclaration("request.time", .timestamp),
        FactDeclaration("source.ip", .address),
        FactDeclaration("principal.id", .string),
        FactDeclaration("jwt.claims", .map(.string, .dyn), sizeMax: 100),
        FactDeclaration("ai.model", .string),
        FactDeclaration("ai.tools", .list(.string), sizeMax: 64),
        FactDeclaration("ai.stream", .bool),
    ])

    /// The value of `text`, which reads no facts, or the failure.
    static func value(_ text: String) throws -> Value {
        var layout = FactLayout()
        let program = try Program.compile(
            text, in: environment, expecting: .dyn, layout: &layout)
        return try program.value(FactTable(layout))
    }

    /// Every mistake in `text`, one a line; empty when there is none.
    static func mistakes(_ text: String, expecting type: Type = .dyn) -> String {
        var layout = FactLayout()
        do {
            _ = try Program.compile(text, in: environment, expecting: type, layout: &layout)
            return ""
        } catch { return error.description }
    }
}

/// A program with its facts.
struct Rule {
    let program: Program
    let layout: FactLayout
    var facts: FactTable

    init(_ text: String, in environment: Environment = Sample.environment) throws {
        var layout = FactLayout()
        program = try Program.compile(text, in: environment, layout: &layout)
        self.layout = layout
        facts = FactTable(layout)
    }

    /// The slot of a fact or an entry.
    private func slot(_ name: String, _ key: String?) -> Int? {
        layout.slots.firstIndex {
            Sample.environment.facts[$0.fact].name == name && $0.key == key
        }
    }

    /// Fills a fact, or one of its entries, when the program reads it.
    mutating func set(_ name: String, _ key: String? = nil, text: String) {
        if let slot = slot(name, key) { facts.set(slot, text: text) }
    }

    mutating func set(_ name: String, _ key: String? = nil, to value: Value) {
        if let slot = slot(name, key) { facts.set(slot, value) }
    }

    mutating func setAbsent(_ name: String, _ key: String? = nil) {
        if let slot = slot(name, key) { facts.setAbsent(slot) }
    }

    var verdict: Verdict { program.verdict(facts) }
}
