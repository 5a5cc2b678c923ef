// SPDX-License-Identifier: Apache-2.0

import SwiftASN1
import X509

/// The names that a certificate stands for; never its common name.
///
/// **Source** RFC 5280 section 4.2.1.6, RFC 9525 section 6.3 (wildcards).
package struct CertificateNames: Hashable, Sendable {
    /// Its hosts, in lower case.
    package let hosts: [String]
    /// Its URIs.
    package let uris: [String]

    /// The names of the certificate `der`; none when it cannot be read.
    package init(der: [UInt8]) {
        var hosts: [String] = []
        var uris: [String] = []
        let certificate = try? Certificate(derEncoded: der)
        if let names = try? certificate?.extensions.subjectAlternativeNames {
            for name in names {
                switch name {
                case .dnsName(let host): hosts.append(host.lowercased())
                case .uniformResourceIdentifier(let uri): uris.append(uri)
                default: break
                }
            }
        }
        self.hosts = hosts
        self.uris = uris
    }

    /// Whether it stands for `host`, in lower case. A wildcard stands for one label.
    package func includes(host: String) -> Bool {
        hosts.contains { name in
            if name == host { return true }
            guard name.hasPrefix("*."), let dot = host.firstIndex(of: ".") else { return false }
            return !host.hasPrefix("*") && name.dropFirst() == host[dot...]
                && dot != host.startIndex
        }
    }
}
