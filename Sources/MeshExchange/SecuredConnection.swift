// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshIdentity
import MeshRouting
package import MeshSnapshot
import MeshTelemetry
import MeshWire

/// What is known of a caller's connection that is encrypted: for which host it was made, and who
/// the caller is.
///
/// An object that all exchanges of the connection share, so that one in cleartext pays for a nil.
/// Invariant: it never changes. Whoever the caller is was verified before, in the handshake.
package final class SecuredConnection: Sendable {
    /// The host that the caller connected to, in lower case; empty when it named none.
    package let serverName: [UInt8]
    /// The workload that the caller proved to be, or nil.
    package let workload: SVID?
    /// The same as a caller, and as the log names it.
    let caller: Caller?
    let name: CallerName?
    /// Whether what callers must show now is still what this one showed.
    private let showed: Shown

    private enum Shown: Sendable {
        case callers(CallerCertificates?)
        /// In a replay: what was found then.
        case recorded(isStale: Bool)
    }

    /// The connection to `serverName`, made where callers had to show what `callers` says.
    package init(serverName: [UInt8], callers: CallerCertificates?, workload: SVID?) {
        self.serverName = serverName
        self.workload = workload
        caller = workload.map { Caller(workload: $0.id.description) }
        name = workload.map { CallerName(provider: nil, subject: nil, workload: $0.id.description) }
        showed = .callers(callers)
    }

    init(_ recorded: RecordedConnection) {
        serverName = Array(recorded.serverName.utf8)
        let workload = recorded.workload.flatMap { text in
            (try? SPIFFEID(text)).map {
                SVID(id: $0, expires: WallTime(nanoseconds: recorded.expires ?? .max), serial: "")
            }
        }
        self.workload = workload
        caller = workload.map { Caller(workload: $0.id.description) }
        name = workload.map { CallerName(provider: nil, subject: nil, workload: $0.id.description) }
        showed = .recorded(isStale: recorded.isStale)
    }

    /// Whether the caller's certificate ends within seconds, so that it should connect anew.
    package func endsSoon(at time: WallTime) -> Bool {
        guard let workload else { return false }
        return workload.expires.nanoseconds &- time.nanoseconds < 10_000_000_000
    }

    /// Whether callers must show something else by now than when it was made.
    func isStale(under callers: CallerCertificates?) -> Bool {
        switch showed {
        case .callers(let then): then != callers
        case .recorded(let isStale): isStale
        }
    }
}

/// What a recording keeps of an encrypted connection.
package struct RecordedConnection: Codable, Hashable, Sendable {
    /// The host that was connected to.
    package var serverName: String
    /// The SPIFFE ID of the caller.
    package var workload: String?
    /// When the certificate of the caller ends, in nanoseconds since the Unix epoch.
    package var expires: Int64?
    /// Whether callers had to show something else by then.
    package var isStale: Bool

    init(_ connection: SecuredConnection, isStale: Bool) {
        serverName = String(decoding: connection.serverName, as: UTF8.self)
        workload = connection.workload?.id.description
        expires = connection.workload?.expires.nanoseconds
        self.isStale = isStale
    }
}

extension Exchange {
    /// Why the request must not be taken on its connection, or nil: it is for a host that another
    /// certificate stands for, or whose callers must show something else.
    ///
    /// **Source** RFC 9110 section 15.5.20; RFC 9113 section 9.1.1.
    mutating func misdirection(
        of head: borrowing RequestHead, _ bytes: RawSpan
    ) -> Refusal? {
        guard let secured else { return nil }
        record.caller = secured.name
        let listeners = snapshot.ports[Int(port)].listeners
        let isStale = secured.isStale(under: listeners[Int(listener)].tls?.callers)
        if let tape { tape.keep(RecordedConnection(secured, isStale: isStale)) }
        let serverName = secured.serverName
        let name = unsafe serverName.span.bytes
        let host = bytes.extracting(head.hostNameRange.range)
        if !host.equalsIgnoringCase(name),
            snapshot.ports[Int(port)].listener(for: name) != Int(listener)
        {
            return Refusal(.misdirectedRequest)
        }
        if isStale {
            return Refusal(
                .misdirectedRequest,
                message: "what callers must show here has changed since this connection was "
                    + "made; connect anew")
        }
        if let workload = secured.workload, workload.expires <= record.startedAt {
            return Refusal(
                .misdirectedRequest,
                message: "the certificate that this connection was made with has expired; connect "
                    + "anew with a new one")
        }
        return nil
    }
}
