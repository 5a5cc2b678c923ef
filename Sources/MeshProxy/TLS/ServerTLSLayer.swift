// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshIdentity
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire
import NIOCore
import NIOSSL

/// TLS towards a caller.
///
/// The caller's hello is read here first: it says for which listener the connection is, and so
/// which certificate is shown, which versions are spoken and what the caller must show. Only then
/// the library begins. What can be known to fail is refused with the alert that says why.
///
/// ```
///  bytes ──> hello? ──> listener by server name ──> context ──> handshake ──> caller? ──> usable
///              │              │ none                              │              │
///              └ alert, log   └ alert, log                        └ log          └ log
/// ```
final class ServerTLSLayer: TLSLayer {
    /// The protocols that are spoken within, the preferred one first.
    static let protocols = ["h2", "http/1.1"]
    /// How long a handshake may take.
    static let timeout = Nanoseconds.seconds(5)
    /// Bytes of a caller's part of a handshake behind its hello: a chain of 16 KiB and what proves
    /// that the key is at hand.
    private static let bytesMax = 18 * 1024

    private unowned(unsafe) let loop: Loop
    /// The number of the socket that the connection was accepted on.
    private let socket: Int
    private let peer: [UInt8]
    private var hello: [UInt8] = []
    private var serverName: [UInt8] = []
    private var security: ListenerSecurity?
    private var handshakeBytes = 0
    private var isSettled = false
    /// What is known of the connection once the handshake is over.
    private(set) var secured: SecuredConnection?

    init(of connection: Connection, loop: Loop, socket: Int, peer: [UInt8]) {
        self.loop = loop
        self.socket = socket
        self.peer = peer
        super.init(on: connection)
    }

    // MARK: Layer

    // Nothing is said before the caller's hello.
    override func begin() {}

    override func read(_ bytes: UnsafeRawBufferPointer) {
        if isUsable {
            super.read(bytes)
        } else if isHosting {
            shake(bytes)
        } else if !isSettled {
            hello.append(contentsOf: bytes)
            greet()
        }
    }

    /// Gives the library no more than a handshake may have, until it is over.
    private func shake(_ bytes: UnsafeRawBufferPointer) {
        if let alert = Self.alert(in: bytes), !isSettled {
            let isOurs = Self.distrusting.contains(alert)
            refuse(
                isOurs ? .distrusted : .closed,
                isOurs
                    ? "the caller does not trust our certificate (alert \(alert))"
                    : "the caller ended it with alert \(alert)",
                isOurs ? distrustRemedy : "see what the caller says")
            return
        }
        let fitting = min(bytes.count, Self.bytesMax - handshakeBytes)
        handshakeBytes += fitting
        if fitting > 0 { super.read(UnsafeRawBufferPointer(rebasing: bytes[..<fitting])) }
        guard fitting < bytes.count, !isSettled else {
            // Once it is over the rest is the caller's first request.
            if isUsable, fitting < bytes.count {
                super.read(UnsafeRawBufferPointer(rebasing: bytes[fitting...]))
            }
            return
        }
        refuse(
            .malformed, "the caller's certificates are larger than 16 KiB",
            "show a certificate with fewer authorities behind it")
    }

    /// The alert in `bytes` when they are one in the clear. Callers send such where the library
    /// expects something encrypted, and it would only say that it cannot decrypt it.
    private static func alert(in bytes: UnsafeRawBufferPointer) -> UInt8? {
        let isAlert =
            bytes.count == 7 && bytes[0] == 21 && bytes[1] == 3 && bytes[3] == 0 && bytes[4] == 2
            && bytes[5] <= 2
        return isAlert ? bytes[6] : nil
    }

    /// Alerts that say that a certificate is not taken: RFC 8446 section 6.2.
    private static let distrusting: [UInt8] = [42, 43, 44, 45, 46, 48]

    private var distrustRemedy: String {
        let label = security?.settings.certificate.label ?? "our certificate"
        return HandshakeFault.distrust.replacing("{certificate}", with: label)
    }

    override func inputEnded() {
        if !isSettled, !hello.isEmpty || isHosting {
            settle(
                .closed, "the caller closed the connection in the middle of it", Self.closedRemedy)
        }
        super.inputEnded()
    }

