// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshPolicy
import MeshWire

/// The data API of the Open Policy Agent: a document is posted as `input`, and the value of a rule
/// comes back as `result`.
///
/// ```
///  POST /v1/data/mesh/allow   {"input": {"request": {"method": "POST", …}, "ai": {…}}}
///  {"result": true}    or    {"result": {"allow": false, "reason": "…", "headers": {…}}}
/// ```
///
/// The input is the facts by their names, and `request.headers` a map with names in lower case.
/// A result that is an object may also be spelt as policies for OPA's Envoy plugin spell it.
///
/// **Source** Open Policy Agent, "REST API: Get a Document (with Input)" and "Envoy: policy
/// primer, output document".
package enum OPA {
    /// The question for the data API at `path`, told `facts` and `headers`.
    package static func question(
        path: [UInt8], facts: [(name: String, value: Value)], headers: [CheckQuestion.Field]
    ) -> HTTPQuestion {
        var fields: [UInt8] = []
        fields.append("content-type: application/json\r\naccept: application/json\r\n")
        fields.append("user-agent: pinion\r\n")
        return HTTPQuestion(
            method: Array("POST".utf8), target: path, host: nil, fields: fields,
            body: document(facts, headers))
    }

    /// `{"input":{…}}`: facts by the parts of their names, in the order of the first of a group.
    static func document(
        _ facts: [(name: String, value: Value)], _ headers: [CheckQuestion.Field]
    ) -> [UInt8] {
        var all = facts.map { (name: Substring($0.name), value: $0.value) }
        all.append(("request.headers", map(of: headers)))
        var out: [UInt8] = []
        out.append("{\"input\":")
        append(all, to: &out)
        out.append("}")
        return out
    }

    /// An object of the facts, one within it for each part of a name that stands before a dot.
    private static func append(
        _ facts: [(name: Substring, value: Value)], to out: inout [UInt8]
    ) {
        var groups: [Substring] = []
        for (name, _) in facts {
            let group = name.prefix { $0 != "." }
            if !groups.contains(group) { groups.append(group) }
        }
        out.append("{")
        for (number, group) in groups.enumerated() {
            if number > 0 { out.append(UInt8(ascii: ",")) }
            out.appendJSONString(String(group))
            out.append(UInt8(ascii: ":"))
            if let single = facts.first(where: { $0.name == group }) {
                single.value.appendJSON(to: &out)
            } else {
                let inner = facts.filter { $0.name.hasPrefix(group + ".") }
                append(
                    inner.map { ($0.name.dropFirst(group.count + 1), $0.value) }, to: &out)
            }
        }
        out.append("}")
    }

    private static func map(of fields: [CheckQuestion.Field]) -> Value {
        let map = try? MapValue(
            keys: fields.map { .string($0.name) }, values: fields.map { .string($0.value) })
        return .map(map ?? .empty)
    }

    /// What an answer with `status` and `body` says.
    ///
    /// A document that is not defined allows nothing: that is what it means to the agent, and it
    /// is no failure that a failure mode could turn into a yes.
    package static func outcome(status: Int, body: RawSpan) -> EngineOutcome {
        guard status == 200 else { return .failed(.failed) }
        guard let tree = try? JSONTree.read(body, bytesMax: Limits.answerBytes),
            tree.members != nil
        else {
            return .failed(.malformed)
        }
        do throws(EngineFailure) {
            switch tree["result"] {
            case nil:
                return .answered(
                    EngineAnswer(allows: false, reason: "its policy is not defined there"))
            case .bool(let allows)?: return .answered(EngineAnswer(allows: allows))
            case .object(let members)?: return .answered(try answer(members))
            case .null?, .int?, .double?, .string?, .list?: throw .malformed
            }
        } catch {
            return .failed(error)
        }
    }

    private static func answer(
        _ members: [JSONTree.Member]
    ) throws(EngineFailure) -> EngineAnswer {
        func member(_ names: String...) -> JSONTree? {
            members.first { names.contains($0.name) && $0.value != .null }?.value
        }
        let verdicts = members.filter { $0.name == "allow" || $0.name == "allowed" }
        guard verdicts.count == 1, case .bool(let allows) = verdicts[0].value else {
            throw .malformed
        }
        var answer = EngineAnswer(allows: allows)
        if let reason = member("reason", "body") {
            answer.reason = try text(of: reason).flatMap { Reason.line($0) }
        }
        if let status = member("http_status") {
            guard let number = status.integer, 200...599 ~= number else { throw .malformed }
            answer.status = 300...599 ~= number ? Int(number) : nil
        }
        var toRequest = AnswerFields(.request)
        var toAnswer = AnswerFields(.answer)
        if let removed = member("request_headers_to_remove") {
            guard let names = removed.elements else { throw .malformed }
            for name in names {
                guard let name = name.text else { throw .malformed }
                try toRequest.remove(name)
            }
        }
        if let headers = member("headers") {
            if allows {
                try put(headers, into: &toRequest)
            } else {
                try put(headers, into: &toAnswer)
            }
        }
        if let headers = member("response_headers_to_add") { try put(headers, into: &toAnswer) }
        answer.requestEdits = allows ? toRequest.edits : []
        answer.answerEdits = toAnswer.edits
        return answer
    }

    /// The text of a string, or of several with semicolons between them.
    private static func text(of tree: JSONTree) throws(EngineFailure) -> String? {
        switch tree {
        case .string(let text): return text
        case .list(let parts):
            let texts = parts.compactMap(\.text)
            guard texts.count == parts.count else { throw .malformed }
            return texts.joined(separator: "; ")
        case .null, .bool, .int, .double, .object: throw .malformed
        }
    }

    /// Takes `{"name": "value"}`, `{"name": ["value", …]}` or a list of such objects.
    private static func put(
        _ tree: JSONTree, into fields: inout AnswerFields
    ) throws(EngineFailure) {
        switch tree {
        case .object(let members):
            for member in members {
                switch member.value {
                case .string(let value): try fields.put(member.name, value)
                case .list(let values):
                    for value in values {
                        guard let value = value.text else { throw .malformed }
                        try fields.put(member.name, value)
                    }
                case .null, .bool, .int, .double, .object: throw .malformed
                }
            }
        case .list(let objects):
            for object in objects {
                guard object.members != nil else { throw .malformed }
                try put(object, into: &fields)
            }
        case .null, .bool, .int, .double, .string: throw .malformed
        }
    }
}
