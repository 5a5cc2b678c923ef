// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Reads the names of the tools that a request offers to its model.
///
/// A tool of chat completions names itself in `function.name`, one of the Responses API and of the
/// older `functions` in `name`; one that a server has built in is known by its `type`
/// (`web_search`). A tool whose name two readers could understand differently has none.
///
/// **Source** the request objects `tools` and `functions` of the OpenAI API reference.
package enum ToolNames {
    /// The names of the tools in `facts` of `body`, which `RequestScanner` has let pass, in order;
    /// nil when one of them has no name for sure, or when there are more than `most`.
    ///
    /// **Complexity** one pass over the tools.
    package static func read(
        _ facts: RequestFacts, in body: RawSpan, most: Int
    ) -> [String]? {
        guard facts.toolCount <= most else { return nil }
        var names: [String] = []
        for array in [facts.tools, facts.functions] {
            guard let array else { continue }
            do {
                try read(body, at: array.start &+ 1, into: &names)
            } catch {
                return nil
            }
        }
        return names.count == facts.toolCount ? names : nil
    }

    /// Reads the elements of the array behind whose bracket `offset` stands.
    ///
    /// **Errors** for a tool without a sure name; which is not told apart.
    private static func read(
        _ body: RawSpan, at offset: Int, into names: inout [String]
    ) throws(JSONFault) {
        var i = JSONGrammar.skipSpace(body, from: offset)
        if try JSONGrammar.byte(body, at: i) == UInt8(ascii: "]") { return }
        while true {
            i = JSONGrammar.skipSpace(body, from: i)
            guard try JSONGrammar.byte(body, at: i) == UInt8(ascii: "{") else {
                throw JSONFault(.notAnObject, at: i)
            }
            let (name, end) = try tool(body, at: i)
            names.append(name)
            i = JSONGrammar.skipSpace(body, from: end)
            let next = try JSONGrammar.byte(body, at: i)
            i &+= 1
            if next == UInt8(ascii: "]") { return }
        }
    }

    private static func tool(
        _ body: RawSpan, at offset: Int
    ) throws(JSONFault) -> (name: String, end: Int) {
        var own: String?
        var type: String?
        var inner: String?
        var hasFunction = false
        var members = JSONGrammar.Members(behindBrace: offset &+ 1)
        while let member = try members.next(body) {
            let value = member.value
            switch try key(member, in: body) {
            case .name where own == nil: own = try text(body, at: value)
            case .type where type == nil: type = try text(body, at: value)
            case .function where !hasFunction:
                hasFunction = true
                inner = try function(body, at: value)
            case .name, .type, .function: throw JSONFault(.duplicateKey, at: member.nameStart)
            case nil: break
            }
            members.offset = try JSONGrammar.skipValue(body, from: value, depth: 3)
        }
        let end = members.offset
        if hasFunction {
            // A second name beside it is one that another server may go by.
            guard let inner, own == nil || own == inner else {
                throw JSONFault(.duplicateKey, at: offset)
            }
            return (inner, end)
        }
        if let own { return (own, end) }
        guard let type, type != "function", type != "custom" else {
            throw JSONFault(.notAString, at: offset)
        }
        return (type, end)
    }

    private static func function(
        _ body: RawSpan, at offset: Int
    ) throws(JSONFault) -> String? {
        guard body[offset] == UInt8(ascii: "{") else { throw JSONFault(.notAnObject, at: offset) }
        var name: String?
        var members = JSONGrammar.Members(behindBrace: offset &+ 1)
        while let member = try members.next(body) {
            if try key(member, in: body) == .name {
                guard name == nil else {
                    throw JSONFault(.duplicateKey, at: member.nameStart)
                }
                name = try text(body, at: member.value)
            }
            members.offset = try JSONGrammar.skipValue(body, from: member.value, depth: 4)
        }
        return name
    }

    private enum Key: CaseIterable {
        case name, type, function

        var text: StaticString {
            switch self {
            case .name: "name"
            case .type: "type"
            case .function: "function"
            }
        }
    }

    /// The key that `member` names, or nil.
    ///
    /// **Errors** for a name with escapes or in another case, which some would take for one.
    private static func key(
        _ member: JSONGrammar.Member, in body: RawSpan
    ) throws(JSONFault) -> Key? {
        guard member.isNamePlain else { throw JSONFault(.caseVariantKey, at: member.nameStart) }
        let name = body.extracting(member.nameStart..<member.nameEnd)
        for key in Key.allCases where name.equalsIgnoringCase(key.text) {
            guard name.equals(key.text) else {
                throw JSONFault(.caseVariantKey, at: member.nameStart)
            }
            return key
        }
        return nil
    }

    private static func text(_ body: RawSpan, at offset: Int) throws(JSONFault) -> String {
        guard body[offset] == UInt8(ascii: "\"") else { throw JSONFault(.notAString, at: offset) }
        let end = try JSONGrammar.skipString(body, from: offset).end
        let bytes = try JSONStringDecoder.decode(body.extracting((offset &+ 1)..<(end &- 1)))
        return String(decoding: bytes, as: UTF8.self)
    }
}
