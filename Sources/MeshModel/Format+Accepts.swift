// SPDX-License-Identifier: Apache-2.0

extension Format {
    /// Whether `text` has this format.
    ///
    /// **Complexity** O(n).
    package func accepts(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count <= lengthMax || text.unicodeScalars.count <= lengthMax else {
            return false
        }
        return switch self {
        case .label: Self.isLabel(bytes[...])
        case .subdomain, .preciseHostname: Self.isSubdomain(bytes[...])
        case .group: bytes.isEmpty || Self.isSubdomain(bytes[...])
        case .hostname:
            Self.isSubdomain(bytes.starts(with: "*.".utf8) ? bytes.dropFirst(2) : bytes[...])
        case .headerName: !bytes.isEmpty && bytes.allSatisfy(Self.isTokenByte)
        case .headerValue: bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
        case .absolutePath:
            bytes.first == UInt8(ascii: "/") && bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F }
        case .duration: Notation.duration(text) != nil
        case .timestamp: Notation.timestamp(text) != nil
        case .ipAddress: Notation.isIPAddress(text)
        case .endpointAddress: text == "localhost" || Notation.isIPAddress(text)
        case .url: URLParts(text) != nil
        case .statusRange: Notation.statusRange(text) != nil
        case .environmentName: Self.isEnvironmentName(bytes)
        case .currency: bytes.count == 3 && bytes.allSatisfy { $0 &- UInt8(ascii: "A") < 26 }
        case .limitKey: Notation.limitKey(text) != nil
        case .expression:
            !bytes.isEmpty
                && bytes.allSatisfy {
                    $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D
                }
        case .line: !bytes.isEmpty && bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        }
    }

    private static func isLabel(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, let last = bytes.last else { return false }
        let dash = UInt8(ascii: "-")
        return first != dash && last != dash
            && bytes.allSatisfy { isLowerAlphanumeric($0) || $0 == dash }
    }

    private static func isSubdomain(_ bytes: ArraySlice<UInt8>) -> Bool {
        !bytes.isEmpty
            && bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
                .allSatisfy(isLabel)
    }

    private static func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
    }

    /// RFC 9110, section 5.6.2.
    static func isTokenByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
            || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    private static func isEnvironmentName(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, !(first &- UInt8(ascii: "0") < 10) else { return false }
        return bytes.allSatisfy {
            ($0 | 0x20) &- UInt8(ascii: "a") < 26 || $0 &- UInt8(ascii: "0") < 10
                || $0 == UInt8(ascii: "_")
        }
    }
}
