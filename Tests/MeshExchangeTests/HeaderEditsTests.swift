// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshSnapshot
import Testing

@Suite("Header modifiers")
struct HeaderEditsTests {
    private func set(_ name: String, _ value: String) -> HeaderEdit {
        .set(name: bytes(name), value: bytes(value))
    }
    private func add(_ name: String, _ value: String) -> HeaderEdit {
        .add(name: bytes(name), value: bytes(value))
    }
    private func remove(_ name: String) -> HeaderEdit { .remove(name: bytes(name)) }

    private func request(
        _ edits: [HeaderEdit], target: [HeaderEdit] = [], fields: String
    ) throws -> String {
        var sample = SnapshotSample()
        sample.rules = [
            Rule(
                route: "default/r", index: 0,
                action: .forward([
                    WeightedTarget(
                        weight: 1, destination: .backend(0), requestEdits: target,
                        responseEdits: target)
                ]), requestEdits: edits, responseEdits: edits)
        ]
        let drive = Drive(sample)
        try drive.get("/", fields: fields)
        let head = drive.forwarded().head
        // The same edits of the same fields must come out alike on the way back.
        drive.sent()
        try drive.answered(200, fields + "content-length: 0\r\n")
        drive.ended()
        for name in ["x-a", "x-b", "x-keep"] {
            #expect(drive.written.field(name) == head.field(name), "\(name)")
        }
        #expect(drive.unsettled == nil)
        return head
    }

    private let fields = "X-A: 1\r\nX-Keep: k\r\nx-a: 2\r\nX-AB: 3\r\n"

    @Test("set replaces every field of the name in any case")
    func sets() throws {
        let head = try request([set("x-a", "new")], fields: fields)
        #expect(head.field("x-a") == "new" && head.field("x-ab") == "3")
        #expect(head.field("x-keep") == "k")
        #expect(try request([set("x-b", "new")], fields: fields).field("x-b") == "new")
    }

    @Test("add leaves what is there and adds a line")
    func adds() throws {
        #expect(try request([add("x-a", "new")], fields: fields).field("x-a") == "1|2|new")
        #expect(try request([add("x-b", "new")], fields: fields).field("x-b") == "new")
    }

    @Test("remove drops every field of the name in any case")
    func removes() throws {
        let head = try request([remove("x-a")], fields: fields)
        #expect(head.field("x-a") == nil && head.field("x-ab") == "3")
        #expect(try request([remove("x-b")], fields: fields).field("x-keep") == "k")
    }

    @Test("later edits win over earlier ones of the same name")
    func order() throws {
        #expect(
            try request([set("x-a", "s"), add("x-a", "t")], fields: fields).field("x-a") == "s|t")
        #expect(try request([set("x-a", "s"), remove("x-a")], fields: fields).field("x-a") == nil)
        #expect(try request([add("x-b", "s"), remove("x-b")], fields: fields).field("x-b") == nil)
        #expect(
            try request([set("x-a", "s"), set("x-a", "t")], fields: fields).field("x-a") == "t")
    }

    @Test("a rule and its target edit both")
    func targets() throws {
        let head = try request(
            [set("x-b", "rule")], target: [remove("x-a"), add("x-c", "target")], fields: fields)
        #expect(head.field("x-b") == "rule" && head.field("x-a") == nil)
        #expect(head.field("x-c") == "target")
    }

    @Test("an edit cannot bring back what ends at this hop")
    func hopByHop() throws {
        let head = try request([], fields: "Connection: x-a\r\n" + fields)
        #expect(head.field("x-a") == nil && head.field("x-keep") == "k")
    }
}
