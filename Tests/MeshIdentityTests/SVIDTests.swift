// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshBasics
import MeshIdentity
import SwiftASN1
import Testing
import X509

@Suite("certificates of workloads")
struct SVIDTests {
    private static let now = WallTime(nanoseconds: 1_800_000_000_000_000_000)

    /// What differs from a good certificate.
    struct Change: Sendable {
        var uris = ["spiffe://example.org/ns/prod/sa/agent"]
        var hosts: [String] = []
        var version = Certificate.Version.v3
        var isAuthority = false
        var usage: KeyUsage? = KeyUsage(digitalSignature: true)
        var extended: [ExtendedKeyUsage.Usage]? = [.serverAuth, .clientAuth]
        var starts: TimeInterval = -60
        var ends: TimeInterval = 3_600
    }

    private static func certificate(_ change: Change = Change()) throws -> [UInt8] {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let date = Date(timeIntervalSince1970: Double(now.nanoseconds) / 1e9)
        let names: [GeneralName] =
            change.uris.map { GeneralName.uniformResourceIdentifier($0) }
            + change.hosts.map { GeneralName.dnsName($0) }
        let subject = try DistinguishedName { CommonName("never read") }
        var extensions = try Certificate.Extensions {
            Critical(
                change.isAuthority
                    ? BasicConstraints.isCertificateAuthority(maxPathLength: nil)
                    : BasicConstraints.notCertificateAuthority)
        }
        if let usage = change.usage {
            try extensions.append(Certificate.Extension(usage, critical: true))
        }
        if let extended = change.extended {
            try extensions.append(
                Certificate.Extension(try ExtendedKeyUsage(extended), critical: false))
        }
        if !names.isEmpty {
            try extensions.append(
                Certificate.Extension(SubjectAlternativeNames(names), critical: false))
        }
        let made = try Certificate(
            version: change.version, serialNumber: .init(bytes: [1, 0x0A, 0xFF]),
            publicKey: key.publicKey, notValidBefore: date + change.starts,
            notValidAfter: date + change.ends, issuer: subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions, issuerPrivateKey: key)
        return Array(try made.serializeAsPEM().derBytes)
    }

    private static func read(
        _ der: [UInt8], domain: String = "example.org", for use: SVID.Use = .client
    ) throws -> SVID {
        try SVID(der: der, of: TrustDomainName(domain), for: use, at: now)
    }

    private static func fault(_ change: Change, for use: SVID.Use = .client) throws -> String? {
        let der = try certificate(change)
        do {
            _ = try read(der, for: use)
            return nil
        } catch let fault as SPIFFEFault {
            return fault.message
        }
    }

    @Test("a good one says who its holder is, until when, and its number")
    func good() throws {
        let svid = try Self.read(try Self.certificate())
        #expect(svid.id.description == "spiffe://example.org/ns/prod/sa/agent")
        #expect(svid.id.namespace == "prod")
        #expect(svid.expires.nanoseconds == Self.now.nanoseconds + 3_600_000_000_000)
        #expect(svid.serial == "010aff")
    }

    @Test("hosts beside the workload, and no extended usage at all, change nothing")
    func harmless() throws {
        #expect(try Self.fault(Change(hosts: ["a.test"])) == nil)
        #expect(try Self.fault(Change(extended: nil)) == nil)
        #expect(try Self.fault(Change(extended: [.clientAuth])) == nil)
        #expect(try Self.fault(Change(extended: [.serverAuth]), for: .server) == nil)
        #expect(try Self.fault(Change(ends: 2e11)) == nil, "after all time that can be told")
    }

    @Test("whatever else it may be or do, it is nobody")
    func refused() throws {
        let cases: [(Change, String)] = [
            (Change(uris: []), "no name of a workload"),
            (Change(uris: [], hosts: ["a.test"]), "no name of a workload"),
            (Change(uris: ["spiffe://example.org/a", "spiffe://example.org/b"]), "2 names"),
            (Change(uris: ["spiffe://example.org/a", "https://a.test/"]), "2 names"),
            (Change(uris: ["https://a.test/"]), "spiffe://"),
            (Change(uris: ["spiffe://example.org"]), "no workload"),
            (Change(uris: ["spiffe://other.org/a"]), "trust domain `other.org`"),
            (Change(uris: ["spiffe://example.org/../a"]), "dots"),
            (Change(uris: ["spiffe://Example.org/a"]), "lower-case"),
            (Change(isAuthority: true), "authority"),
            (Change(usage: nil), "key usage"),
            (Change(usage: KeyUsage(keyEncipherment: true)), "may not sign"),
            (Change(usage: KeyUsage(digitalSignature: true, keyCertSign: true)), "may sign"),
            (Change(usage: KeyUsage(digitalSignature: true, cRLSign: true)), "may sign"),
            (Change(extended: [.serverAuth]), "take part"),
            (Change(extended: [.any]), "take part"),
            (Change(extended: [.codeSigning]), "take part"),
            (Change(starts: 1), "not hold yet"),
            (Change(starts: -100, ends: 0), "expired"),
            (Change(starts: -100, ends: -1), "expired"),
        ]
        for (change, words) in cases {
            let message = try Self.fault(change)
            #expect(message?.contains(words) == true, "\(words): \(message ?? "taken")")
        }
        #expect(try Self.fault(Change(extended: [.clientAuth]), for: .server) != nil)
    }

    @Test("bytes that are no certificate, or one that is changed anywhere, never crash")
    func noise() throws {
        let der = try Self.certificate()
        var random = SplitMix64(seed: 8)
        for _ in 0..<2_000 {
            var bytes = der
            let place = Int.random(in: 0..<bytes.count, using: &random)
            bytes[place] ^= UInt8.random(in: 1...255, using: &random)
            if let svid = try? Self.read(bytes) {
                // Signatures are not judged here; who it is stays well formed.
                #expect((try? SPIFFEID(svid.id.description)) == svid.id)
            }
        }
        for count in stride(from: 0, to: der.count, by: 3) {
            #expect((try? Self.read(Array(der[..<count]))) == nil)
        }
        #expect((try? Self.read([UInt8](repeating: 0x30, count: 17_000))) == nil)
    }

    @Test("the verdicts of go-spiffe on certificates are ours")
    func verdicts() throws {
        guard let suite = try Vectors.load("../spiffe/go_spiffe"),
            let files = suite["svid_and_bundle_files"] as? [String: String]
        else { return }
        var count = 0
        for (name, text) in files.sorted(by: { $0.key < $1.key })
        where name.hasPrefix("svid/x509svid/testdata/wrong-leaf")
            || name.hasPrefix("svid/x509svid/testdata/good")
        {
            let start = try #require(text.range(of: "-----BEGIN CERTIFICATE-----"))
            let end = try #require(text.range(of: "-----END CERTIFICATE-----"))
            let leaf = try Certificate(pemEncoded: String(text[start.lowerBound..<end.upperBound]))
            let opens = WallTime(
                nanoseconds: Int64(leaf.notValidBefore.timeIntervalSince1970) * 1_000_000_000)
            let der = Array(try leaf.serializeAsPEM().derBytes)
            let svid = try? SVID(
                der: der, of: TrustDomainName("example.org"), for: .client, at: opens)
            let isGood = name.contains("/good")
            #expect((svid != nil) == isGood, "\(name)")
            count += 1
        }
        print("go-spiffe: \(count) of \(count) certificates")
        #expect(count >= 9)
    }
}
