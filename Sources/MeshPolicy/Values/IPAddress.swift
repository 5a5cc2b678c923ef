// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// An address of IPv4 or IPv6. An IPv4 address mapped into IPv6 is that IPv4 address.
package struct IPAddress: Hashable, Sendable {
    /// The bits: 32 of them for IPv4.
    let bits: UInt128
    /// Whether it is of IPv4.
    let isFour: Bool

    /// Count of bits of an address of this kind.
    var width: Int { isFour ? 32 : 128 }

    init(bits: UInt128, isFour: Bool) {
        self.bits = bits
        self.isFour = isFour
    }

    /// The address that `text` spells, or nil: no zones, and no dotted part within IPv6.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        if bytes.contains(UInt8(ascii: ":")) {
            guard let bits = Self.six(bytes) else { return nil }
            let isMapped = bits >> 32 == 0xFFFF
            self.init(bits: isMapped ? bits & 0xFFFF_FFFF : bits, isFour: isMapped)
        } else {
            guard let bits = Self.four(bytes) else { return nil }
            self.init(bits: UInt128(bits), isFour: true)
        }
    }

    /// The address in `bytes`: 4 or 16 of them, in network order.
    package init?(networkOrder bytes: RawSpan) {
        guard bytes.byteCount == 4 || bytes.byteCount == 16 else { return nil }
        var bits: UInt128 = 0
        for index in 0..<bytes.byteCount { bits = bits << 8 | UInt128(bytes[index]) }
        let isMapped = bytes.byteCount == 16 && bits >> 32 == 0xFFFF
        self.init(
            bits: isMapped ? bits & 0xFFFF_FFFF : bits, isFour: isMapped || bytes.byteCount == 4)
    }

    private static func four(_ bytes: [UInt8]) -> UInt32? {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            // A leading zero would be octal to some readers: to nobody here.
            guard (1...3).contains(part.count), part.allSatisfy(ASCII.isDigit),
                part.count == 1 || part.first != UInt8(ascii: "0"),
                let value = UInt8(String(decoding: part, as: UTF8.self))
            else { return nil }
            bits = bits << 8 | UInt32(value)
        }
        return bits
    }

    private static func six(_ bytes: [UInt8]) -> UInt128? {
        var groups: [UInt16] = []
        var gap: Int?
        var index = 0
        if bytes.starts(with: "::".utf8) {
            gap = 0
            index = 2
        }
        while index < bytes.count {
            let begin = index
            while index < bytes.count, ASCII.hexValue(bytes[index]) != nil { index += 1 }
            guard (1...4).contains(index - begin),
                let group = UInt16(String(decoding: bytes[begin..<index], as: UTF8.self), radix: 16)
            else { return nil }
            groups.append(group)
            if index == bytes.count { break }
            guard bytes[index] == UInt8(ascii: ":"), index + 1 < bytes.count else { return nil }
            index += 1
            if bytes[index] == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = groups.count
                index += 1
            }
        }
        guard gap == nil ? groups.count == 8 : groups.count < 8 else { return nil }
        var bits: UInt128 = 0
        for (place, group) in groups.enumerated() {
            let isBehind = gap.map { place >= $0 } ?? false
            let position = isBehind ? 8 - groups.count + place : place
            bits |= UInt128(group) << UInt128((7 - position) * 16)
        }
        return bits
    }

    /// The canonical text, as RFC 5952 has it.
    package var text: String {
        if isFour {
            return (0..<4).map { String((bits >> UInt128((3 - $0) * 8)) & 0xFF) }
                .joined(separator: ".")
        }
        let groups = (0..<8).map { UInt16((bits >> UInt128((7 - $0) * 16)) & 0xFFFF) }
        var best = 0..<0
        var begin = 0
        while begin < 8 {
            var end = begin
            while end < 8, groups[end] == 0 { end += 1 }
            if end - begin > max(best.count, 1) { best = begin..<end }
            begin = max(end, begin + 1)
        }
        let texts = groups.map { String($0, radix: 16) }
        guard !best.isEmpty else { return texts.joined(separator: ":") }
        return texts[..<best.lowerBound].joined(separator: ":") + "::"
            + texts[best.upperBound...].joined(separator: ":")
    }
}

extension IPAddress {
    /// Kinds of addresses, as RFC 4291 and RFC 5735 name them.
    var isUnspecified: Bool { bits == 0 }
    var isLoopback: Bool { isFour ? bits >> 24 == 127 : bits == 1 }
    var isMulticast: Bool { isFour ? bits >> 28 == 0xE : bits >> 120 == 0xFF }
    var isLinkLocalUnicast: Bool { isFour ? bits >> 16 == 0xA9FE : bits >> 118 == 0x3FA }
    var isLinkLocalMulticast: Bool {
        isFour ? bits >> 8 == 0xE00000 : bits >> 112 & 0xFF0F == 0xFF02
    }
    var isGlobalUnicast: Bool {
        !isUnspecified && !isLoopback && !isMulticast && !isLinkLocalUnicast
            && !(isFour && bits == 0xFFFF_FFFF)
    }
}

/// A network: an address and how many of its bits are the network's.
package struct IPNetwork: Hashable, Sendable {
    /// As it was written, with bits behind the prefix.
    let address: IPAddress
    let prefix: Int

    init(address: IPAddress, prefix: Int) {
        self.address = address
        self.prefix = prefix
    }

    /// The network that `text` spells as `10.0.0.0/8`, or nil.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")),
            let address = IPAddress(String(decoding: bytes[..<slash], as: UTF8.self)),
            address.isFour != bytes.contains(UInt8(ascii: ":"))
        else { return nil }
        let digits = bytes[(slash + 1)...]
        guard (1...3).contains(digits.count), digits.allSatisfy(ASCII.isDigit),
            digits.count == 1 || digits.first != UInt8(ascii: "0"),
            let prefix = Int(String(decoding: digits, as: UTF8.self)), prefix <= address.width
        else { return nil }
        self.init(address: address, prefix: prefix)
    }

    private var mask: UInt128 {
        let all: UInt128 = address.isFour ? 0xFFFF_FFFF : UInt128.max
        return prefix == 0 ? 0 : all & ~((UInt128(1) << UInt128(address.width - prefix)) &- 1)
    }

    /// The network without the bits behind the prefix.
    var masked: IPNetwork {
        IPNetwork(
            address: IPAddress(bits: address.bits & mask, isFour: address.isFour), prefix: prefix)
    }

    /// Whether `other` lies in it.
    package func contains(_ other: IPAddress) -> Bool {
        other.isFour == address.isFour && other.bits & mask == address.bits & mask
    }

    /// Whether all of `other` lies in it.
    func contains(_ other: IPNetwork) -> Bool {
        other.prefix >= prefix && contains(other.address)
    }

    /// The text as it was written.
    package var text: String { address.text + "/\(prefix)" }
}
