// SPDX-License-Identifier: Apache-2.0

import Foundation
package import MeshBasics
import SwiftASN1
import X509

/// Who the holder of a certificate is, read from one whose chain leads to an authority of its
/// trust domain.
///
/// The gate behind the TLS library: path and signatures are the library's, which knows nothing of
/// workloads; here the certificate itself must be one that names exactly one of them and may do
/// nothing but authenticate. What it says beside that, a common name or hosts, is never looked at.
///
/// **Source** X509-SVID sections 2, 4 and 5.
package struct SVID: Hashable, Sendable {
    /// The workload.
    package let id: SPIFFEID
    /// From when on it does not hold any more.
    package let expires: WallTime
    /// Its number, in hexadecimal, for logs.
    package let serial: String

    /// What a certificate is used for.
    package enum Use: Sendable {
        /// Its holder connects.
        case client
        /// Its holder is connected to.
        case server
    }

    /// One that was read before.
    package init(id: SPIFFEID, expires: WallTime, serial: String) {
        self.id = id
        self.expires = expires
        self.serial = serial
    }

    /// Bytes of a certificate at most: one with a long ID and a large key has two thousand.
    package static let bytesMax = 16 * 1024

    /// Reads the certificate `der` of somebody in `trustDomain`, whose chain was verified.
    ///
    /// **Errors** why it names no workload that may be believed.
    package init(
        der: [UInt8], of trustDomain: TrustDomainName, for use: Use, at now: WallTime
    ) throws(SPIFFEFault) {
        guard der.count <= Self.bytesMax else {
            throw SPIFFEFault("it is larger than \(Self.bytesMax) bytes")
        }
        guard let certificate = try? Certificate(derEncoded: der) else {
            throw SPIFFEFault("it cannot be read")
        }
        try Self.checkUsage(certificate, for: use)
        id = try Self.id(of: certificate)
        guard id.trustDomain == trustDomain else {
            throw SPIFFEFault(
                "it is of trust domain `\(id.trustDomain)`, and its authority of `\(trustDomain)`")
        }
        guard !id.path.isEmpty else { throw SPIFFEFault("it names a trust domain, no workload") }
        let opens = WallTime(certificate.notValidBefore)
        expires = WallTime(certificate.notValidAfter)
        if now < opens { throw SPIFFEFault("it does not hold yet") }
        if now >= expires { throw SPIFFEFault("it has expired") }
        serial = certificate.serialNumber.bytes.map { Self.hexadecimal($0) }.joined()
    }

    private static func id(of certificate: Certificate) throws(SPIFFEFault) -> SPIFFEID {
        guard let names = try? certificate.extensions.subjectAlternativeNames else {
            throw SPIFFEFault("it has no name of a workload (URI SAN)")
        }
        var found: [String] = []
        for name in names {
            if case .uniformResourceIdentifier(let uri) = name { found.append(uri) }
        }
        guard found.count == 1 else {
            throw SPIFFEFault(
                found.isEmpty
                    ? "it has no name of a workload (URI SAN)"
                    : "it has \(found.count) names of workloads (URI SANs), and may have one")
        }
        return try SPIFFEID(found[0])
    }

    private static func checkUsage(
        _ certificate: Certificate, for use: Use
    ) throws(SPIFFEFault) {
        guard certificate.version == .v3 else { throw SPIFFEFault("it is not of version 3") }
        let extensions = certificate.extensions
        do {
            if case .isCertificateAuthority? = try extensions.basicConstraints {
                throw SPIFFEFault("it is that of an authority")
            }
            guard let usage = try extensions.keyUsage else {
                throw SPIFFEFault("it does not say what its key is for (key usage)")
            }
            if usage.keyCertSign || usage.cRLSign {
                throw SPIFFEFault("its key may sign certificates or revocations")
            }
            guard usage.digitalSignature else { throw SPIFFEFault("its key may not sign") }
            if let extended = try extensions.extendedKeyUsage {
                let wanted: ExtendedKeyUsage.Usage =
                    switch use {
                    case .client: .clientAuth
                    case .server: .serverAuth
                    }
                guard extended.contains(wanted) else {
                    throw SPIFFEFault("its extended key usage does not let it take part in this")
                }
            }
            if try extensions.nameConstraints != nil {
                throw SPIFFEFault("it constrains names, as only authorities do")
            }
        } catch let fault as SPIFFEFault {
            throw fault
        } catch {
            throw SPIFFEFault("an extension of it cannot be read")
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}

extension WallTime {
    /// The whole second of `date`, or the last one that can be told.
    fileprivate init(_ date: Date) {
        let seconds = min(max(date.timeIntervalSince1970.rounded(.down), -9e9), 9e9)
        self.init(nanoseconds: Int64(seconds) * 1_000_000_000)
    }
}
