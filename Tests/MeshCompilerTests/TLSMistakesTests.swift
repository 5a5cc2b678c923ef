// SPDX-License-Identifier: Apache-2.0

import MeshCompiler
import MeshModel
import MeshSnapshot
import Testing

@Suite struct TLSMistakesTests {
    @Test(
        "a mistake about certificates is reported where it is",
        arguments: Self.listeners + Self.callers + Self.facts)
    func reported(mistake: Mistake) {
        let found = diagnose(mistake.plain)
        #expect(found.map(\.line) == mistake.lines, "\(found)")
        #expect(found.contains { $0.message.contains(mistake.message) }, "\(found)")
        #expect(found.allSatisfy { !$0.remedy.isEmpty && !$0.resource.isEmpty })
    }

    /// A Gateway whose only listener has `fields`, each on a line of its own.
    private static func gateway(_ fields: [String], spec: [String] = []) -> String {
        ([
            "apiVersion: gateway.networking.k8s.io/v1", "kind: Gateway",
            "metadata: {name: main}", "spec:", "  gatewayClassName: pinion",
        ] + spec.map { "  " + $0 } + ["  listeners:", "    - name: web", "      port: 8443"]
            + fields.map { "      " + $0 } + ["---", ""]).joined(separator: "\n")
    }

    private static let others =
        Piece.route("r") + Piece.web + """
            apiVersion: pinion.dev/v1alpha1
            kind: Certificate
            metadata: {name: web}
            spec: {certificateFile: tls.crt, privateKeyFile: tls.key}
            ---
            apiVersion: pinion.dev/v1alpha1
            kind: TrustDomain
            metadata: {name: prod}
            spec: {trustDomain: example.org, bundleFile: bundle.pem}
            ---
            apiVersion: v1
            kind: Secret
            metadata: {name: empty}
            stringData: {other: hunter2}
            ---

            """

    private static let reference = "{group: pinion.dev, kind: Certificate, name: web}"
    private static let tls = "tls: {certificateRefs: [\(reference)]}"

    private static func validation(_ reference: String, _ mark: String = "") -> [String] {
        [
            "tls:", "  frontend:", "    default:", "      validation:",
            "        caCertificateRefs:", "          - \(reference)\(mark)",
        ]
    }

    private static let trusted = "{group: pinion.dev, kind: TrustDomain, name: prod}"

    private static let listeners: [Mistake] = [
        Mistake(
            "`tls` is written beside `protocol: HTTP`",
            gateway(["protocol: HTTP", "tls: {certificateRefs: [\(reference)]}<<<"]) + others),
        Mistake(
            "needs a certificate",
            gateway(["protocol: HTTPS"]).replacing("name: web\n", with: "name: web<<<\n") + others),
        Mistake(
            "there is no Certificate `wab`",
            gateway([
                "protocol: HTTPS", "tls:", "  certificateRefs:",
                "    - {group: pinion.dev, kind: Certificate, name: wab}<<<",
            ]) + others),
        Mistake(
            "is not a kind of group",
            gateway([
                "protocol: HTTPS", "tls:", "  certificateRefs:",
                "    - {kind: Certificate, name: web}<<<",
            ]) + others),
        Mistake(
            "has no value `tls.crt`",
            gateway([
                "protocol: HTTPS", "tls:", "  certificateRefs:", "    - {name: empty}<<<",
            ]) + others),
        Mistake(
            "there is no option `ssl`",
            gateway([
                "protocol: HTTPS", "tls:", "  certificateRefs: [\(reference)]", "  options:",
                "    ssl: x<<<",
            ]) + others),
        Mistake(
            "no version of TLS that is spoken here",
            gateway([
                "protocol: HTTPS", "tls:", "  certificateRefs: [\(reference)]", "  options:",
                "    pinion.dev/minimum-version: \"1.1\"<<<",
            ]) + others),
        Mistake(
            "is no trust domain",
            gateway(["protocol: HTTPS", tls]) + others
                + """
                apiVersion: pinion.dev/v1alpha1
                kind: TrustDomain
                metadata: {name: other}
                spec: {trustDomain: Example.org, bundleFile: bundle.pem}<<<
                ---

                """),
    ]

    private static let callers: [Mistake] = [
        Mistake(
            "there is no TrustDomain",
            gateway(
                ["protocol: HTTPS", tls],
                spec: validation("{group: pinion.dev, kind: TrustDomain, name: prud}", "<<<"))
                + others),
        Mistake(
            "has no value `ca.crt`",
            gateway(["protocol: HTTPS", tls], spec: validation("{name: empty}", "<<<")) + others),
        Mistake(
            "stands beside other authorities",
            gateway(
                ["protocol: HTTPS", tls],
                spec: validation(trusted) + ["          - \(trusted)<<<"]) + others),
        Mistake(
            "no listener of the Gateway speaks HTTPS",
            gateway(["protocol: HTTP"], spec: validation(trusted, "<<<")) + others),
        Mistake(
            "no HTTPS listener of the Gateway has port 8444",
            gateway(
                ["protocol: HTTPS", tls],
                spec: [
                    "tls:", "  frontend:", "    perPort:", "      - port: 8444<<<",
                    "        tls: {}",
                ]) + others),
        Mistake(
            "port 8443 is there already",
            gateway(
                ["protocol: HTTPS", tls],
                spec: [
                    "tls:", "  frontend:", "    perPort:", "      - {port: 8443, tls: {}}",
                    "      - {port: 8443, tls: {}}<<<",
                ]) + others),
    ]

    private static func access(_ when: String, _ target: String) -> String {
        """
        apiVersion: pinion.dev/v1alpha1
        kind: AccessPolicy
        metadata: {name: p}
        spec:
          targetRefs: [{group: \(target)}]
          rules:
            - {name: r, action: deny, when: "\(when)"}<<<
        ---

        """
    }

    private static let facts: [Mistake] = [
        Mistake(
            "`source.spiffe_id` is not known on Gateway `main`",
            gateway(["protocol: HTTPS", tls]) + others
                + access(
                    "source.spiffe_id == 'x'",
                    "gateway.networking.k8s.io, kind: Gateway, name: main")),
        Mistake(
            "`source.namespace` is not known on HTTPRoute `r`",
            gateway(["protocol: HTTPS", tls]) + others
                + access(
                    "source.namespace == 'x'",
                    "gateway.networking.k8s.io, kind: HTTPRoute, name: r")),
        Mistake(
            "`source.namespace` is not known on Backend `web`",
            gateway(["protocol: HTTPS", tls]) + others
                + access("source.namespace == 'x'", "pinion.dev, kind: Backend, name: web")),
    ]

    @Test("with certificates of a TrustDomain rules may speak of workloads")
    func known() {
        let text =
            Self.gateway(["protocol: HTTPS", Self.tls], spec: Self.validation(Self.trusted))
            + Self.others
            + Self.access(
                "source.spiffe_id == 'spiffe://example.org/a' && source.namespace == 'prod'",
                "gateway.networking.k8s.io, kind: Gateway, name: main")
        let found = diagnose(text.replacing("<<<", with: ""))
        #expect(found.isEmpty, "\(found)")
    }
}
