// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshPolicy

@Suite("programs over facts")
struct ProgramTests {
    @Test("a rule holds, fails, or has a reason why it says nothing")
    func verdicts() throws {
        var rule = try Rule("request.method == 'GET' && request.headers['x-team'] == 'search'")
        rule.set("request.method", text: "GET")
        rule.set("request.headers", "x-team", text: "search")
        #expect(rule.verdict == .holds)
        rule.set("request.headers", "x-team", text: "ads")
        #expect(rule.verdict == .fails)
        rule.setAbsent("request.headers", "x-team")
        guard case .unknown(let fault) = rule.verdict else { throw Unexpected() }
        #expect(fault.code == .noSuchKey)
        #expect(fault.detail == "request.headers['x-team']")
        // What decides wins over what fails.
        rule.set("request.method", text: "POST")
        #expect(rule.verdict == .fails)
    }

    @Test("a fact that was not provided is our mistake, and nothing absorbs it")
    func notProvided() throws {
        let rule = try Rule("request.method == 'GET' || true")
        guard case .unknown(let fault) = rule.verdict else { throw Unexpected() }
        #expect(fault.code == .factNotProvided)
        #expect(fault.detail == "request.method")
    }

    @Test("a program says which slots it reads, and programs share them")
    func slots() throws {
        var layout = FactLayout()
        let first = try Program.compile(
            "request.headers.a == request.headers['b']", in: Sample.environment, layout: &layout)
        let second = try Program.compile(
            "'b' in request.headers && ai.stream", in: Sample.environment, layout: &layout)
        #expect(first.slots == [0, 1])
        #expect(second.slots == [1, 2])
        #expect(layout.slots.map(\.key) == ["a", "b", nil])
        #expect(layout.slots.map(\.fact) == [2, 2, 10])
    }

    @Test("a key that is not known beforehand reads the whole map")
    func wholeMap() throws {
        var rule = try Rule("request.headers[request.method] == '1'")
        #expect(rule.layout.slots.map(\.key) == [nil, nil])
        rule.set("request.method", text: "GET")
        let map = try MapValue(keys: [.string("GET")], values: [.string("1")])
        rule.set("request.headers", to: .map(map))
        #expect(rule.verdict == .holds)
    }

    @Test(
        "tests of texts say the same of bytes in the table and of values",
        arguments: [
            "ai.model == 'gpt-4o'", "'gpt-4o' == ai.model", "ai.model != 'gpt-4o'",
            "ai.model.startsWith('gpt')", "ai.model.endsWith('4o')", "ai.model.contains('t-4')",
            "ai.model.contains('')", "ai.model in ['claude', 'gpt-4o']", "ai.model in []",
            "ai.model.matches('^gpt-[0-9]')", "ai.model.matches('\\\\d{3}')",
            "ai.model < 'gq'", "size(ai.model) == 6", "ai.model.startsWith('gpt-4o-mini')",
        ])
    func bytesAndValues(text: String) throws {
        for model in ["gpt-4o", "gpt-4o-mini", "claude", "", "gpt-123", "é", "日本語 gpt-4o"] {
            var fast = try Rule(text)
            fast.set("ai.model", text: model)
            var slow = try Rule(text)
            slow.set("ai.model", to: .string(model))
            #expect(fast.verdict == slow.verdict, "\(model)")
            // A third way: the constant folded with everything.
            let literal = text.replacing("ai.model", with: Functions.quoted(model))
            let folded = try Sample.value(literal).isTrueBool
            #expect(fast.verdict == (folded ? .holds : .fails), "\(model)")
        }
    }

    @Test("a claim that is no text is compared by its value")
    func claims() throws {
        var rule = try Rule("jwt.claims.level >= 3 && 'admin' in jwt.claims.roles")
        rule.set("jwt.claims", "level", to: .int(3))
        rule.set("jwt.claims", "roles", to: .list([.string("user"), .string("admin")]))
        #expect(rule.verdict == .holds)
        rule.set("jwt.claims", "level", text: "3")
        guard case .unknown(let fault) = rule.verdict else { throw Unexpected() }
        #expect(fault.code == .noSuchOverload)
        var equal = try Rule("jwt.claims.sub == 'x'")
        equal.set("jwt.claims", "sub", to: .int(1))
        #expect(equal.verdict == .fails)
    }

    @Test("presence of entries is asked without making a map")
    func presence() throws {
        var rule = try Rule(
            "has(jwt.claims.sub) && !('x-debug' in request.headers) "
                + "&& request.headers[?'x-team'].orValue('none') == 'none'")
        rule.set("jwt.claims", "sub", text: "")
        rule.setAbsent("request.headers", "x-debug")
        rule.setAbsent("request.headers", "x-team")
        #expect(rule.verdict == .holds)
        rule.set("request.headers", "x-team", text: "a")
        #expect(rule.verdict == .fails)
    }

    @Test("has() of a dotted fact asks whether there is one")
    func dottedPresence() throws {
        var rule = try Rule("has(principal.id) && principal.id != ''")
        #expect(rule.layout.slots.count == 1)
        rule.setAbsent("principal.id")
        #expect(rule.verdict == .fails)
        rule.set("principal.id", text: "a")
        #expect(rule.verdict == .holds)
    }

    @Test("addresses, networks and times are facts too")
    func addressesAndTimes() throws {
        var rule = try Rule(
            "cidr('10.0.0.0/8').containsIP(source.ip) && request.time.getHours('02:00') < 6")
        let address = try #require(IPAddress("10.1.2.3"))
        rule.set("source.ip", to: .address(address))
        rule.set("request.time", to: .timestamp(Timestamp(WallTime(nanoseconds: 0))))
        #expect(rule.verdict == .holds)
        let other = try #require(IPAddress("11.1.2.3"))
        rule.set("source.ip", to: .address(other))
        #expect(rule.verdict == .fails)
    }

    @Test("a table is cleared for the next request")
    func clearing() throws {
        var rule = try Rule("ai.model == 'a'")
        rule.set("ai.model", text: "a")
        #expect(rule.verdict == .holds)
        rule.facts.clear()
        #expect(!rule.facts.isFilled(0))
        guard case .unknown(let fault) = rule.verdict else { throw Unexpected() }
        #expect(fault.code == .factNotProvided)
    }

    @Test("a failure knows its place in the text")
    func places() throws {
        var rule = try Rule("request.size > 0 &&\n 10 / request.size > 1")
        rule.set("request.size", to: .int(1))
        #expect(rule.verdict == .holds)
        var failing = try Rule("10 / request.size > 1")
        failing.set("request.size", to: .int(0))
        guard case .unknown(let fault) = failing.verdict else { throw Unexpected() }
        #expect(fault.code == .divisionByZero)
        #expect(fault.offset == 3)
    }
}

/// A case was not the one that the test is about.
struct Unexpected: Error {}
