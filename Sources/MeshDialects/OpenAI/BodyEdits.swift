// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshWire

/// The few places in which a forwarded body differs from the one the caller sent.
///
/// Everything between two places passes as the very bytes that came, so an edit never disagrees
/// with the caller about anything it did not mean to change.
package struct BodyEdits: Sendable, Hashable {
    /// One replaced run of bytes.
    package struct Splice: Sendable, Hashable {
        /// The bytes that go.
        package var range: ByteRange
        /// The bytes that come in their place.
        package var replacement: [UInt8]
    }

    /// The edits in order of position; they do not overlap.
    package private(set) var splices: [Splice] = []

    /// No edits.
    package init() {}

    /// Whether the body passes as it is.
    package var isEmpty: Bool { splices.isEmpty }

    /// The length of the edited body for an original of `count` bytes.
    package func length(of count: Int) -> Int {
        splices.reduce(count) { $0 - $1.range.count + $1.replacement.count }
    }

    /// Adds an edit that overlaps none of those that are there.
    package mutating func insert(_ range: ByteRange, _ replacement: [UInt8]) {
        let at = splices.firstIndex { $0.range.lowerBound > range.lowerBound } ?? splices.count
        splices.insert(Splice(range: range, replacement: replacement), at: at)
    }

    /// The edits that forward `facts`' body to an upstream that knows the model as
    /// `upstreamModel`, asking for usage in a stream when `askForUsage`.
    ///
    /// **Shape** `upstreamModel` is plain UTF-8; nil keeps the caller's name.
    package init(
        _ facts: RequestFacts, body: RawSpan, upstreamModel: [UInt8]?, askForUsage: Bool
    ) {
        if let upstreamModel, let range = facts.model {
            var quoted: [UInt8] = []
            quoted.appendJSONString(unsafe upstreamModel.span.bytes)
            insert(ByteRange(range.start - 1, range.end + 1), quoted)
        }
        guard askForUsage else { return }
        if let value = facts.includeUsageValue {
            insert(value, Array("true".utf8))
        } else if let options = facts.streamOptions, body[options.start] == UInt8(ascii: "n") {
            // A `null` that the caller wrote.
            insert(options, Array(#"{"include_usage":true}"#.utf8))
        } else if let options = facts.streamOptions {
            // Just behind the opening brace of the caller's own stream_options.
            let at = ByteRange(options.start + 1, options.start + 1)
            let separator = Self.isEmptyObject(body.extracting(options.range)) ? "" : ","
            insert(at, Array(#""include_usage":true\#(separator)"#.utf8))
        } else {
            let at = ByteRange(facts.objectStart, facts.objectStart)
            let separator = facts.isEmptyObject ? "" : ","
            insert(at, Array(#""stream_options":{"include_usage":true}\#(separator)"#.utf8))
        }
    }

    /// Whether nothing but white space stands between the braces of `object`.
    private static func isEmptyObject(_ object: RawSpan) -> Bool {
        for i in 1..<max(1, object.byteCount - 1) where object[i] > 0x20 { return false }
        return true
    }

    /// Appends the edited body to `out`.
    package func append(_ body: RawSpan, to out: inout [UInt8]) {
        var at = 0
        for splice in splices {
            out.append(body.extracting(at..<splice.range.start))
            out.append(contentsOf: splice.replacement)
            at = splice.range.end
        }
        out.append(body.extracting(at..<body.byteCount))
    }
}
