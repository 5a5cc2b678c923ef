// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The grammar of bodies, one stretch of bytes of the same kind at a time.
/// **Source**: RFC 9112 section 7.1.
extension BodyReader {
    /// What one stretch of bytes is.
    enum Step {
        /// Bytes of the body.
        case payload(ByteRange)
        /// Chunk sizes and line ends.
        case framing(ByteRange)
        /// Chunk extensions or trailer fields.
        case skipped
        case end
        case needMore
    }

    /// Reads the next stretch and advances `offset` over it.
    mutating func step(_ bytes: RawSpan, _ offset: inout Int) throws(Violation) -> Step {
        switch state {
        case .done: return .end
        case .length, .data: return takePayload(bytes, &offset)
        case .untilClose:
            guard offset < bytes.byteCount else { return .needMore }
            let range = ByteRange(offset, bytes.byteCount)
            offset = bytes.byteCount
            return .payload(range)
        case .chunkSize, .chunkSizeCR, .chunkSizeLF, .dataCR, .dataLF, .finalLF:
            return try takeFraming(bytes, &offset)
        case .trailerStart:
            guard offset < bytes.byteCount else { return .needMore }
            if bytes.headByte(offset) == HTTPByte.carriageReturn {
                return try takeFraming(bytes, &offset)
            }
            return try takeTrailer(bytes, &offset)
        case .trailerName, .trailerValue, .trailerLF:
            return try takeTrailer(bytes, &offset)
        case .extensionName, .extensionValue, .extensionText, .extensionQuoted, .extensionPair,
            .extensionQuotedEnd:
            return try takeExtension(bytes, &offset)
        }
    }

    private mutating func takePayload(_ bytes: RawSpan, _ offset: inout Int) -> Step {
        let available = bytes.byteCount - offset
        guard available > 0 else { return .needMore }
        let count = left < UInt64(available) ? Int(left) : available
        let range = ByteRange(offset, offset + count)
        offset += count
        left -= UInt64(count)
        if left == 0 { state = state == .data ? .dataCR : .done }
        return .payload(range)
    }

    /// Reads sizes and line ends up to payload, an extension, a trailer or the end.
    private mutating func takeFraming(
        _ bytes: RawSpan, _ offset: inout Int
    ) throws(Violation) -> Step {
        let start = offset
        skipPlainFraming(bytes, &offset)
        if state == .data { return .framing(ByteRange(start, offset)) }
        while offset < bytes.byteCount {
            let byte = bytes.headByte(offset)
            switch state {
            case .chunkSize:
                if byte == UInt8(ascii: ";"), sizeDigits > 0 {
                    sawExtras = true
                    extensionBytes = 0
                    state = .extensionName
                    return offset > start ? .framing(ByteRange(start, offset)) : .skipped
                }
                try takeSizeByte(byte, offset)
            case .chunkSizeCR:
                // `takeExtension` stopped at this CR, so that it is passed on with its LF.
                state = .chunkSizeLF
            case .chunkSizeLF:
                guard byte == HTTPByte.lineFeed else {
                    throw Violation(.bareCR, at: max(offset - 1, 0))
                }
                sizeDigits = 0
                state = left == 0 ? .trailerStart : .data
            case .dataCR:
                guard byte == HTTPByte.carriageReturn else {
                    throw Violation(.badChunkEnd, at: offset)
                }
                state = .dataLF
            case .dataLF:
                guard byte == HTTPByte.lineFeed else { throw Violation(.badChunkEnd, at: offset) }
                state = .chunkSize
            case .trailerStart:
                guard byte == HTTPByte.carriageReturn else {
                    return .framing(ByteRange(start, offset))
                }
                state = .finalLF
            case .finalLF:
                guard byte == HTTPByte.lineFeed else {
                    throw Violation(.bareCR, at: max(offset - 1, 0))
                }
                state = .done
            case .data, .done, .length, .untilClose, .trailerName, .trailerValue, .trailerLF,
                .extensionName, .extensionValue, .extensionText, .extensionQuoted,
                .extensionPair, .extensionQuotedEnd:
                return .framing(ByteRange(start, offset))
            }
            offset += 1
            if state == .data || state == .done { return .framing(ByteRange(start, offset)) }
        }
        return offset > start ? .framing(ByteRange(start, offset)) : .needMore
    }

    /// Reads the line end behind a chunk and the line in front of the next in one go, each when it
    /// is whole and has nothing unusual in it; what is left over is read byte by byte.
    @inline(__always)
    private mutating func skipPlainFraming(_ bytes: RawSpan, _ offset: inout Int) {
        var at = offset
        if state == .dataCR {
            guard at &+ 2 <= bytes.byteCount, bytes[at] == HTTPByte.carriageReturn,
                bytes[at &+ 1] == HTTPByte.lineFeed
            else { return }
            at &+= 2
            offset = at
            state = .chunkSize
        }
        guard state == .chunkSize, sizeDigits == 0 else { return }
        // The two bytes behind the digits must be there too.
        let most = min(bytes.byteCount &- 2, at &+ 8)
        var size: UInt64 = 0
        while at < most, let digit = ASCII.hexValue(bytes[at]) {
            size = size &<< 4 | UInt64(digit)
            at &+= 1
        }
        guard size > 0, at &+ 2 <= bytes.byteCount, bytes[at] == HTTPByte.carriageReturn,
            bytes[at &+ 1] == HTTPByte.lineFeed
        else { return }
        left = size
        state = .data
        offset = at &+ 2
    }

