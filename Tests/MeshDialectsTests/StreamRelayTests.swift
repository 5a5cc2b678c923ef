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
                let whole = try RelayRun(text, strips: strips, cuts: [])
                let bytes = Array(text.utf8)
                for cut in 0...bytes.count {
                    let run = try RelayRun(text, strips: strips, cuts: [cut])
                    #expect(run == whole, "stream \(number), strips \(strips), cut \(cut)")
                }
                let single = try RelayRun(text, strips: strips, cuts: Array(1..<bytes.count))
                #expect(single == whole, "stream \(number), strips \(strips), byte by byte")
                for seed in UInt64(901)..<UInt64(921) {
                    var random = SplitMix64(seed: seed)
                    let cuts = (0..<random.below(9)).map { _ in random.below(bytes.count + 1) }
                    let run = try RelayRun(text, strips: strips, cuts: cuts)
                    #expect(run == whole, "stream \(number), seed \(seed)")
                }
            }
        }
    }

    @Test("a stream that nothing is left out of passes byte for byte")
    func passes() throws {
        for text in RelayRun.streams {
            let run = try RelayRun(text, strips: false, cuts: [3, 40])
            guard run.isComplete else { continue }
            #expect(run.output == Array(text.utf8))
        }
    }

    @Test("a read of whole events is answered with `unchanged` and nothing is copied")
    func unchanged() throws {
        var relay = StreamRelay(eventBytesMax: 1 << 20, stripsUsage: true)
        var out: [UInt8] = []
        for text in [
            "data: {\"choices\":[{\"delta\":{}}]}\n\n", ": ping\n\n", "data: 1\n\ndata: 2\n\n",
            "event: x\ndata: {}\r\n\r\n", "", "data: [DONE]\n\n",
        ] {
            let bytes = Array(text.utf8)
            let verdict = try relay.consume(bytes.span.bytes, into: &out)
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
                if try relay.consume(piece.span.bytes, into: &given) == .unchanged {
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
        let kept = try RelayRun(text, strips: false, cuts: [])
        let stripped = try RelayRun(text, strips: true, cuts: [])
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
        let run = try RelayRun(text, strips: true, cuts: [20])
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
            let run = try RelayRun(text, strips: true, cuts: cuts)
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
        let run = try RelayRun(text, strips: true, cuts: [])
        #expect(run.isComplete)
        #expect(run.output == Array(text.utf8))
        #expect(try RelayRun(text, strips: true, cuts: Array(1..<text.utf8.count)) == run)
    }

    @Test("the Responses API gives its usage with its terminal event")
    func responses() throws {
        let text =
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":"
            + "{\"usage\":{\"input_tokens\":9,\"output_tokens\":4}}}\n\n"
        let run = try RelayRun(text, strips: true, cuts: [30])
        #expect(run.usage == TokenUsage(input: 9, output: 4))
        #expect(run.output == Array(text.utf8) && !run.sawDone)
    }

    @Test("an event above the bound is refused, at any cutting, and one at the bound is not")
    func tooLarge() throws {
        let event = "data: " + String(repeating: "x", count: 92) + "\n\n"
        #expect(event.utf8.count == 100)
        #expect(throws: EventFault.tooLarge(limit: 99)) {
            try RelayRun(event, strips: false, cuts: [], eventBytesMax: 99)
        }
        #expect(throws: EventFault.tooLarge(limit: 99)) {
            try RelayRun(event, strips: false, cuts: Array(1..<100), eventBytesMax: 99)
        }
        let whole = try RelayRun(event, strips: false, cuts: [50], eventBytesMax: 100)
        #expect(whole.output == Array(event.utf8))
        let endless = String(repeating: "x", count: 5000)
        #expect(throws: EventFault.tooLarge(limit: 1000)) {
            try RelayRun(endless, strips: false, cuts: Array(1..<5000), eventBytesMax: 1000)
        }
    }

    @Test("an end that was not given out because of a huge event behind it does not count")
    func endBeforeFault() throws {
        for end in ["data: [DONE]\n\n", "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n"] {
            let bytes = Array((end + "data: " + String(repeating: "x", count: 200)).utf8)
            var relay = StreamRelay(eventBytesMax: 100, stripsUsage: false)
            var out: [UInt8] = []
            #expect(throws: EventFault.tooLarge(limit: 100)) {
                try relay.consume(bytes.span.bytes, into: &out)
            }
            #expect(!relay.isComplete && !relay.sawDone)
        }
    }
}
