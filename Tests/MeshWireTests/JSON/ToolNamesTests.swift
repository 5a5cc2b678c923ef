// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

@Suite("Names of tools")
struct ToolNamesTests {
    private func names(_ members: String, most: Int = 128) throws -> [String]? {
        let body = Array("{\(members)}".utf8)
        let facts = try RequestScanner.scan(body.span.bytes)
        return ToolNames.read(facts, in: body.span.bytes, most: most)
    }

    @Test(
        "are read from every shape that names them for sure",
        arguments: [
            ("", []), (#""tools":[]"#, []), (#""tools":null"#, []),
            (#""tools":[{"type":"function","function":{"name":"add"}}]"#, ["add"]),
            (#""tools" : [ { "function" : { "x":[1,{"name":"no"}], "name" : "add" } } ]"#, ["add"]),
            (#""tools":[{"type":"function","name":"add","parameters":{"name":"no"}}]"#, ["add"]),
            (
                #""tools":[{"type":"web_search"},{"name":"b","type":"custom"}]"#,
                ["web_search", "b"]
            ),
            (#""functions":[{"name":"old"}]"#, ["old"]),
            (#""functions":[{"name":"old"}],"tools":[{"name":"new"}]"#, ["new", "old"]),
            (#""tools":[{"name":"\u0061dd"}]"#, ["add"]),
            (#""tools":[{"name":"add","function":{"name":"add"}}]"#, ["add"]),
        ])
    func sure(members: String, expected: [String]) throws {
        #expect(try names(members) == expected)
    }

    @Test(
        "are unknown where two servers could read them differently",
        arguments: [
            #""tools":[1]"#, #""tools":["add"]"#, #""tools":[{}]"#,
            #""tools":[{"type":"function"}]"#,
            #""tools":[{"type":"function","function":{}}]"#, #""tools":[{"function":null}]"#,
            #""tools":[{"name":"a","name":"b"}]"#, #""tools":[{"name":"a","Name":"b"}]"#,
            #""tools":[{"n\u0061me":"a"}]"#, #""tools":[{"name":1}]"#,
            #""tools":[{"name":"a","function":{"name":"b"}}]"#,
            #""tools":[{"function":{"name":"a"},"function":{"name":"b"}}]"#,
            #""tools":[{"function":{"name":"a","name":"b"}}]"#,
            #""tools":[{"name":"a"},{"type":"custom"}]"#,
        ])
    func unsure(members: String) throws {
        #expect(try names(members) == nil)
    }

    @Test("are bounded, and the older list counts as the newer one does")
    func bounds() throws {
        let many = (0..<129).map { #"{"name":"t\#($0)"}"# }.joined(separator: ",")
        #expect(try names(#""tools":[\#(many)]"#) == nil)
        #expect(try names(#""tools":[\#(many)]"#, most: 129)?.count == 129)
        let body = Array(#"{"functions":[{"name":"a"}],"tools":[{},{}]}"#.utf8)
        #expect(try RequestScanner.scan(body.span.bytes).toolCount == 3)
        let twice = Array(#"{"functions":[],"Functions":[]}"#.utf8)
        #expect(throws: JSONFault.self) { try RequestScanner.scan(twice.span.bytes) }
    }
}
