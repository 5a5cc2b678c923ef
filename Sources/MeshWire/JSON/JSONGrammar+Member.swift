// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension JSONGrammar {
    /// One member of an object: its name, and where its value begins.
    struct Member {
        /// Offset of the first byte of the name, behind its quote.
        var nameStart: Int
        /// Offset of the quote that ends the name.
        var nameEnd: Int
        /// Whether the name must be decoded before it can be compared.
        var isNamePlain: Bool
        /// Offset of the first byte of the value.
        var value: Int
    }

    /// A walk over the members of one object: the caller steps over each value itself.
    struct Members {
        /// Offset behind the opening brace, then behind each value, then behind the object.
        var offset: Int
        private var isFirst = true

        /// A walk from behind the opening brace.
        init(behindBrace offset: Int) { self.offset = offset }

        /// A walk that goes on from behind the value of some member.
        init(behindValue offset: Int) {
            self.offset = offset
            isFirst = false
        }

        /// The next member, or nil behind the closing brace, where `offset` then stands.
        ///
        /// **Shape** the caller sets `offset` behind the value before it asks again.
        mutating func next(_ bytes: RawSpan) throws(JSONFault) -> Member? {
            var i = skipSpace(bytes, from: offset)
            var first = try byte(bytes, at: i)
            if first == UInt8(ascii: "}") {
                offset = i &+ 1
                return nil
            }
            if !isFirst {
                guard first == UInt8(ascii: ",") else { throw JSONFault(.unexpectedByte, at: i) }
                i = skipSpace(bytes, from: i &+ 1)
                first = try byte(bytes, at: i)
            }
            isFirst = false
            guard first == UInt8(ascii: "\"") else { throw JSONFault(.unexpectedByte, at: i) }
            let name = try skipString(bytes, from: i)
            let colon = skipSpace(bytes, from: name.end)
            guard try byte(bytes, at: colon) == UInt8(ascii: ":") else {
                throw JSONFault(.unexpectedByte, at: colon)
            }
            let value = skipSpace(bytes, from: colon &+ 1)
            _ = try byte(bytes, at: value)
            return Member(
                nameStart: i &+ 1, nameEnd: name.end &- 1,
                isNamePlain: !name.hasEscapes && !name.hasWideScalars, value: value)
        }
    }
}
