// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// How much two texts mean the same, as a model of embeddings sees it: the cosine of the angle
/// between their vectors.
package enum TextSimilarity {
    /// Equal texts, in ten-thousandths.
    package static let equal: UInt16 = 10_000

    /// What is known of two texts without asking anybody: equal ones mean the same, and a text has
    /// nothing in common with none. Nil when a model must be asked.
    package static func known(_ a: String, _ b: String) -> UInt16? {
        if a.utf8.elementsEqual(b.utf8) { return equal }
        return a.isEmpty || b.isEmpty ? 0 : nil
    }

    /// The request for the vectors of two texts, by the OpenAI API. A text that is longer than
    /// `bytesMax` is cut.
    ///
    /// **Source** `POST /v1/embeddings` of the OpenAI API reference.
    package static func question(
        model: [UInt8], _ a: String, _ b: String, bytesMax: Int
    ) -> [UInt8] {
        var body: [UInt8] = []
        body.append("{\"model\":")
        body.appendJSONString(unsafe model.span.bytes)
        body.append(",\"input\":[")
        body.appendJSONString(cut(a, bytesMax))
        body.append(",")
        body.appendJSONString(cut(b, bytesMax))
        body.append("],\"encoding_format\":\"float\"}")
        return body
    }

    /// The similarity that an answer says, in ten-thousandths; opposite meanings count as none.
    /// Nil when it is no answer to a question for two vectors.
    package static func answer(_ body: RawSpan) -> UInt16? {
        guard let tree = try? JSONTree.read(body, bytesMax: .max),
            let data = tree["data"]?.elements, data.count == 2
        else { return nil }
        var vectors: [[Double]?] = [nil, nil]
        for (place, entry) in data.enumerated() {
            let index = Int(clamping: entry["index"]?.integer ?? Int64(place))
            guard vectors.indices.contains(index), vectors[index] == nil,
                let elements = entry["embedding"]?.elements
            else { return nil }
            vectors[index] = numbers(elements)
        }
        guard let a = vectors[0], let b = vectors[1], let cosine = cosine(a, b) else { return nil }
        return UInt16((min(1, max(0, cosine)) * 10_000).rounded())
    }

    /// The cosine of the angle between two vectors; nil when they have not the same length, or one
    /// has none.
    package static func cosine(_ a: [Double], _ b: [Double]) -> Double? {
        guard a.count == b.count, !a.isEmpty else { return nil }
        var (product, left, right) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            product += x * y
            left += x * x
            right += y * y
        }
        let length = (left * right).squareRoot()
        guard length > 0, length.isFinite, product.isFinite else { return nil }
        return product / length
    }

    private static func numbers(_ elements: [JSONTree]) -> [Double]? {
        var found: [Double] = []
        found.reserveCapacity(elements.count)
        for element in elements {
            switch element {
            case .double(let value): found.append(value)
            case .int(let value): found.append(Double(value))
            case .null, .bool, .string, .list, .object: return nil
            }
        }
        return found
    }

    /// The beginning of `text`, cut between two characters.
    private static func cut(_ text: String, _ bytesMax: Int) -> String {
        let bytes = Array(text.utf8)
        guard bytes.count > bytesMax else { return text }
        var end = bytesMax
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return String(decoding: bytes[..<end], as: UTF8.self)
    }
}