    /// One byte of a chunk size: a digit, or the CR behind at least one.
    private mutating func takeSizeByte(_ byte: UInt8, _ offset: Int) throws(Violation) {
        if let digit = ASCII.hexValue(byte) {
            // Sizes stay below 2^63 so that no reader behind us takes one for negative.
            guard sizeDigits < 16, left < 1 << 59 else {
                throw Violation(.badChunkSize, at: offset)
            }
            left = left << 4 | UInt64(digit)
            sizeDigits += 1
            return
        }
        switch byte {
        case HTTPByte.carriageReturn where sizeDigits > 0: state = .chunkSizeLF
        case HTTPByte.lineFeed: throw Violation(.bareLF, at: offset)
        default: throw Violation(.badChunkSize, at: offset)
        }
    }

    /// Reads extensions up to the CR that ends the chunk line. White space around them, which
    /// RFC 9112 calls bad, is refused.
    private mutating func takeExtension(
        _ bytes: RawSpan, _ offset: inout Int
    ) throws(Violation) -> Step {
        let start = offset
        while offset < bytes.byteCount {
            let byte = bytes.headByte(offset)
            if byte == HTTPByte.carriageReturn, isExtensionEnd {
                state = .chunkSizeCR
                return .skipped
            }
            if byte == HTTPByte.lineFeed { throw Violation(.bareLF, at: offset) }
            if byte == HTTPByte.carriageReturn { throw Violation(.badChunkExtension, at: offset) }
            extensionBytes += 1
            extensionBytesTotal += 1
            guard extensionBytes <= limits.chunkExtensionBytesMax,
                extensionBytesTotal <= limits.chunkExtensionBytesMax * 64,
                let next = afterExtensionByte(byte)
            else { throw Violation(.badChunkExtension, at: offset) }
            state = next
            offset += 1
        }
        return offset > start ? .skipped : .needMore
    }

    /// Whether the extension may end here. `extensionName` holds the `;` and the name behind it.
    private var isExtensionEnd: Bool {
        switch state {
        case .extensionName: nameBytes > 0
        case .extensionText, .extensionQuotedEnd: true
        default: false
        }
    }

    /// The state behind `byte`, or nil when it may not stand here.
    private mutating func afterExtensionByte(_ byte: UInt8) -> State? {
        let isToken = HTTPByte.isToken(byte)
        switch state {
        case .extensionName:
            if isToken {
                nameBytes += 1
                return .extensionName
            }
            if byte == UInt8(ascii: ";"), nameBytes > 0 || extensionBytes == 1 {
                nameBytes = 0
                return .extensionName
            }
            return byte == UInt8(ascii: "=") && nameBytes > 0 ? .extensionValue : nil
        case .extensionValue:
            if byte == UInt8(ascii: "\"") { return .extensionQuoted }
            return isToken ? .extensionText : nil
        case .extensionText, .extensionQuotedEnd:
            if byte == UInt8(ascii: ";") {
                nameBytes = 0
                return .extensionName
            }
            return isToken && state == .extensionText ? .extensionText : nil
        case .extensionQuoted:
            if byte == UInt8(ascii: "\"") { return .extensionQuotedEnd }
            if byte == UInt8(ascii: "\\") { return .extensionPair }
            return isText(byte) ? .extensionQuoted : nil
        default: return isText(byte) ? .extensionQuoted : nil
        }
    }

    /// Whether `byte` may stand in a field value or quoted string.
    @inline(__always)
    private func isText(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7f || byte == HTTPByte.tab
    }

    /// Reads one trailer field line, or what there is of it, and drops it.
    private mutating func takeTrailer(
        _ bytes: RawSpan, _ offset: inout Int
    ) throws(Violation) -> Step {
        sawExtras = true
        let start = offset
        while offset < bytes.byteCount {
            let byte = bytes.headByte(offset)
            trailerBytes += 1
            guard trailerBytes <= limits.trailerBytesMax else {
                throw Violation(.badTrailer, at: offset)
            }
            switch (state, byte) {
            case (.trailerLF, HTTPByte.lineFeed):
                offset += 1
                state = .trailerStart
                return .skipped
            case (.trailerLF, _): throw Violation(.bareCR, at: max(offset - 1, 0))
            case (_, HTTPByte.lineFeed): throw Violation(.bareLF, at: offset)
            case (.trailerValue, HTTPByte.carriageReturn): state = .trailerLF
            case (.trailerValue, _):
                guard isText(byte) else { throw Violation(.badTrailer, at: offset) }
            case (.trailerName, UInt8(ascii: ":")): state = .trailerValue
            default:
                guard HTTPByte.isToken(byte) else { throw Violation(.badTrailer, at: offset) }
                state = .trailerName
            }
            offset += 1
        }
        return offset > start ? .skipped : .needMore
    }
}
