// SPDX-License-Identifier: Apache-2.0

/// How a peer broke HTTP: the message is refused and its connection closed.
///
/// A violation is never repaired. What one parser mends, the next one reads differently, and that
/// difference is how requests are smuggled.
/// **Source**: RFC 9112 section 11.2, RFC 9110 section 17.
package struct Violation: Error, Hashable, Sendable {
    /// Which rule was broken.
    package var code: Code
    /// The status to answer: 400, 414, 431, 501 or 505 for a request, 502 for a response.
    package var status: Int
    /// Offset of the offending byte or line in the span that was being read.
    package var offset: Int

    /// The rules, one name each.
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// A limit of `HeadLimits` was passed.
        case headTooLarge, tooManyFields, targetTooLong
        /// The first line is not what the grammar says.
        case badRequestLine, badVersion, badTarget, badStatusLine
        /// A field line is not what the grammar says, or is written in a way that is obsolete.
        case badFieldName, badFieldValue, obsoleteFold, bareCR, bareLF, spaceBeforeColon
        /// A name that servers which read `_` as `-` take for one that the mesh acts on.
        case underscoreAlias
        /// The Connection fields are longer together than is looked through.
        case connectionTooLong
        /// A request does not name exactly one host.
        case missingHost, duplicateHost, badHost
        /// The length of the body can be read in more than one way.
        case badContentLength, differingContentLengths, repeatedContentLength
        case badTransferEncoding, lengthAndTransferEncoding
        /// A chunked body is not what the grammar says.
        case badChunkSize, badChunkExtension, badChunkEnd, badTrailer
        /// The fields of HTTP/2 that stand for the first line are not what the grammar says.
        case badPseudoField
        /// A field of HTTP/2 that has a meaning between two peers of HTTP/1.1 only.
        case connectionField
        /// An upstream sent more 1xx responses before its answer than are accepted.
        case tooManyInformational
    }

    /// A violation of `code` at `offset`, answered with `status` or the status usual for `code`.
    package init(_ code: Code, at offset: Int, status: Int? = nil) {
        self.code = code
        self.offset = offset
        self.status = status ?? code.usualStatus
    }

    /// The same violation as a gateway reports it when the peer was its upstream.
    package var ofResponse: Violation { Violation(code, at: offset, status: 502) }

    /// What is wrong, as a lower-case fact.
    package var message: StaticString { code.message }
}

extension Violation.Code {
    /// The status a request with this violation is answered with.
    var usualStatus: Int {
        switch self {
        case .headTooLarge, .tooManyFields, .connectionTooLong: 431
        case .targetTooLong: 414
        case .badStatusLine, .tooManyInformational: 502
        default: 400
        }
    }

    /// What is wrong, as a lower-case fact.
    package var message: StaticString {
        switch self {
        case .headTooLarge: "the message head is larger than the limit"
        case .tooManyFields: "the message has more fields than the limit"
        case .targetTooLong: "the request target is longer than the limit"
        case .badRequestLine: "the request line is not method, target and version"
        case .badVersion: "the protocol version is not HTTP/1.0 or HTTP/1.1"
        case .badTarget: "the request target is malformed"
        case .badStatusLine: "the status line is malformed"
        case .badFieldName: "a field name is not a token"
        case .badFieldValue: "a field value holds a control byte"
        case .obsoleteFold: "a field is folded over several lines"
        case .bareCR: "a carriage return is not followed by a line feed"
        case .bareLF: "a line feed is not preceded by a carriage return"
        case .spaceBeforeColon: "white space stands between a field name and its colon"
        case .underscoreAlias: "a field name imitates a protected field with an underscore"
        case .connectionTooLong: "the Connection fields are longer than the limit"
        case .missingHost: "the request has no Host field"
        case .duplicateHost: "the request has more than one Host field"
        case .badHost: "the Host field is not a host with an optional port"
        case .badContentLength: "the Content-Length is not one decimal number"
        case .differingContentLengths: "the message has two different Content-Length fields"
        case .repeatedContentLength: "the message has more than one Content-Length field"
        case .badTransferEncoding: "the Transfer-Encoding is not exactly one chunked"
        case .lengthAndTransferEncoding: "the message has Content-Length and Transfer-Encoding"
        case .badChunkSize: "a chunk size is not 1 to 16 hexadecimal digits"
        case .badChunkExtension: "a chunk extension is malformed or too long"
        case .badChunkEnd: "chunk data is not followed by CRLF"
        case .badTrailer: "the trailer section is malformed or too long"
        case .badPseudoField: "a pseudo-field is unknown, malformed, repeated, late or missing"
        case .connectionField: "a field of HTTP/1.1 connections stands in a message of HTTP/2"
        case .tooManyInformational: "the upstream sent too many informational responses"
        }
    }
}
