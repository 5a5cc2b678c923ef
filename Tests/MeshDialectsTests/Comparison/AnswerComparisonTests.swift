// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import Testing

@Suite("How two answers compare")
struct AnswerComparisonTests {
    private func content(_ text: String, _ operation: Operation = .chat) -> AnswerContent {
        let bytes = Array(text.utf8)
        return AnswerContent(bytes.span.bytes, operation: operation)
    }

    /// A chat answer that says `text`, a JSON string.
    private func said(
        _ text: String, tools: String = "[]", finish: String = "stop"
    ) -> AnswerContent {
        content(
            #"{"choices":[{"message":{"content":\#(text),"tool_calls":\#(tools)},"#
                + #""finish_reason":"\#(finish)"}]}"#)
    }

    private func tool(_ name: String, _ arguments: String) -> String {
        #"{"function":{"name":"\#(name)","arguments":\#(arguments)}}"#
    }

    /// Compares both ways around, which must come to the same.
    private func compare(_ a: AnswerContent, _ b: AnswerContent) -> AnswerComparison {
        let found = AnswerComparison(a, b)
        #expect(AnswerComparison(b, a) == found)
        return found
    }

    @Test(
        "streams that no model writes are the bytes that they are",
        arguments: [
            Operation.none, .embeddings, .models,
        ])
    func plainStreams(operation: Operation) {
        let found = compare(content("data: 1\n\n", operation), content("data: 2\n\n", operation))
        #expect(!found.sameText)
        let same = compare(content("id: 5\n", operation), content("id: 5\n", operation))
        #expect(same.sameText)
    }

    @Test("prose is the same to the byte or not, and has one form")
    func prose() {
        let same = compare(said(#""Hello""#), said(#""He\u006clo""#))
        #expect(same.sameText && same.sameStructure)
        #expect(same.sameValues == nil && same.sameTools == nil)
        let other = compare(said(#""Hello""#), said(#""Good day""#))
        #expect(!other.sameText && other.sameStructure)
        #expect(!compare(said(#""a""#), said(#""a""#, finish: "length")).sameStructure)
    }

    @Test(
        "JSON that is said compares by names, types and values",
        arguments: [
            // values, form
            (#"{"a":1,"b":[1,2]}"#, #"{ "b": [1, 2], "a": 1.0 }"#, true, true),
            (#"{"a":1}"#, #"{"a":2}"#, false, true),
            (#"{"a":1}"#, #"{"a":"1"}"#, false, false),
            (#"{"a":1}"#, #"{"a":1,"b":null}"#, false, false),
            (#"[1,2,3]"#, #"[3]"#, false, true),
            (#"[]"#, #"[1]"#, false, false),
            (#"[{"a":1},{"a":2}]"#, #"[{"a":2},{"a":1}]"#, false, true),
            (#"{"a":{"b":true}}"#, #"{"a":{"b":false}}"#, false, true),
            (#"{"a":9007199254740993}"#, #"{"a":9007199254740992.0}"#, false, true),
        ])
    func json(one: String, other: String, sameValues: Bool, sameStructure: Bool) {
        func quoted(_ text: String) -> String {
            "\"" + text.replacing("\"", with: "\\\"") + "\""
        }
        let found = compare(said(quoted(one)), said(quoted(other)))
        #expect(found.sameValues == sameValues)
        #expect(found.sameStructure == sameStructure)
        #expect(!found.sameText)
        let fenced = said("\"```json\\n" + quoted(one).dropFirst().dropLast() + "\\n```\"")
        #expect(compare(fenced, said(quoted(one))).sameValues == true)
    }

    @Test("JSON on one side alone is another form")
    func jsonAndProse() {
        let found = compare(said(#""{\"a\":1}""#), said(#""the value is 1""#))
        #expect(!found.sameStructure && found.sameValues == nil)
        // A number alone is prose.
        #expect(compare(said(#""1""#), said(#""2""#)).sameValues == nil)
    }

    @Test("calls of tools compare by name, order and arguments as JSON")
    func tools() {
        let add = tool("add", #""{\"a\":1,\"b\":2}""#)
        let same = tool("add", #""{ \"b\": 2, \"a\": 1 }""#)
        let other = tool("add", #""{\"a\":1,\"b\":3}""#)
        let search = tool("search", #""{}""#)
        let broken = tool("add", #""{\"a\":""#)
        for (a, b, sameTools, sameStructure) in [
            ([add], [same], true, true), ([add], [other], false, true),
            ([add], [search], false, false), ([add], [], false, false),
            ([add, search], [search, add], false, false), ([broken], [broken], true, true),
            ([broken], [add], false, true),
        ] {
            let found = compare(
                said("null", tools: "[\(a.joined(separator: ","))]"),
                said("null", tools: "[\(b.joined(separator: ","))]"))
            #expect(found.sameTools == sameTools, "\(a) \(b)")
            #expect(found.sameStructure == sameStructure, "\(a) \(b)")
        }
    }

    @Test("another number of answers is another form")
    func counts() {
        let one = content(#"{"choices":[{"message":{"content":"a"}}]}"#)
        let two = content(
            #"{"choices":[{"message":{"content":"a"}},{"message":{"content":"a"}}]}"#)
        let found = compare(one, two)
        #expect(!found.sameText && !found.sameStructure)
    }

    @Test("documents and bytes compare as such")
    func documents() {
        let one = content(#"{"data":[0.5]}"#, .embeddings)
        let same = content(#"{ "data": [0.50] }"#, .embeddings)
        let found = compare(one, same)
        #expect(!found.sameText && found.sameStructure && found.sameValues == true)
        let page = content("<html>", .none)
        #expect(compare(page, content("<html>", .none)).sameText)
        #expect(!compare(page, content("<p>", .none)).sameText)
        let mixed = compare(one, page)
        #expect(!mixed.sameText && !mixed.sameStructure && mixed.sameValues == nil)
    }
}
