// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshWire
import Testing

@Suite("Relaying an event stream")
struct StreamRelayTests {
    @Test("any cutting of a stream gives the same bytes, usage and verdict on its end")
    func cuttings() throws {
        for (number, text) in RelayRun.streams.enumerated() {
            for strips in [false, true] {
                let whole = RelayRun(text, strips: strips, cuts: [])
                let bytes = Array(text.utf8)
                for cut in 0...bytes.count {
                    let run = RelayRun(text, strips: strips, cuts: [cut])
                    #expect(run == whole, "stream \(number), strips \(strips), cut \(cut)")
                }
                let single = RelayRun(text, strips: strips, cuts: Array(1..<bytes.count))
                #expect(single == whole, "stream \(number), strips \(strips), byte by byte")
                for seed in UInt64(901)..<UInt64(921) {
                    var random = SplitMix64(seed: seed)
                    let cuts = (0..<random.below(9)).map { _ in random.below(bytes.count + 1) }
                    let run = RelayRun(text, strips: strips, cuts: cuts)
                    #expect(run == whole, "stream \(number), seed \(seed)")
                }
            }
        }
    }

    @Test("a stream that nothing is left out of passes byte for byte")
    func passes() throws {
        for text in RelayRun.streams where !text.contains("behind") {
            let run = RelayRun(text, strips: false, cuts: [3, 40])
            guard run.isComplete else { continue }
            #expect(run.output == Array(text.utf8))
        }
    }

    @Test("a read of whole events is answered with `unchanged` and nothing is copied")
    func unchanged() throws {
        var relay = StreamRelay(eventBytesMax: 1 << 20, stripsUsage: true)
        var out: [UInt8] = []
        for text in [
            "data: {\"choices\":[{\"delta\":{}}]}\n\n", ": ping\n\n",
            "data: {}\n\ndata: {\"a\":2}\n\n",
            "event: x\ndata: {}\r\n\r\n", "", "data: [DONE]\n\n",
        ] {
            let bytes = Array(text.utf8)
            let verdict = relay.consume(bytes.span.bytes, into: &out)
            #expect(verdict == .unchanged, "\(text)")
        }
        #expect(out.isEmpty)
        #expect(relay.isComplete && relay.sawDone)
    }

