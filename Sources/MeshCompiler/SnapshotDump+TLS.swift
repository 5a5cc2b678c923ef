// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshSnapshot

extension SnapshotDump {
    /// How a listener ends TLS.
    func encryption(_ tls: ListenerTLS) -> JSONText {
        var members: [JSONText.Member] = [
            .init("certificate", certificate(tls.certificate)),
            .init("minimumVersion", .text(tls.minimum.rawValue)),
        ]
        if let callers = tls.callers {
            var parts: [JSONText.Member] = [
                .init("required", .boolean(callers.isRequired)),
                .init("authorities", .list(callers.authorities.map(authority))),
            ]
            if let name = callers.trustDomain { parts.append(.init("trustDomain", .text(name))) }
            members.append(.init("callers", .object(parts)))
        }
        return .object(members)
    }

    private func certificate(_ source: CertificateSource) -> JSONText {
        switch source.place {
        case .files(let chain, let key):
            .object([
                .init("resource", .text(source.label)), .init("certificateFile", .text(chain)),
                .init("privateKeyFile", .text(key)),
            ])
        case .secret(let name):
            .object([.init("resource", .text(source.label)), .init("secret", .text(name))])
        }
    }

    private func authority(_ source: AuthoritySource) -> JSONText {
        switch source.place {
        case .file(let path):
            .object([.init("resource", .text(source.label)), .init("file", .text(path))])
        case .secret(let name):
            .object([.init("resource", .text(source.label)), .init("secret", .text(name))])
        }
    }
}
