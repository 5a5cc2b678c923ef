// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// How callers behave. Chances are in thousandths of requests; one request has at most one vice.
package struct CallerHabits: Sendable, Hashable {
    /// Read a little at a time.
    package var slowPermille = 0
    /// What a slow reader takes at once.
    package var slowBytes = 200
    /// How long a slow reader then rests.
    package var slowRest = Nanoseconds.milliseconds(50)
    /// Stop reading in the middle of the answer.
    package var deafPermille = 0
    /// How long such a caller keeps the connection.
    package var deafFor = Nanoseconds.seconds(30)
    /// Leave before the answer is complete.
    package var leavePermille = 0
    /// The longest that one who leaves stays.
    package var leaveWithin = Nanoseconds.seconds(2)
    /// Close their sending side behind the request.
    package var halfClosePermille = 0
    /// Send the body in small pieces.
    package var dribblePermille = 0
    /// Stop in the middle of the body and wait.
    package var abandonPermille = 0
    /// Send the next request behind the present one.
    package var pipelinePermille = 0
    /// Send what is not a request.
    package var malformedPermille = 0
    /// Send the body in chunks.
    package var chunkedPermille = 0
    /// Speak HTTP/1.0.
    package var oldPermille = 0
    /// Ask for usage in the stream themselves.
    package var usagePermille = 0
    /// How often a request is sent again after a refusal that may pass.
    package var retries = 0
    /// How long a caller waits for anything at all before it gives up; nil for ever.
    package var patience: Nanoseconds?

    /// Callers that behave.
    package init() {}
}

/// What one request's caller will do, drawn when the request is made.
struct CallerFate {
    /// The one vice that it has.
    enum Vice {
        case none, slow, deaf(after: Int), leaves(after: Nanoseconds, byReset: Bool), halfCloses
        case dribbles(Int), abandons(after: Int), malformed(Int)
    }

    var vice = Vice.none
    var isPipelined = false
    var isChunked = false
    var isOld = false
    var asksForUsage = false

    init() {}

    init(_ habits: CallerHabits, using random: inout SplitMix64) {
        asksForUsage = Self.strikes(habits.usagePermille, &random)
        isChunked = Self.strikes(habits.chunkedPermille, &random)
        isPipelined = Self.strikes(habits.pipelinePermille, &random)
        if Self.strikes(habits.oldPermille, &random) {
            isOld = true
            isChunked = false
            isPipelined = false
        }
        if Self.strikes(habits.slowPermille, &random) {
            vice = .slow
        } else if Self.strikes(habits.deafPermille, &random) {
            vice = .deaf(after: random.below(600))
        } else if Self.strikes(habits.leavePermille, &random) {
            let stay = random.below(Int(habits.leaveWithin.rawValue) + 1)
            vice = .leaves(after: Nanoseconds(Int64(stay)), byReset: random.below(2) == 0)
        } else if Self.strikes(habits.halfClosePermille, &random) {
            vice = .halfCloses
        } else if Self.strikes(habits.dribblePermille, &random) {
            vice = .dribbles(1 + random.below(120))
        } else if Self.strikes(habits.abandonPermille, &random) {
            vice = .abandons(after: random.below(60))
        } else if Self.strikes(habits.malformedPermille, &random) {
            vice = .malformed(random.below(MalformedRequest.all.count))
        }
    }

    /// Whether the connection can only serve this one request.
    var needsOwnConnection: Bool {
        if isOld { return true }
        switch vice {
        case .none: return false
        default: return true
        }
    }

    private static func strikes(_ permille: Int, _ random: inout SplitMix64) -> Bool {
        permille > 0 && random.below(1000) < permille
    }
}

/// Bytes that no intermediary may take for a request.
enum MalformedRequest {
    /// Some of each kind: bad line, no host, two lengths, smuggled framing, bad field, bad chunk.
    static let all: [String] = [
        "POST /v1/chat/completions HTTP/1.1 \r\nhost: mesh.sim\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\n\r\n",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: mesh.sim\r\ncontent-length: 3\r\n"
            + "content-length: 4\r\n\r\n{}  ",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: mesh.sim\r\ncontent-length: 4\r\n"
            + "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: mesh.sim\r\nbad field: 1\r\n\r\n",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: mesh.sim\r\n"
            + "transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{0}\u{5}hello",
    ]
}