    override func failed(_ reason: String) {
        if !isSettled {
            let fault = HandshakeFault(reason, security?.settings)
            settle(fault.result, fault.what, fault.remedy)
        }
        super.failed(reason)
    }

    override func ended() {
        if !isSettled, let problem = connection?.problem, !problem.isEmpty,
            !hello.isEmpty || isHosting
        {
            settle(.closed, problem, Self.closedRemedy)
        }
        isSettled = true
        super.ended()
    }

    private static let closedRemedy =
        "see what the caller says; it may not trust our certificate"

    // MARK: Handshake

    private func greet() {
        let bytes = hello
        switch ClientHello.read(bytes.span.bytes) {
        case .incomplete: return
        case .whole(let hello): choose(hello)
        case .notTLS: refuseCleartext()
        case .malformed(let reason):
            alert(50)
            refuse(.malformed, "\(reason)", "let the caller speak TLS 1.3")
        }
    }

    private func choose(_ hello: ClientHello) {
        serverName = hello.serverName
        let port = loop.port(ofSocket: socket)
        guard let security = loop.security(ofPort: port, for: hello.serverName) else {
            alert(112)
            refuse(
                .unknownName,
                hello.serverName.isEmpty
                    ? "the caller named no host (SNI), and every listener of the port is for one"
                    : "no listener of the port is for that host",
                hello.serverName.isEmpty
                    ? "connect by host name, or add a listener without `hostname`"
                    : "add a listener for it, or one without `hostname`")
            return
        }
        self.security = security
        if !hello.protocols.isEmpty, !hello.protocols.contains(where: Self.isSpoken) {
            alert(120)
            let offered = hello.protocols.map { String(decoding: $0, as: UTF8.self) }
            refuse(
                .noProtocol, "the caller offers only \(offered.prefix(4).joined(separator: ", "))",
                "let it offer `h2` or `http/1.1` (ALPN)")
            return
        }
        do {
            let context = try security.context(mayResume: hello.mayResume)
            try host(NIOSSLServerHandler(context: context))
        } catch {
            refuse(.malformed, "\(error)", "see the log before")
            return
        }
        super.begin()
        let bytes = self.hello
        self.hello = []
        bytes.withUnsafeBytes { super.read($0) }
    }

    private static func isSpoken(_ name: [UInt8]) -> Bool {
        protocols.contains { $0.utf8.elementsEqual(name) }
    }

    /// Looks at who the caller is.
    override func isAccepted() -> Bool {
        guard let security else { return false }
        var workload: SVID?
        if let certificate = peerCertificate {
            do throws(SPIFFEFault) {
                workload = try security.workload(certificate, at: loop.shard.wallTime(loop.now))
            } catch {
                let domain = security.trustDomain?.description ?? ""
                refuse(
                    .certificate, "the caller's certificate names no workload: \(error.message)",
                    "issue it one with a single SPIFFE ID of `\(domain)`")
                return false
            }
        } else if security.settings.callers?.isRequired == true {
            refuse(.certificate, "the caller showed no certificate", "let it show one")
            return false
        }
        secured = SecuredConnection(
            serverName: serverName, callers: security.settings.callers, workload: workload)
        isSettled = true
        loop.shard.metrics.countHandshake(.completed)
        return true
    }

    /// The time is over.
    func timedOut() {
        guard !isSettled else { return }
        let seconds = Int(Self.timeout.seconds)
        if hello.isEmpty, !isHosting {
            isSettled = true
            loop.shard.metrics.countHandshake(.timeout)
            connection?.close()
        } else {
            refuse(
                .timeout, "it was not over within \(seconds) s",
                "look at the caller and the network to it")
        }
    }

    // MARK: Refusals

    private func refuse(_ result: HandshakeResult, _ what: String, _ remedy: String) {
        settle(result, what, remedy)
        if let connection, connection.isOpen { connection.fail(what) }
    }

