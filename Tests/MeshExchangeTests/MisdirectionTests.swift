// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshIdentity
import MeshSnapshot
import MeshTelemetry
import Testing

@testable import MeshExchange

@Suite("requests on encrypted connections")
struct MisdirectionTests {
    private static let callers = CallerCertificates(
        isRequired: true, authorities: [], trustDomain: "example.org")

    /// A mesh with listeners for a.test and for all of wild.test, which asks for certificates.
    private static func drive(recorded: Bool = false, callers: CallerCertificates? = nil) -> Drive {
        var sample = SnapshotSample()
        sample.hostnames = [("a.test", false), ("wild.test", true)]
        sample.tls = ListenerTLS(
            certificate: CertificateSource(label: "Certificate/web", place: .secret("default/web")),
            callers: callers)
        if recorded { sample.recording = RecordingSettings(perSecondMax: 100, ringMax: 100) }
        return Drive(sample)
    }

    private static func connection(
        _ name: String, callers: CallerCertificates? = nil, workload: SVID? = nil
    ) -> SecuredConnection {
        SecuredConnection(serverName: Array(name.utf8), callers: callers, workload: workload)
    }

    private static func status(_ drive: Drive, host: String) throws -> Int {
        let step = try drive.begin("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        if step.dispatch != nil {
            drive.gone()
            return 200
        }
        return Int(drive.record.status)
    }

    @Test(
        "a request is taken on a connection for the same listener and no other",
        arguments: [
            ("a.test", "a.test", 200), ("a.test", "A.TEST:8443", 200),
            ("a.test", "x.wild.test", 421),
            ("x.wild.test", "x.wild.test", 200), ("x.wild.test", "y.wild.test", 200),
            ("x.wild.test", "a.test", 421), ("a.test", "other.test", 404), ("", "a.test", 421),
        ])
    func hosts(name: String, host: String, expected: Int) throws {
        let drive = Self.drive()
        drive.exchange.secured = Self.connection(name)
        #expect(try Self.status(drive, host: host) == expected)
        if expected == 421 { #expect(drive.refusal == "misdirected-request") }
    }

    @Test("what callers must show has changed: the connection takes no more requests")
    func stale() throws {
        let drive = Self.drive(callers: Self.callers)
        drive.exchange.secured = Self.connection("a.test")
        #expect(try Self.status(drive, host: "a.test") == 421)
        drive.exchange.secured = Self.connection("a.test", callers: Self.callers)
        #expect(try Self.status(drive, host: "a.test") == 200)
    }

    @Test("a connection ends before the certificate of its caller, and serves nothing after")
    func expiry() throws {
        let drive = Self.drive()
        let now = drive.shard.wallTime(drive.now)
        func showing(_ seconds: Int64) throws {
            drive.exchange.secured = Self.connection(
                "a.test",
                workload: SVID(
                    id: try SPIFFEID("spiffe://example.org/a"),
                    expires: WallTime(nanoseconds: now.nanoseconds + seconds * 1_000_000_000),
                    serial: "01"))
        }
        for (seconds, goesOn) in [(Int64(60), true), (9, false)] {
            try showing(seconds)
            let step = try drive.begin("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            #expect(step.dispatch != nil)
            #expect(drive.keepsAlive == goesOn)
            drive.gone()
        }
        try showing(0)
        #expect(try Self.status(drive, host: "a.test") == 421)
    }

    @Test("a recording knows the connection, and decides the same again")
    func recorded() throws {
        for (name, host) in [("a.test", "a.test"), ("a.test", "x.wild.test")] {
            let drive = Self.drive(recorded: true)
            drive.exchange.secured = Self.connection(
                name,
                workload: SVID(
                    id: try SPIFFEID("spiffe://example.org/ns/prod/a"),
                    expires: WallTime(nanoseconds: .max), serial: "01"))
            _ = try Self.status(drive, host: host)
            let recording = try #require(drive.shard.recorder.all.first)
            #expect(recording.connection?.serverName == name)
            #expect(recording.connection?.workload == "spiffe://example.org/ns/prod/a")
            let snapshot = drive.shard.snapshot
            let again = try Replay.run(recording) { _ in snapshot }
            #expect(again.difference == nil)
        }
    }
}
