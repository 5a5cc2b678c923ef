// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// A server of the Responses API as tests script it.
struct ResponseScript {
    /// One item of the output.
    enum Item: Hashable {
        case message(String)
        case thought(String)
        case call(name: String, arguments: String)
    }

    var items: [Item]
    /// What its ids end in.
    var id: String
    /// Whether it numbers its events and says their places; llama.cpp does neither.
    var tellsPlaces = true
    /// Whether it tells of probabilities.
    var tellsProbabilities = false
    /// What its first message repeats of what it was told, in all but the pieces.
    var repeats = ""
    var usage: (input: Int, output: Int) = (10, 3)

    /// The data of all events; texts come in words of any size.
    func events(using random: inout SplitMix64) -> [String] {
        var events: [String] = []
        func add(_ type: String, _ members: String...) {
            var all = [#""type":"\#(type)""#]
            if tellsPlaces { all.append(#""sequence_number":\#(events.count)"#) }
            events.append("{" + (all + members).joined(separator: ",") + "}")
        }
        add("response.created", response("in_progress", output: ""))
        add("response.in_progress", response("in_progress", output: ""))
        var output: [String] = []
        for (index, item) in items.enumerated() {
            let place = tellsPlaces ? #""output_index":\#(index),"# : ""
            let part = tellsPlaces ? #","content_index":0"# : ""
            let of = #"\#(place)"item_id":"item_\#(index)_\#(id)""#
            let said = (index == 0 ? repeats : "") + text(item)
            switch item {
            case .message, .thought:
                let kind = item.isThought ? "reasoning_text" : "output_text"
                add("response.output_item.added", place + #""item":\#(whole(item, index, nil))"#)
                add(
                    "response.content_part.added", of + part,
                    #""part":{"type":"\#(kind)","text":""}"#)
                for word in words(text(item), using: &random) {
                    let list = tellsProbabilities ? #","logprobs":[\#(Self.tokens(word))]"# : ""
                    add(
                        "response.\(kind).delta", of + part,
                        #""delta":\#(Self.quoted(word))\#(list)"#)
                }
                let list = tellsProbabilities ? #","logprobs":[\#(Self.tokens(said))]"# : ""
                add(
                    "response.\(kind).done", of + part,
                    #""text":\#(Self.quoted(said))\#(list)"#)
                add(
                    "response.content_part.done", of + part,
                    #""part":{"type":"\#(kind)","text":\#(Self.quoted(said))\#(list)}"#)
            case .call(_, let arguments):
                add("response.output_item.added", place + #""item":\#(whole(item, index, nil))"#)
                for word in words(arguments, using: &random) {
                    add(
                        "response.function_call_arguments.delta", of,
                        #""delta":\#(Self.quoted(word))"#)
                }
                add(
                    "response.function_call_arguments.done", of,
                    #""arguments":\#(Self.quoted(arguments))"#)
            }
            output.append(whole(item, index, said))
            add("response.output_item.done", place + #""item":\#(output[index])"#)
        }
        add("response.completed", response("completed", output: output.joined(separator: ",")))
        return events
    }

    private func text(_ item: Item) -> String {
        switch item {
        case .message(let text), .thought(let text): text
        case .call(_, let arguments): arguments
        }
    }

    private func whole(_ item: Item, _ index: Int, _ said: String?) -> String {
        let front = #"{"id":"item_\#(index)_\#(id)","type":"#
        let status = #""status":"\#(said == nil ? "in_progress" : "completed")""#
        switch item {
        case .message, .thought:
            let kind = item.isThought ? "reasoning" : "message"
            let part = item.isThought ? "reasoning_text" : "output_text"
            let content = said.map { said in
                let list = tellsProbabilities ? #","logprobs":[\#(Self.tokens(said))]"# : ""
                return #"{"type":"\#(part)","text":\#(Self.quoted(said))\#(list)}"#
            }
            return front + #""\#(kind)",\#(status),"content":[\#(content ?? "")]}"#
        case .call(let name, let arguments):
            return front + #""function_call",\#(status),"call_id":"call_\#(id)","name":"\#(name)","#
                + #""arguments":\#(said == nil ? "\"\"" : Self.quoted(arguments))}"#
        }
    }

    private func response(_ status: String, output: String) -> String {
        let counts =
            status == "completed"
            ? #"{"input_tokens":\#(usage.input),"output_tokens":\#(usage.output)}"# : "null"
        return #""response":{"id":"resp_\#(id)","created_at":1,"model":"m-\#(id)","error":null,"#
            + #""status":"\#(status)","output":[\#(output)],"usage":\#(counts)}"#
    }

    private func words(_ text: String, using random: inout SplitMix64) -> [String] {
        var left = Array(text)
        var words: [String] = []
        while !left.isEmpty {
            // Probabilities are told of single characters here.
            let size = min(left.count, 1 + random.below(4))
            words.append(String(left.prefix(size)))
            left.removeFirst(size)
        }
        return words
    }

    /// What is told of the tokens of `text`, each of them one character.
    static func tokens(_ text: String) -> String {
        text.map { character in
            let bytes = String(character).utf8.map { "\($0)" }.joined(separator: ",")
            return #"{"token":\#(quoted(String(character))),"logprob":-1,"bytes":[\#(bytes)]}"#
        }.joined(separator: ",")
    }

    static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.appendJSONString(text)
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension ResponseScript.Item {
    var isThought: Bool {
        if case .thought = self { true } else { false }
    }
}
