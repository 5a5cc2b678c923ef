// SPDX-License-Identifier: Apache-2.0

import MeshIdentity
import MeshModel
import MeshSnapshot

/// How listeners end TLS, and what callers must show there.
extension Compiler {
    /// TLS of `listener`, or nil when it has none or it cannot be used, which is reported.
    mutating func termination(
        of listener: GatewayResource.Listener, _ speech: PortSpeech, _ gateway: GatewayResource
    ) -> ListenerTLS? {
        guard speech == .https else {
            if let tls = listener.tls {
                report.error(
                    tls.place, gateway.metadata,
                    "`tls` is written beside `protocol: \(speech.rawValue)`",
                    "write `protocol: HTTPS`, or remove `tls`")
            }
            return nil
        }
        guard let written = listener.tls, !written.value.certificates.isEmpty else {
            report.missing(
                listener.name.place, gateway.metadata,
                "an HTTPS listener needs a certificate",
                "add `tls.certificateRefs` with a Certificate or a Secret")
            return nil
        }
        let minimum = minimum(written.value.options, gateway.metadata)
        let callers = callers(at: listener.port.value, of: gateway)
        guard let reference = written.value.certificates.first,
            let certificate = certificate(reference, of: gateway.metadata)
        else { return nil }
        return ListenerTLS(certificate: certificate, minimum: minimum, callers: callers)
    }

    private static let minimumOption = "pinion.dev/minimum-version"

    private mutating func minimum(
        _ options: Located<[Metadata.Label]>?, _ gateway: Metadata
    ) -> ListenerTLS.Minimum {
        var found = ListenerTLS.Minimum.tls13
        guard let options else { return found }
        for option in options.value {
            guard option.key == Self.minimumOption else {
                report.error(
                    options.place, gateway, "there is no option \(quoted(option.key))",
                    "remove it, or write `\(Self.minimumOption)`")
                continue
            }
            guard let value = ListenerTLS.Minimum(rawValue: option.value) else {
                report.error(
                    options.place, gateway,
                    "\(quoted(option.value)) is no version of TLS that is spoken here",
                    "write `1.3` or `1.2`, in quotes")
                continue
            }
            found = value
        }
        return found
    }

    /// The certificate that `reference` of `resource` leads to, or nil, with the reason noted.
    mutating func certificate(
        _ reference: Reference, of resource: Metadata
    ) -> CertificateSource? {
        let kind = kind(of: reference, or: .certificate, in: resource)
        guard let kind, let index = resolve(reference, kind, in: resource) else { return nil }
        if kind == .certificate {
            let found = catalog.certificates[index]
            return CertificateSource(
                label: found.metadata.label,
                place: .files(chain: found.chainFile, key: found.keyFile))
        }
        guard hasValues(["tls.crt", "tls.key"], index, reference, resource) else { return nil }
        let secret = catalog.secrets[index].metadata
        return CertificateSource(label: secret.label, place: .secret(secret.id.text))
    }

    /// The kind that `reference` means: a Secret, or `other` of ours.
    private mutating func kind(
        of reference: Reference, or other: Kind, in resource: Metadata
    ) -> Kind? {
        let group = reference.group?.value ?? ""
        let kind = Kind(rawValue: reference.kind?.value ?? Kind.secret.rawValue) ?? .secret
        guard group == kind.group else {
            report.error(
                reference.group?.place ?? reference.place, resource,
                "`\(kind.rawValue)` is not a kind of group \(quoted(group))",
                kind == .secret
                    ? "remove `group`, or write `kind: \(other.rawValue)`"
                    : "add `group: \(kind.group)`")
            return nil
        }
        return kind
    }

    private mutating func hasValues(
        _ keys: [String], _ index: Int, _ reference: Reference, _ resource: Metadata
    ) -> Bool {
        let secret = catalog.secrets[index]
        for key in keys where !secret.entries.contains(where: { $0.key == key }) {
            report.error(
                reference.place, resource,
                "\(secret.metadata.label) has no value \(quoted(key))",
                "add it, in PEM, or refer to another one")
            return false
        }
        return true
    }

    // MARK: Callers

    private mutating func callers(
        at port: UInt16, of gateway: GatewayResource
    ) -> CallerCertificates? {
        let own = gateway.validation.ports.first { $0.port.value == port }
        guard let written = own.map(\.callers) ?? gateway.validation.fallback else { return nil }
        var authorities: [AuthoritySource] = []
        var domain: String?
        for reference in written.authorities {
            let kind = kind(of: reference, or: .trustDomain, in: gateway.metadata)
            guard let kind, let index = resolve(reference, kind, in: gateway.metadata) else {
                continue
            }
            if kind == .trustDomain {
                let found = catalog.trustDomains[index]
                domain = found.name.value
                authorities.append(
                    AuthoritySource(
                        label: found.metadata.label, place: .file(found.bundleFile)))
            } else if hasValues(["ca.crt"], index, reference, gateway.metadata) {
                let secret = catalog.secrets[index].metadata
                authorities.append(
                    AuthoritySource(label: secret.label, place: .secret(secret.id.text)))
            }
        }
        if domain != nil, written.authorities.count > 1, let second = written.authorities.last {
            report.error(
                second.place, gateway.metadata,
                "a TrustDomain stands beside other authorities, which could then name its "
                    + "workloads",
                "keep one of them")
        }
        return CallerCertificates(
            isRequired: !written.isOptional, authorities: authorities, trustDomain: domain)
    }

    /// What `perPort` says must be about a port that ends TLS.
    mutating func checkValidatedPorts() {
        for gateway in catalog.gateways {
            var named: [UInt16: Place] = [:]
            for entry in gateway.validation.ports {
                let port = entry.port.value
                if let first = named[port] {
                    report.error(
                        entry.port.place, gateway.metadata,
                        "port \(port) is there already, at \(first.text)", "keep one of them")
                }
                named[port] = named[port] ?? entry.port.place
                let isSecured = gateway.listeners.contains {
                    $0.port.value == port && $0.speech?.value == PortSpeech.https.rawValue
                }
                if !isSecured {
                    report.error(
                        entry.port.place, gateway.metadata,
                        "no HTTPS listener of the Gateway has port \(port)",
                        "write the port of one, or remove the entry")
                }
            }
            let isNeeded = gateway.listeners.contains {
                $0.speech?.value == PortSpeech.https.rawValue
            }
            if let callers = gateway.validation.fallback, !isNeeded {
                report.error(
                    callers.authorities.first?.place ?? gateway.metadata.place, gateway.metadata,
                    "callers are to show certificates, and no listener of the Gateway speaks "
                        + "HTTPS", "write `protocol: HTTPS` for one, or remove `tls`")
            }
        }
    }

    /// Reports TrustDomains whose name is none.
    mutating func checkTrustDomains() {
        for domain in catalog.trustDomains where domain.metadata.isSound {
            do throws(SPIFFEFault) {
                _ = try TrustDomainName(domain.name.value)
            } catch {
                report.error(
                    domain.name.place, domain.metadata,
                    "\(quoted(domain.name.value)) is no trust domain: \(error.message)",
                    "write a name like `example.org`, without `spiffe://`")
            }
        }
    }
}
