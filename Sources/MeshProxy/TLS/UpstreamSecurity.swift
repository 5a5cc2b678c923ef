// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshIdentity
import MeshSnapshot
import NIOSSL

/// TLS towards the endpoints of a Backend, ready for use: what its settings name, read.
final class UpstreamSecurity: Sendable {
    /// What was written.
    let settings: UpstreamTLS
    /// The context of every connection.
    let context: NIOSSLContext
    private let material: Material
    private let trustDomain: TrustDomainName?

    /// What settings name, as it was read.
    struct Material: Hashable, Sendable {
        /// The authorities, in PEM; empty for the system's.
        var authorities: [[UInt8]]
        /// The chain that is shown, in PEM.
        var chain: [UInt8]?
        /// Its private key, in PEM.
        var key: Secret<[UInt8]>?
    }

    /// TLS as `settings` say, with `material`.
    ///
    /// **Errors** what of it cannot be used, and why.
    /// **Shape** `system` is a context with the system's authorities for the same version of HTTP:
    /// to read these costs tens of milliseconds.
    init(
        _ settings: UpstreamTLS, _ material: Material, system: NIOSSLContext? = nil
    ) throws(CertificateFault) {
        self.settings = settings
        self.material = material
        trustDomain = settings.trustDomain.flatMap { try? TrustDomainName($0) }
        if settings.trustDomain != nil, trustDomain == nil {
            throw CertificateFault(
                "the trust domain has no valid name", "correct its `spec.trustDomain`")
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = [settings.version == .http2 ? "h2" : "http/1.1"]
        if !material.authorities.isEmpty {
            var roots: [NIOSSLCertificate] = []
            for (number, bytes) in material.authorities.enumerated() {
                let label =
                    settings.authorities.isEmpty
                    ? settings.caFile ?? "tls.caFile" : settings.authorities[number].label
                roots += try ListenerSecurity.certificates(bytes, of: label)
            }
            configuration.trustRoots = .certificates(roots)
        }
        if let system, settings.isPlain {
            context = system
            return
        }
        if !settings.names.isEmpty {
            configuration.certificateVerification = .noHostnameVerification
        }
        if let source = settings.certificate, let chain = material.chain, let key = material.key {
            let certificates = try ListenerSecurity.certificates(chain, of: source.label)
            configuration.certificateChain = certificates.map { .certificate($0) }
            configuration.privateKey = .privateKey(
                try ListenerSecurity.privateKey(key, of: source.label))
        }
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw ListenerSecurity.fault(error, of: settings.certificate?.label ?? "TLS")
        }
    }

    /// Whether it was made of the same.
    func isMade(of material: Material) -> Bool { self.material == material }

    /// Why the holder of `certificate`, which led to an authority, is not who it must be by
    /// `settings.names`; nil when it is.
    func objection(to certificate: NIOSSLCertificate?, at now: WallTime) -> String? {
        let der = certificate.flatMap { try? $0.toDERBytes() } ?? []
        let names = CertificateNames(der: der)
        if let trustDomain {
            do throws(SPIFFEFault) {
                _ = try SVID(der: der, of: trustDomain, for: .server, at: now)
            } catch {
                return "the endpoint's certificate names no workload: \(error.message)"
            }
        }
        let isNamed = settings.names.contains { name in
            switch name {
            case .host(let host): names.includes(host: host)
            case .uri(let uri): names.uris.contains(uri)
            }
        }
        if isNamed { return nil }
        let found = (names.uris + names.hosts).prefix(4).joined(separator: ", ")
        return
            "the endpoint's certificate is for \(found.isEmpty ? "nobody" : found), and for none "
            + "of `subjectAltNames`; correct these, or let it show another"
    }

    /// What went wrong with a handshake, and what to do, for the library's `reason`.
    func explained(_ reason: String) -> String {
        let authorities =
            settings.authorities.isEmpty
            ? settings.caFile ?? "the system's authorities"
            : settings.authorities.map(\.label).joined(separator: ", ")
        let own = settings.certificate?.label ?? "a certificate (`tls.certificateRef`)"
        let known: [(String, String)] = [
            (
                "CERTIFICATE_VERIFY_FAILED",
                "its certificate does not hold: it leads to none of \(authorities), is not for "
                    + "servers, or is out of date; renew it, or add its authority"
            ),
            (
                "failedToValidateHostname",
                "its certificate is not for `\(settings.serverName)`; correct `tls.serverName` (or "
                    + "`validation.hostname`), or let it show one that is"
            ),
            (
                "unableToValidateCertificate",
                "its certificate is not for `\(settings.serverName)`; correct `tls.serverName`"
            ),
            (
                "CERTIFICATE_REQUIRED",
                "it asks for a certificate; give the Backend one: `tls.certificateRef`"
            ),
            (
                "TLSV1_ALERT_UNKNOWN_CA",
                "it does not trust \(own); show one of an authority that it knows"
            ),
            ("ALERT_BAD_CERTIFICATE", "it does not take \(own); renew it, or show another"),
            ("ALERT_CERTIFICATE", "it does not take \(own); renew it, or show another"),
            (
                "ALERT_HANDSHAKE_FAILURE",
                "it has no version or cipher in common, or asks for \(own)"
            ),
            ("UNSUPPORTED_PROTOCOL", "it speaks no TLS 1.2 or later; upgrade it"),
            ("WRONG_VERSION_NUMBER", "it does not speak TLS on that port; remove `tls`"),
            ("EOF during handshake", "it closed the connection; it may not speak TLS on that port"),
        ]
        return known.first { reason.contains($0.0) }?.1 ?? reason
    }
}
