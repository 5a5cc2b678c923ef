// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshIdentity
import MeshSnapshot
import NIOSSL

/// TLS of one listener, ready for use: what its settings name, read.
///
/// A rotation makes a new one. Connections that were made with the former live on with it, and
/// nothing that a former one handed out (session tickets) means anything to the new one.
final class ListenerSecurity: Sendable {
    /// What was written.
    let settings: ListenerTLS
    /// The trust domain of callers, or nil.
    let trustDomain: TrustDomainName?
    /// When the certificate ends.
    let expires: WallTime
    private let material: Material
    private let configuration: TLSConfiguration
    private let shared: NIOSSLContext

    /// What settings name, as it was read.
    struct Material: Hashable, Sendable {
        /// The chain, in PEM.
        var chain: [UInt8]
        /// The private key, in PEM.
        var key: Secret<[UInt8]>
        /// The authorities of callers, in PEM.
        var authorities: [[UInt8]]
    }

    /// TLS as `settings` say, with `material`.
    ///
    /// **Errors** what of it cannot be used, and why.
    init(_ settings: ListenerTLS, _ material: Material) throws(CertificateFault) {
        self.settings = settings
        self.material = material
        let label = settings.certificate.label
        let chain = try Self.certificates(material.chain, of: label)
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(bytes: material.key.reveal(), format: .pem)
        } catch {
            throw CertificateFault(
                "the private key of \(label) cannot be read",
                "write one key in PEM, without a passphrase")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = settings.minimum == .tls13 ? .tlsv13 : .tlsv12
        configuration.applicationProtocols = ServerTLSLayer.protocols
        configuration.trustRoots = .certificates([])
        var domain: TrustDomainName?
        if let callers = settings.callers {
            var roots: [NIOSSLCertificate] = []
            for (source, bytes) in zip(callers.authorities, material.authorities) {
                roots += try Self.certificates(bytes, of: source.label)
            }
            configuration.trustRoots = .certificates(roots)
            configuration.certificateVerification =
                callers.isRequired ? .noHostnameVerification : .optionalVerification
            domain = callers.trustDomain.flatMap { try? TrustDomainName($0) }
            if callers.trustDomain != nil, domain == nil {
                throw CertificateFault("the trust domain has no valid name", "correct it")
            }
        }
        trustDomain = domain
        expires = WallTime(nanoseconds: Int64(chain[0].notValidAfter) &* 1_000_000_000)
        self.configuration = configuration
        do {
            shared = try NIOSSLContext(configuration: configuration)
        } catch {
            let isOther = "\(error)".contains("failedToLoadPrivateKey")
            throw CertificateFault(
                isOther
                    ? "the private key of \(label) belongs to another certificate"
                    : "\(label) cannot be used: \(error)",
                "write the certificate first and its own private key")
        }
    }

    /// Whether it was made of the same.
    func isMade(of material: Material) -> Bool { self.material == material }

    /// The context for one connection.
    ///
    /// One that proves who the caller is and might go on with a former session gets a context of
    /// its own, which knows no session: so nobody is believed without a certificate of now.
    func context(mayResume: Bool) throws -> NIOSSLContext {
        guard settings.callers != nil, mayResume else { return shared }
        return try NIOSSLContext(configuration: configuration)
    }

    /// Who the holder of `certificate` is, which led to an authority of callers.
    ///
    /// **Errors** why it is nobody who may be believed.
    func workload(_ certificate: NIOSSLCertificate, at now: WallTime) throws(SPIFFEFault) -> SVID? {
        guard let trustDomain else { return nil }
        let der = (try? certificate.toDERBytes()) ?? []
        return try SVID(der: der, of: trustDomain, for: .client, at: now)
    }

    private static func certificates(
        _ bytes: [UInt8], of label: String
    ) throws(CertificateFault) -> [NIOSSLCertificate] {
        let found = try? NIOSSLCertificate.fromPEMBytes(bytes)
        guard let found, !found.isEmpty else {
            throw CertificateFault(
                "\(label) has no certificate that can be read", "write certificates in PEM")
        }
        return found
    }
}

/// Why a certificate, its key or authorities cannot be used.
struct CertificateFault: Error, CustomStringConvertible {
    /// What is wrong, and what to do.
    let description: String

    init(_ what: String, _ remedy: String) { description = "\(what); \(remedy)" }
}
