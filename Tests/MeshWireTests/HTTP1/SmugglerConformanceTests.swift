// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshWire
import Testing

@Suite struct SmugglerConformanceTests {
    @Test("no Transfer-Encoding gadget reaches an upstream as anything but a plain field")
    func gadgets() throws {
        guard let data = try suite("http1/smuggler_gadgets.json.gz") else { return }
        let template = try decoded(data["template_b64"])
        let cases = try #require(data["cases"] as? [[String: Any]])
        var refused = 0
        var safe = 0
        for entry in cases {
            let id = try #require(entry["id"] as? String)
            let gadget = try decoded(entry["gadget_b64"])
            // The CL.TE probe: a server that reads chunks stops before the last byte.
            var bytes = template
            for (mark, value) in [
                ("__METHOD__", "POST"), ("__ENDPOINT__", "/"), ("__RANDOM__", "1"),
                ("__HOST__", "a"), ("__REPLACE_CL__", "6"),
            ] { bytes = replaced(bytes, mark, latin(value)) }
            bytes = replaced(bytes, "__GADGET__", gadget) + latin("\r\n0\r\n\r\nX")
            var head = RequestHead()
            do {
                guard try head.parse(bytes.span.bytes, limits: HeadLimits()) else {
                    Issue.record("\(id): incomplete")
                    continue
                }
            } catch {
                refused += 1
                continue
            }
            safe += 1
            expectSafe(head, bytes, id)
        }
        print("smuggler: \(refused) refused, \(safe) provably safe, of \(cases.count)")
        #expect(refused + safe == cases.count)
    }

    /// An accepted head has one framing, and what is sent on cannot be read to have another:
    /// none of its lines, however a sloppy reader trims, folds or splits it, names the coding.
    private func expectSafe(_ head: RequestHead, _ bytes: [UInt8], _ id: String) {
        #expect(head.framing == .length(6), "\(id)")
        var out: [UInt8] = []
        HeadWriter.appendEndToEndFields(
            of: head.fields, bytes: bytes.span.bytes, dropping: FieldSet(.contentLength), to: &out)
        for (i, byte) in out.enumerated() {
            let isLineEnd = byte == 13 && out[i + 1] == 10 || byte == 10 && out[i - 1] == 13
            #expect(isLineEnd || byte >= 32 && byte != 127 || byte == 9, "\(id)")
        }
        for slot in head.fields {
            let name = bytes[slot.nameRange.range].filter { $0 | 0x20 >= 97 && $0 | 0x20 <= 122 }
            #expect(Array(name).span.bytes.text.lowercased() != "transferencoding", "\(id)")
        }
    }

    private func decoded(_ value: Any?) throws -> [UInt8] {
        let text = try #require(value as? String)
        return Array(try #require(Data(base64Encoded: text)))
    }

    private func replaced(_ bytes: [UInt8], _ mark: String, _ value: [UInt8]) -> [UInt8] {
        bytes.split(separator: latin(mark), omittingEmptySubsequences: false)
            .joined(separator: value).map { $0 }
    }
}
