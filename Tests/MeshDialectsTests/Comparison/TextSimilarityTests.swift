// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshWire
import Testing

@Suite("How much two texts mean the same")
struct TextSimilarityTests {
    private func answer(_ text: String) -> UInt16? {
        let bytes = Array(text.utf8)
        return TextSimilarity.answer(bytes.span.bytes)
    }

    @Test("nobody is asked about equal texts, or about none")
    func known() {
        #expect(TextSimilarity.known("a", "a") == 10_000)
        #expect(TextSimilarity.known("a", "") == 0)
        #expect(TextSimilarity.known("", "a") == 0)
        #expect(TextSimilarity.known("a", "b") == nil)
    }

    @Test("the question holds both texts, cut between two characters")
    func question() throws {
        let body = TextSimilarity.question(
            model: Array("e\"1".utf8), "ab\"c", "äöü", bytesMax: 5)
        let tree = try JSONTree.read(body.span.bytes, bytesMax: 1_000)
        #expect(tree["model"]?.text == "e\"1")
        #expect(tree["input"]?.texts == ["ab\"c", "äö"])
        #expect(tree["encoding_format"]?.text == "float")
    }

    @Test("the answer is the cosine of both vectors, whatever their order and length")
    func cosine() {
        #expect(
            answer(#"{"data":[{"index":0,"embedding":[1,0]},{"index":1,"embedding":[1,0]}]}"#)
                == 10_000)
        #expect(
            answer(#"{"data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[10,0]}]}"#)
                == 6_000)
        #expect(
            answer(#"{"data":[{"index":0,"embedding":[1,0]},{"index":1,"embedding":[-1,0]}]}"#)
                == 0)
        #expect(answer(#"{"data":[{"embedding":[0,2]},{"embedding":[0.5,0]}]}"#) == 0)
        #expect(TextSimilarity.cosine([1, 2, 3], [2, 4, 6]).map { abs($0 - 1) < 1e-12 } == true)
    }

    @Test(
        "what is no answer to it says nothing",
        arguments: [
            "", "{}", #"{"data":[]}"#, #"{"data":[{"embedding":[1]}]}"#,
            #"{"data":[{"embedding":[1]},{"embedding":[1,2]}]}"#,
            #"{"data":[{"embedding":[0]},{"embedding":[0]}]}"#,
            #"{"data":[{"embedding":[]},{"embedding":[]}]}"#,
            #"{"data":[{"embedding":["a"]},{"embedding":[1]}]}"#,
            #"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#,
            #"{"data":[{"index":5,"embedding":[1]},{"index":0,"embedding":[1]}]}"#,
            #"{"data":[{"embedding":[1e308]},{"embedding":[1e308]}]}"#,
        ])
    func malformed(text: String) { #expect(answer(text) == nil) }
}
