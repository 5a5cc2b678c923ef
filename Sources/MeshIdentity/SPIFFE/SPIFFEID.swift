// SPDX-License-Identifier: Apache-2.0

/// The name of a workload: `spiffe://example.org/ns/prod/agent`.
///
/// One that exists is well formed, so two are the same workload exactly when their texts are
/// equal. Nothing is corrected on the way: letters keep their case, no escape is decoded, no dot
/// is resolved. What another reader could take for another name is refused.
///
/// **Source** SPIFFE-ID section 2.
package struct SPIFFEID: Hashable, Sendable, CustomStringConvertible {
    /// All of it.
    package let description: String
    /// The trust domain.
    package let trustDomain: TrustDomainName
    /// The path with its first slash; empty for a trust domain itself.
    package let path: String

    /// Bytes of one at most.
    package static let bytesMax = 2_048
    private static let scheme = "spiffe://"

    /// The ID that `text` spells.
    ///
    /// **Errors** what is wrong with the first part that is.
    package init(_ text: String) throws(SPIFFEFault) {
        guard !text.isEmpty else { throw SPIFFEFault("it is empty") }
        guard text.utf8.count <= Self.bytesMax else {
            throw SPIFFEFault("it is longer than \(Self.bytesMax) bytes")
        }
        guard text.utf8.starts(with: Self.scheme.utf8) else {
            throw SPIFFEFault("it does not begin with `spiffe://`")
        }
        let rest = text.utf8.dropFirst(Self.scheme.utf8.count)
        let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        trustDomain = try TrustDomainName(String(decoding: rest[..<slash], as: UTF8.self))
        path = String(decoding: rest[slash...], as: UTF8.self)
        try Self.check(path)
        description = text
    }

    /// The namespace that the path names, as SPIRE and Istio write it (`/ns/prod/…`), or nil.
    package var namespace: String? {
        let segments = path.utf8.split(separator: UInt8(ascii: "/"))
        guard segments.count >= 2, segments[0].elementsEqual("ns".utf8) else { return nil }
        return String(decoding: segments[1], as: UTF8.self)
    }

    private static func check(_ path: String) throws(SPIFFEFault) {
        if path.isEmpty { return }
        let segments = path.utf8.dropFirst().split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            if segment.isEmpty {
                throw SPIFFEFault(
                    index == segments.count - 1
                        ? "its path ends with a slash" : "its path has an empty segment")
            }
            if segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) {
                throw SPIFFEFault("its path has a segment of dots")
            }
            guard segment.allSatisfy(isPathByte) else {
                throw SPIFFEFault(
                    "its path has another character than letters, digits, `.`, `-` and `_`")
            }
        }
    }

    private static func isPathByte(_ byte: UInt8) -> Bool {
        TrustDomainName.isNameByte(byte)
            || (byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z"))
    }
}

/// The name of a trust domain: `example.org`.
///
/// **Source** SPIFFE-ID section 2.1.
package struct TrustDomainName: Hashable, Sendable, CustomStringConvertible {
    /// The name.
    package let description: String

    /// The name that `text` spells.
    ///
    /// **Errors** what is wrong with it.
    package init(_ text: String) throws(SPIFFEFault) {
        guard !text.isEmpty else { throw SPIFFEFault("its trust domain is empty") }
        guard text.utf8.count <= 255 else {
            throw SPIFFEFault("its trust domain is longer than 255 bytes")
        }
        guard text.utf8.allSatisfy(Self.isNameByte) else {
            throw SPIFFEFault(
                "its trust domain has another character than lower-case letters, digits, `.`, "
                    + "`-` and `_`")
        }
        description = text
    }

    fileprivate static func isNameByte(_ byte: UInt8) -> Bool {
        (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z"))
            || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_")
    }
}

/// What is wrong with a SPIFFE ID or a certificate that should carry one, in words that go on
/// `it …`.
package struct SPIFFEFault: Error, Hashable, Sendable {
    /// The words.
    package let message: String

    init(_ message: String) { self.message = message }
}
