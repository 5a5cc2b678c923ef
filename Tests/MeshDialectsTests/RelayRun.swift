// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshWire

/// What came of one stream that was relayed in pieces.
struct RelayRun: Equatable {
    var output: [UInt8] = []
    var usage: TokenUsage?
    var dataEvents = 0
    var isComplete = false
    var sawDone = false
    var fault: StreamRelay.Fault?

    /// Relays `text`, cut at `cuts`, to its end.
    init(
        _ text: String, strips: Bool, cuts: [Int], eventBytesMax: Int = 1 << 20
    ) {
        var relay = StreamRelay(eventBytesMax: eventBytesMax, stripsUsage: strips)
        let bytes = Array(text.utf8)
        let edges = [0] + cuts.sorted() + [bytes.count]
        for i in 1..<edges.count {
            let piece = Array(bytes[edges[i - 1]..<edges[i]])
            let before = output.count
            switch relay.consume(piece.span.bytes, into: &output) {
            case .unchanged:
                // Bytes that pass as they are must not be copied as well.
                if output.count == before { output += piece } else { output = [] }
            case .replaced: break
            case .broken: fault = relay.fault
            }
        }
        relay.finish(into: &output)
        usage = relay.usage
        dataEvents = relay.dataEvents
        isComplete = relay.isComplete
        sawDone = relay.sawDone
    }

    /// Streams as servers send them.
    static let streams: [String] = [
        chat(lineEnd: "\n", ending: "data: [DONE]\n\n"),
        chat(lineEnd: "\r\n", ending: "data: [DONE]\r\n\r\n"),
        chat(lineEnd: "\n", ending: ""),
        chat(lineEnd: "\n", ending: "data: [DONE]"),
        chat(lineEnd: "\n", ending: ": bye\n"),
        "\u{FEFF}data: {\"choices\":[{\"delta\":{}}]}\n\ndata: [DONE]\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"cut\"}}]}\n\ndata: {\"choi",
        "event: response.created\ndata: {\"type\":\"response.created\"}\n\n"
            + "event: response.completed\ndata: {\"type\":\"response.completed\","
            + "\"response\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}}\n\n",
        "data: {\"choices\":\ndata: []}\n\n\n\n: comment only\n\ndata: [DONE]\n\n",
        "data: {\"choices\":[]}\n\ndata: {no json}\n\ndata: [DONE]\n\n",
        chat(lineEnd: "\n", ending: "data: [DONE]\n\ndata: {\"behind\":1}\n\n: and\n\n"),
    ]

    private static func chat(lineEnd: String, ending: String) -> String {
        let events = [
            #"{"choices":[{"delta":{"content":"Hé \"usage\":{"}}],"usage":null}"#,
            #"{"choices":[{"delta":{"content":"two"},"finish_reason":null}]}"#,
            #"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            #"{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":5}}"#,
        ]
        return events.map { "data: \($0)\(lineEnd)\(lineEnd)" }.joined() + ending
    }
}
