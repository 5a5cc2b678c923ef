// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshDialects
import MeshWire
import Testing

@Suite("Edits of a forwarded body")
struct BodyEditsTests {
    /// The body that is forwarded in place of `body`, checked to have the length that was told
    /// before and every byte outside the edits unchanged.
    private func edited(
        _ body: [UInt8], model: String?, askForUsage: Bool = false, _ hint: Comment = ""
    ) throws -> [UInt8] {
        let facts = try RequestScanner.scan(body.span.bytes)
        let edits = BodyEdits(
            facts, body: body.span.bytes, upstreamModel: model.map { Array($0.utf8) },
            askForUsage: askForUsage)
        var out: [UInt8] = []
        edits.append(body.span.bytes, to: &out)
        #expect(edits.length(of: body.count) == out.count, hint)
        var rebuilt: [UInt8] = []
        var at = 0
        var place = 0
        for splice in edits.splices {
            let kept = body[at..<splice.range.start]
            #expect(out[place..<(place + kept.count)].elementsEqual(kept), hint)
            rebuilt += kept
            place += kept.count + splice.replacement.count
            at = splice.range.end
        }
        #expect(out[place...].elementsEqual(body[at...]), hint)
        #expect(edits.isEmpty == edits.splices.isEmpty)
        return out
    }

    @Test("a new model name replaces the value of `model` and nothing else")
    func plain() throws {
        let body = Array(
            #"{ "messages" : ["model"], "model" :  "a\u0062"  ,"x":{"model":"a"}}"#.utf8)
        let out = try edited(body, model: "q/\"7b\"")
        #expect(
            String(decoding: out, as: UTF8.self)
                == #"{ "messages" : ["model"], "model" :  "q/\"7b\""  ,"x":{"model":"a"}}"#)
    }

    @Test("without a new name and without a wish for usage the body passes as it is")
    func untouched() throws {
        let body = Array(#" {"model":"a","stream":true} "#.utf8)
        let facts = try RequestScanner.scan(body.span.bytes)
        let edits = BodyEdits(
            facts, body: body.span.bytes, upstreamModel: nil, askForUsage: false)
        #expect(edits.isEmpty && edits.length(of: body.count) == body.count)
        #expect(try edited(body, model: nil) == body)
    }

    @Test("random bodies in every order of keys keep all but the model's value")
    func modelProperty() throws {
        for seed in UInt64(101)..<UInt64(401) {
            var random = SplitMix64(seed: seed)
            let sample = RandomBody(using: &random)
            let hint: Comment = "seed \(seed): \(sample.text)"
            let before = try object(sample.bytes)
            let after = try object(
                try edited(sample.bytes, model: "up/\"stream\" ü", askForUsage: false, hint))
            var expected = before
            if before["model"] != nil, !(before["model"] is NSNull) {
                expected["model"] = "up/\"stream\" ü"
            }
            #expect(try normal(after) == normal(expected), hint)
        }
    }

    @Test("usage is asked for in random bodies, all else stays")
    func usageProperty() throws {
        for seed in UInt64(401)..<UInt64(701) {
            var random = SplitMix64(seed: seed)
            let sample = RandomBody(using: &random)
            let hint: Comment = "seed \(seed): \(sample.text)"
            let before = try object(sample.bytes)
            let after = try object(
                try edited(sample.bytes, model: "m", askForUsage: true, hint))
            var expected = before
            if before["model"] != nil, !(before["model"] is NSNull) { expected["model"] = "m" }
            var options = before["stream_options"] as? [String: Any] ?? [:]
            options["include_usage"] = true
            expected["stream_options"] = options
            #expect(try normal(after) == normal(expected), hint)
        }
    }

    @Test(
        "usage is asked for once, however the caller spoke of it",
        arguments: [
            #"{"stream":true}"#,
            #"{"stream":true,"stream_options":{}}"#,
            #"{"stream_options":{ },"stream":true}"#,
            "{\"stream_options\":{\n\t}\n}",
            #"{"stream_options":{"include_usage":false}}"#,
            #"{"stream_options":{"include_usage":true}}"#,
            #"{"stream_options":{"include_usage":null}}"#,
            #"{"stream_options":{"include_usage" :  false , "other":[{}]}}"#,
            #"{"stream_options":{"other":{"include_usage":false}}}"#,
            #"{"stream_options":{"a":1,"include_usage":false,"b":2},"model":"m"}"#,
            #"{ }"#,
            #"{"model":"m","stream_options":{"x":1}}"#,
        ])
    func shapes(text: String) throws {
        let out = try edited(Array(text.utf8), model: "m", askForUsage: true)
        let options = try #require(try object(out)["stream_options"] as? [String: Any])
        #expect(options["include_usage"] as? Bool == true)
        let written = String(decoding: out, as: UTF8.self)
        #expect(written.components(separatedBy: "\"stream_options\"").count == 2, "\(written)")
        // The scanner refuses doubled names and broken commas, as strict servers do.
        let facts = try RequestScanner.scan(out.span.bytes)
        #expect(facts.includeUsage == true)
    }

    @Test("a `stream_options` of null is replaced, not doubled")
    func nullOptions() throws {
        for text in [
            #"{"stream":true,"stream_options":null}"#, #"{"stream_options" : null,"model":"m"}"#,
        ] {
            let out = try edited(Array(text.utf8), model: "m", askForUsage: true)
            let written = String(decoding: out, as: UTF8.self)
            #expect(
                written.components(separatedBy: "\"stream_options\"").count == 2, "\(written)")
            let facts = try? RequestScanner.scan(out.span.bytes)
            #expect(facts?.includeUsage == true)
        }
    }

    @Test("edits are kept in the order of their places, in whatever order they are added")
    func order() {
        let body = Array("0123456789".utf8)
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
            let all = [
                (ByteRange(1, 1), "a"), (ByteRange(3, 5), ""), (ByteRange(9, 10), "zz"),
            ]
            var edits = BodyEdits()
            for i in order { edits.insert(all[i].0, Array(all[i].1.utf8)) }
            var out: [UInt8] = []
            edits.append(body.span.bytes, to: &out)
            #expect(String(decoding: out, as: UTF8.self) == "0a125678zz")
            #expect(edits.length(of: body.count) == out.count)
        }
    }
}
