// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The bounds of this target, each with its reason.
enum Limits {
    /// Events that one recording keeps; an exchange with more retries and pauses than that is
    /// kept without being able to be decided again.
    static var recordedEvents: Int { 128 }
    /// Bytes of a model's name that a recording keeps; who writes more may have put a prompt there.
    static var recordedModelBytes: Int { 256 }
    /// Bytes of recordings that one shard keeps, by a rough count; heads may be large.
    static var recordedBytes: Int { 16 * 1024 * 1024 }
    /// Tools whose names a recording keeps; servers take no more.
    static var recordedTools: Int { 128 }
    /// Bytes of such a name; servers allow 64.
    static var recordedToolBytes: Int { 128 }
    /// Entries of a route table that an explanation lists as near misses.
    static var explainedMisses: Int { 5 }
    /// Fallbacks of which a refusal says why labelled data may not go there.
    static var toldReasons: Int { 4 }
    /// Recordings that one shard keeps at most, whatever is configured: a few kilobytes each.
    static var recordings: Int { 100_000 }
    /// Bytes of an answer in one piece that are kept back until it is whole, so that another
    /// endpoint can be asked when it is not. Answers of chats are far smaller; a larger one passes
    /// as it comes.
    static var heldBytes: Int { 256 * 1024 }
    /// Tokens that one shard remembers: a few megabytes with large claims.
    static var tokens: Int { 4_096 }
    /// How long it is remembered that a token's signature is wrong.
    static var faultKept: Nanoseconds { .seconds(60) }
    /// Signatures that one shard checks in a second: a fifth of a core at the slowest.
    static var signaturesPerSecond: Int { 2_000 }
    /// Signatures that one shard checks at once after a while without any.
    static var signatureBurst: Int { 1_000 }
    /// How long keys are not asked for again because of a name that they lack.
    static var askedAgain: Nanoseconds { .seconds(30) }
    /// Questions about similarity at once after a while without any.
    static var similarityBurst: Int { 4 }
    /// Bytes of each text that an embeddings model is shown; most take some thousand tokens.
    static var similarityTextBytes: Int { 8 * 1024 }
    /// Bytes of its answer: two vectors of 4,096 numbers, written out.
    static var similarityAnswerBytes: Int { 512 * 1024 }
    /// How long its answer may take.
    static var similarityTimeout: Nanoseconds { .seconds(10) }
    /// How long a request waits for keys.
    static var keysAwaited: Nanoseconds { .seconds(5) }
}