    @Test("what was given out is always a whole number of events")
    func wholeEvents() throws {
        let text = RelayRun.streams[0]
        let bytes = Array(text.utf8)
        for size in [1, 3, 10, 33] {
            var relay = StreamRelay(eventBytesMax: 1 << 20, stripsUsage: true)
            var given: [UInt8] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                let piece = Array(bytes[start..<min(start + size, bytes.count)])
                if relay.consume(piece.span.bytes, into: &given) == .unchanged {
                    given += piece
                }
                let isWhole = given.isEmpty || given.suffix(2).elementsEqual("\n\n".utf8)
                #expect(isWhole, "pieces of \(size), at \(start)")
            }
        }
    }

    @Test("the chunk that is nothing but usage is left out only when the mesh asked for it")
    func strips() throws {
        let usage = #"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#
        let text =
            "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n\(usage)\n\ndata: [DONE]\n\n"
        let kept = RelayRun(text, strips: false, cuts: [])
        let stripped = RelayRun(text, strips: true, cuts: [])
        #expect(kept.output == Array(text.utf8))
        #expect(
            String(decoding: stripped.output, as: UTF8.self)
                == text.replacing("\(usage)\n\n", with: ""))
        #expect(kept.usage == TokenUsage(input: 3, output: 2))
        #expect(stripped.usage == kept.usage)
        #expect(kept.dataEvents == 2 && stripped.dataEvents == 1)
    }

    @Test("usage beside a choice is read and never left out")
    func usageWithChoices() throws {
        let text =
            #"data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}"#
            + "\n\ndata: [DONE]\n\n"
        let run = RelayRun(text, strips: true, cuts: [20])
        #expect(run.output == Array(text.utf8))
        #expect(run.usage == TokenUsage(input: 3, output: 0))
    }

    @Test(
        "a stream that did not say it is finished is never complete",
        arguments: [
            "", ": ping\n\n", "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
            "data: {\"choices\":[{\"finish_reason\":null}]}\n\n",
            "data: {\"choices\":[{\"delta\":{\"content\":\"[DONE]\"}}]}\n\n",
            "data: {\"content\":\"\\\"finish_reason\\\":\\\"stop\\\"\"}\n\n", "data: [DON",
            "data: [DONE]x\n\n", "data: {\"choices\":[{\"finish_reason\":\"st", "event: done\n\n",
            "data: {\"type\":\"response.output_text.delta\",\"delta\":\"response.completed\"}\n\n",
            "data: {\"type\":\"response.in_progress\"}\n\n", ": [DONE]\n\n", "id: [DONE]\n\n",
        ])
    func incomplete(text: String) throws {
        for cuts in [[], Array(0...text.utf8.count)] {
            let run = RelayRun(text, strips: true, cuts: cuts)
            #expect(!run.isComplete)
            // Half an event must not stand in front of the error event that follows.
            #expect(run.output.isEmpty || run.output.suffix(2).elementsEqual("\n\n".utf8))
        }
    }

    @Test(
        "a stream is complete once it said so in one of the known ways",
        arguments: [
            "data: [DONE]\n\n", "data:[DONE]\r\n\r\n", "data: [DONE]\r\r", "data: [DONE]",
            "data: [DONE]\n", "event: message\ndata: [DONE]\n\n",
            "data: {\"choices\":[{\"finish_reason\":\"length\"}]}\n\n",
            "data: {\"error\":{\"message\":\"out of memory\"}}\n\n",
            "event: x\ndata: {\"type\":\"response.completed\",\"response\":{}}\n\n",
            "data: {\"type\": \"response.failed\"}\n\n",
            "data: {\"type\":\"response.incomplete\",\"response\":{}}\n\n",
        ])
    func complete(text: String) throws {
        let run = RelayRun(text, strips: true, cuts: [])
        #expect(run.isComplete)
        #expect(run.output == Array(text.utf8))
        #expect(RelayRun(text, strips: true, cuts: Array(1..<text.utf8.count)) == run)
    }

    @Test("the Responses API gives its usage with its terminal event")
    func responses() throws {
        let text =
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":"
            + "{\"usage\":{\"input_tokens\":9,\"output_tokens\":4}}}\n\n"
        let run = RelayRun(text, strips: true, cuts: [30])
        #expect(run.usage == TokenUsage(input: 9, output: 4))
        #expect(run.output == Array(text.utf8) && !run.sawDone)
    }

    @Test("an event above the bound is refused, at any cutting, and one at the bound is not")
    func tooLarge() {
        let event = "data: {\"a\":\"" + String(repeating: "x", count: 84) + "\"}\n\n"
        #expect(event.utf8.count == 100)
        for cuts in [[], Array(1..<100)] {
            let run = RelayRun(event, strips: false, cuts: cuts, eventBytesMax: 99)
            #expect(run.fault == .tooLarge)
            #expect(run.output.isEmpty && !run.isComplete)
        }
        let whole = RelayRun(event, strips: false, cuts: [50], eventBytesMax: 100)
        #expect(whole.output == Array(event.utf8) && whole.fault == nil)
        let endless = String(repeating: "x", count: 5000)
        let run = RelayRun(endless, strips: false, cuts: Array(1..<5000), eventBytesMax: 1000)
        #expect(run.fault == .tooLarge)
    }

    @Test("what stands in front of an event that must not pass is given out, and its end counts")
    func frontOfFault() {
        for end in ["data: [DONE]\n\n", "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n"] {
            for fault in ["data: " + String(repeating: "x", count: 200), "data: {no}\n\n"] {
                let run = RelayRun(end + fault, strips: false, cuts: [], eventBytesMax: 100)
                #expect(run.output == Array(end.utf8))
                #expect(run.isComplete)
            }
        }
    }

    @Test(
        "an event that is not one JSON object never passes",
        arguments: [
            "{not json}", "{\"a\":1", "{\"a\":1}}", "null", "[]", "1", "<html>",
            "{\"a\":\"\u{1}\"}",
            "{\"usage\":{\"prompt_tokens\":3}", "{\"error\":{}", "{\"a\":tru}",
        ])
    func malformed(data: String) {
        let first = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
        let text = first + "data: \(data)\n\ndata: [DONE]\n\n"
        for cuts in [[], Array(1..<text.utf8.count)] {
            let run = RelayRun(text, strips: true, cuts: cuts)
            #expect(run.output == Array(first.utf8))
            #expect(run.fault == .malformed && !run.isComplete)
        }
    }

    @Test("a failure that the server reports passes, or stops the stream where that is asked for")
    func reports() {
        let report = "{\"error\":{\"message\":\"out of memory\"}}"
        let bytes = Array("data: {}\n\ndata: \(report)\n\n".utf8)
        var relay = StreamRelay(eventBytesMax: 1 << 20, stripsUsage: false)
        var out: [UInt8] = []
        #expect(relay.consume(bytes.span.bytes, into: &out) == .unchanged)
        #expect(relay.sawReport && relay.isComplete)
        relay = StreamRelay(eventBytesMax: 1 << 20, stripsUsage: false)
        relay.stopsAtReports = true
        #expect(relay.consume(bytes.span.bytes, into: &out) == .broken)
        #expect(out == Array("data: {}\n\n".utf8))
        #expect(relay.fault == .reported && relay.report == Array(report.utf8))
        #expect(!relay.isComplete)
    }

    @Test("a stream of several choices is whole when each has said why it ended")
    func choices() {
        let finish = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n"
        var relay = StreamRelay(eventBytesMax: 1 << 20, stripsUsage: false, choices: 2)
        var out: [UInt8] = []
        let bytes = Array(finish.utf8)
        _ = relay.consume(bytes.span.bytes, into: &out)
        #expect(!relay.isComplete)
        _ = relay.consume(bytes.span.bytes, into: &out)
        #expect(relay.isComplete && !relay.isTerminated)
    }
}
