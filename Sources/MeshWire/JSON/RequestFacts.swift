// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What the mesh acts on in the body of a request in OpenAI's shape.
///
/// Ranges point into the scanned body. A value of `null` counts as absent, as servers read it.
package struct RequestFacts: Sendable, Hashable {
    /// Contents of the `model` string without its quotes: raw bytes, maybe with escapes.
    package var model: ByteRange?
    /// Whether `model` must be decoded before it is compared.
    package var modelHasEscapes = false
    /// Whether the answer is asked for as an event stream.
    package var stream = false
    /// The whole `stream_options` object with its braces, or the `null` in its place.
    package var streamOptions: ByteRange?
    /// `stream_options.include_usage`, nil when absent or null.
    package var includeUsage: Bool?
    /// The literal behind `include_usage`, also when it is `null`, so that it can be replaced.
    package var includeUsageValue: ByteRange?
    /// The smallest of `max_tokens`, `max_completion_tokens` and `max_output_tokens`.
    package var maxTokens: Int?
    /// The largest of the same. Servers differ in which one they obey, so what is reserved
    /// before the answer must be counted from this one.
    package var maxTokensCeiling: Int?
    /// Contents of the `user` string without its quotes, maybe with escapes.
    package var user: ByteRange?
    /// How many answers are asked for.
    package var n: Int?
    /// How many answers the server is to make in order to choose from.
    package var bestOf: Int?
    /// How many prompts `prompt` holds: texts or lists of tokens in a list, or else one.
    package var prompts = 1
    /// Count of elements of `tools`, and of `functions` as older callers have it.
    package var toolCount = 0
    /// The whole array `tools` with its brackets.
    package var tools: ByteRange?
    /// The whole array `functions` with its brackets.
    package var functions: ByteRange?
    /// Offset just behind the opening `{`, where a member can be put in.
    package var objectStart: Int
    /// Whether the request object has no member, so that one put in needs no comma.
    package var isEmptyObject = true
    /// Bytes of the values of `messages`, `prompt`, `input`, `system` and `instructions`: the
    /// size that token estimates start from.
    package var inputBytes = 0

    /// No facts yet, in an object whose members begin at `objectStart`.
    package init(objectStart: Int) { self.objectStart = objectStart }
}
