// SPDX-License-Identifier: Apache-2.0

import MeshPolicy

extension Measure {
    /// What rules in CEL cost: compiling one, filling its facts, and each evaluation.
    mutating func policies() throws {
        for rule in SampleRule.all {
            var layout = FactLayout()
            let program = try Program.compile(
                rule.text, in: SampleRule.environment, layout: &layout)
            var facts = FactTable(layout)
            rule.fill(&facts, layout)
            try run("rule: \(rule.name)") { count in
                for _ in 0..<count {
                    guard program.verdict(facts) == .holds else { throw Broken() }
                }
            }
        }
        try filling()
        let rule = SampleRule.all[1].text
        try run("rule: compile") { count in
            for _ in 0..<count {
                var layout = FactLayout()
                keep(
                    try Program.compile(rule, in: SampleRule.environment, layout: &layout).cost)
            }
        }
    }

    /// Clearing the table of the last request and filling the facts of the next.
    private mutating func filling() throws {
        var layout = FactLayout()
        for rule in SampleRule.all {
            _ = try Program.compile(rule.text, in: SampleRule.environment, layout: &layout)
        }
        var facts = FactTable(layout)
        let path = Array("/v1/chat/completions".utf8)
        let slots = layout.slots.indices.filter { layout.slots[$0].fact < 3 }
        try run("facts: fill \(slots.count) texts") { count in
            for _ in 0..<count {
                facts.clear()
                for slot in slots { facts.set(slot, text: path.span.bytes) }
                keep(facts)
            }
        }
    }
}

/// Rules as people write them, and facts for which they hold.
struct SampleRule {
    var name: String
    var text: String

    static let environment = Environment(facts: [
        FactDeclaration("request.method", .string),
        FactDeclaration("request.path", .string, sizeMax: 8_192),
        FactDeclaration("request.headers", .map(.string, .string), sizeMax: 100),
        FactDeclaration("jwt.claims", .map(.string, .dyn), sizeMax: 100),
        FactDeclaration("ai.model", .string),
        FactDeclaration("ai.inputTokens", .int),
        FactDeclaration("source.ip", .address),
        FactDeclaration("ai.tools", .list(.string), sizeMax: 64),
    ])

    static let all = [
        SampleRule(name: "one comparison", text: "request.method == 'POST'"),
        SampleRule(
            name: "method, path, header and claim",
            text: "request.method == 'POST' && request.path.startsWith('/v1/chat') "
                + "&& request.headers['x-team'] in ['ads', 'search', 'maps'] "
                + "&& jwt.claims.iss == 'https://issuer.example.com'"),
        SampleRule(
            name: "numbers",
            text: "ai.inputTokens > 0 && ai.inputTokens * 2 < 10000 || ai.inputTokens == 7"),
        SampleRule(
            name: "roles of a token",
            text: "'admin' in jwt.claims.roles && has(jwt.claims.iss)"),
        SampleRule(name: "network", text: "cidr('10.0.0.0/8').containsIP(source.ip)"),
        SampleRule(name: "pattern", text: "ai.model.matches('^gpt-[0-9]+o?(-mini)?$')"),
        SampleRule(
            name: "loop over 8 tools",
            text: "ai.tools.all(t, t.startsWith('search_') || t in ['clock', 'weather'])"),
    ]

    /// Fills every slot of `layout`.
    func fill(_ facts: inout FactTable, _ layout: FactLayout) {
        for (index, slot) in layout.slots.enumerated() {
            switch Self.environment.facts[slot.fact].name {
            case "request.method": facts.set(index, text: "POST")
            case "request.path": facts.set(index, text: "/v1/chat/completions")
            case "request.headers": facts.set(index, text: "search")
            case "jwt.claims" where slot.key == "roles":
                facts.set(index, .list([.string("user"), .string("admin")]))
            case "jwt.claims": facts.set(index, text: "https://issuer.example.com")
            case "ai.model": facts.set(index, text: "gpt-4o-mini")
            case "ai.inputTokens": facts.set(index, .int(1_200))
            case "source.ip":
                if let address = IPAddress("10.20.30.40") { facts.set(index, .address(address)) }
            default:
                facts.set(
                    index,
                    .list(
                        ["search_web", "search_mail", "clock", "weather"].flatMap {
                            [.string($0), .string($0)]
                        }))
            }
        }
    }
}
