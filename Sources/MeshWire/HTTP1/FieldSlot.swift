// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Where one field line lies in its head, in ten bytes.
///
/// **Shape**: offsets from the first byte of the head; the value is trimmed of white space. The
/// line starts with the name and ends, behind optional white space and CRLF, where the next
/// slot's name starts.
package struct FieldSlot: Sendable, Hashable {
    /// Offset of the name, which is also where the line starts.
    package var nameStart: UInt16
    /// Count of bytes of the name.
    package var nameLength: UInt16
    /// Offset of the value.
    package var valueStart: UInt16
    /// Count of bytes of the value.
    package var valueLength: UInt16
    /// Which known name it is.
    package var name: FieldName

    /// The slot of a line; the caller keeps every offset below 65,536.
    @inline(__always)
    init(name: FieldName, nameStart: Int, nameEnd: Int, valueStart: Int, valueEnd: Int) {
        self.name = name
        self.nameStart = UInt16(truncatingIfNeeded: nameStart)
        self.nameLength = UInt16(truncatingIfNeeded: nameEnd &- nameStart)
        self.valueStart = UInt16(truncatingIfNeeded: valueStart)
        self.valueLength = UInt16(truncatingIfNeeded: valueEnd &- valueStart)
    }

    /// The bytes of the name.
    package var nameRange: ByteRange {
        ByteRange(Int(nameStart), Int(nameStart) &+ Int(nameLength))
    }
    /// The bytes of the value, without the white space around it.
    package var valueRange: ByteRange {
        ByteRange(Int(valueStart), Int(valueStart) &+ Int(valueLength))
    }
}

/// A set of known field names, one bit each.
package struct FieldSet: OptionSet, Sendable, Hashable {
    /// Bit `n` stands for the name with raw value `n`.
    package var rawValue: UInt64

    /// The set with these bits.
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The set of exactly `name`.
    @inline(__always)
    package init(_ name: FieldName) { rawValue = 1 &<< UInt64(name.rawValue) }

    /// The set of `names`.
    package init(names: [FieldName]) {
        rawValue = 0
        for name in names { rawValue |= FieldSet(name).rawValue }
    }

    /// Whether `name` is in the set.
    @inline(__always)
    package func contains(_ name: FieldName) -> Bool {
        rawValue &>> UInt64(name.rawValue) & 1 != 0
    }

    /// What a proxy never passes on: the fields that end at each hop. Framing is written anew.
    /// **Source**: RFC 9110 section 7.6.1; RFC 9113 section 3.1 for `HTTP2-Settings`.
    package static let hopByHop = FieldSet(names: [
        .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .te,
        .trailer, .transferEncoding, .upgrade, .http2Settings, .expect,
    ])

    /// What a peer cannot have removed by naming it in `Connection`: fields that decide where a
    /// message goes, how long it is and who sent it.
    package static let protected = FieldSet(names: [
        .host, .contentLength, .authorization, .cookie, .xAPIKey, .apiKey, .forwarded, .via,
        .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort, .xForwardedClientCert,
        .xRealIP, .origin, .contentType, .contentEncoding, .cacheControl,
    ])
}