    /// Counts and tells of a handshake that failed.
    private func settle(_ result: HandshakeResult, _ what: String, _ remedy: String) {
        guard !isSettled else { return }
        isSettled = true
        loop.shard.metrics.countHandshake(result)
        let who = String(decoding: peer, as: UTF8.self)
        let name = serverName.isEmpty ? "" : " for \(String(decoding: serverName, as: UTF8.self))"
        loop.note("the TLS handshake of \(who)\(name) failed: \(what); \(remedy)")
    }

    /// Sends a fatal alert in the clear, as it is before the library speaks.
    ///
    /// **Source** RFC 8446 section 6.
    private func alert(_ code: UInt8) {
        let record: [UInt8] = [21, 3, 3, 0, 2, 2, code]
        say(record)
    }

    private func say(_ bytes: [UInt8]) {
        guard let connection else { return }
        bytes.withUnsafeBytes { connection.writeRaw($0) }
        connection.flushRaw()
    }

    /// Answers a request that came without TLS in its own language.
    private func refuseCleartext() {
        let first = hello.first ?? 0
        if first >= UInt8(ascii: "A"), first <= UInt8(ascii: "Z") {
            let text =
                "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n"
                + "content-length: 38\r\n\r\nthis port speaks TLS; write https://\r\n"
            say(Array(text.utf8))
        } else {
            alert(50)
        }
        refuse(.notTLS, "the caller does not speak TLS", "let it connect to https://")
    }
}

/// A failed handshake in words.
private struct HandshakeFault {
    let result: HandshakeResult
    let what: String
    let remedy: String

    /// What the library's `reason` means on a listener with `settings`.
    init(_ reason: String, _ settings: ListenerTLS?) {
        let label = settings?.certificate.label ?? "our certificate"
        let authorities =
            settings?.callers?.authorities.map(\.label).joined(separator: ", ") ?? "nobody"
        for (sign, result, what, remedy) in Self.known where reason.contains(sign) {
            self.result = result
            self.what = what.replacing("{authorities}", with: authorities)
            self.remedy = remedy.replacing("{authorities}", with: authorities)
                .replacing("{certificate}", with: label)
            return
        }
        result = .malformed
        what = reason
        remedy = "see what the caller says"
    }

    static let distrust =
        "give the caller the authority that signed {certificate}, and write all certificates that "
        + "lead there behind it"

    private static let known: [(String, HandshakeResult, String, String)] = [
        (
            "PEER_DID_NOT_RETURN_A_CERTIFICATE", .certificate,
            "the caller showed no certificate",
            "give it one of {authorities}, or write `mode: AllowInsecureFallback`"
        ),
        (
            "CERTIFICATE_VERIFY_FAILED", .certificate,
            "the caller's certificate does not hold: it leads to no authority of {authorities}, is "
                + "not for clients, or is out of date",
            "issue it a new one, or add its authority"
        ),
        (
            "TLSV1_ALERT_UNKNOWN_CA", .distrusted,
            "the caller does not trust our certificate (alert unknown_ca)", distrust
        ),
        (
            "SSLV3_ALERT_CERTIFICATE_EXPIRED", .distrusted,
            "the caller says that our certificate has expired", "renew {certificate}"
        ),
        (
            "ALERT_BAD_CERTIFICATE", .distrusted,
            "the caller does not take our certificate (alert bad_certificate)", distrust
        ),
        (
            "ALERT_CERTIFICATE_UNKNOWN", .distrusted,
            "the caller does not take our certificate (alert certificate_unknown)", distrust
        ),
        (
            "UNSUPPORTED_PROTOCOL", .version,
            "the caller speaks no version of TLS that is allowed here",
            "let it speak TLS 1.3, or write the option `pinion.dev/minimum-version: \"1.2\"`"
        ),
        (
            "NO_SHARED_CIPHER", .version, "the caller offers no cipher that is safe",
            "let it speak TLS 1.3"
        ),
        (
            "NO_SHARED_GROUP", .version, "the caller offers no group that is safe",
            "let it offer X25519 or P-256"
        ),
        (
            "EOF during handshake", .closed,
            "the caller closed the connection in the middle of it",
            "see what the caller says; it may not trust our certificate"
        ),
        (
            "uncleanShutdown", .closed, "the caller closed the connection in the middle of it",
            "see what the caller says; it may not trust our certificate"
        ),
    ]
}
