// SPDX-License-Identifier: Apache-2.0

import Glibc
import MeshBasics
import MeshSnapshot

/// The certificates that listeners show, each read once and again when its files change.
///
/// What was read last and could be used stays in use until something better can: a file that is
/// broken, or half written, changes nothing but a count and a line of the log.
struct CertificateBook {
    /// What listeners use now.
    private(set) var securities: [ListenerTLS: ListenerSecurity] = [:]
    /// Certificates that could not be used when they changed, since the start.
    private(set) var failures: UInt64 = 0
    /// The last fault of each that has one, so that it is told once.
    private var faults: [ListenerTLS: String] = [:]

    /// Reads a value of a Secret by the Secret's name and the value's.
    typealias ReadSecret = (String, String) -> Secret<[UInt8]>?

    /// Reads all that `settings` name, and lets go of the rest.
    ///
    /// **Errors** the first that is new and cannot be used; then nothing has changed.
    /// **Shape** `report` is told, once, of what goes on with what was read before.
    mutating func prepare(
        _ settings: [ListenerTLS], _ secret: ReadSecret, report: (String) -> Void
    ) throws(CertificateFault) {
        var next = self
        next.securities = [:]
        for tls in settings where next.securities[tls] == nil {
            do throws(CertificateFault) {
                next.securities[tls] = try Self.read(tls, secret, unless: securities[tls])
                next.faults[tls] = nil
            } catch {
                guard let former = securities[tls] else { throw error }
                next.securities[tls] = former
                next.note(error, of: tls, report)
            }
        }
        next.faults = next.faults.filter { next.securities[$0.key] != nil }
        self = next
    }

    /// Reads everything again; answers whether anything is new, and whether anything cannot be
    /// used, which is not told when `isPatient`: a certificate may be there before its key.
    mutating func refresh(
        _ secret: ReadSecret, isPatient: Bool, report: (String) -> Void
    ) -> (isNew: Bool, isFaulty: Bool) {
        var isNew = false
        var isFaulty = false
        for (tls, former) in securities {
            do throws(CertificateFault) {
                let found = try Self.read(tls, secret, unless: former)
                faults[tls] = nil
                guard found !== former else { continue }
                securities[tls] = found
                isNew = true
                report("\(tls.certificate.label) was read anew and is in use")
            } catch {
                isFaulty = true
                if !isPatient { note(error, of: tls, report) }
            }
        }
        return (isNew, isFaulty)
    }

    private mutating func note(
        _ fault: CertificateFault, of tls: ListenerTLS, _ report: (String) -> Void
    ) {
        guard faults[tls] != fault.description else { return }
        faults[tls] = fault.description
        failures += 1
        report("\(fault); the certificate before it stays in use")
    }

    private static func read(
        _ tls: ListenerTLS, _ secret: ReadSecret, unless former: ListenerSecurity?
    ) throws(CertificateFault) -> ListenerSecurity {
        let material = try material(of: tls, secret)
        if let former, former.isMade(of: material) { return former }
        return try ListenerSecurity(tls, material)
    }

    private static func material(
        of tls: ListenerTLS, _ secret: ReadSecret
    ) throws(CertificateFault) -> ListenerSecurity.Material {
        let label = tls.certificate.label
        let chain: [UInt8]
        let key: Secret<[UInt8]>
        switch tls.certificate.place {
        case .files(let chainFile, let keyFile):
            chain = try file(chainFile, of: label)
            key = Secret(try file(keyFile, of: label))
        case .secret(let name):
            guard let found = secret(name, "tls.crt"), let own = secret(name, "tls.key") else {
                throw CertificateFault(
                    "\(label) has no certificate", "write `tls.crt` and `tls.key`")
            }
            chain = found.reveal()
            key = own
        }
        var authorities: [[UInt8]] = []
        for source in tls.callers?.authorities ?? [] {
            authorities.append(try Self.authorities(source, secret))
        }
        return ListenerSecurity.Material(chain: chain, key: key, authorities: authorities)
    }

    /// What `source` names.
    static func authorities(
        _ source: AuthoritySource, _ secret: ReadSecret
    ) throws(CertificateFault) -> [UInt8] {
        switch source.place {
        case .file(let path): return try file(path, of: source.label)
        case .secret(let name):
            guard let found = secret(name, "ca.crt") else {
                throw CertificateFault("\(source.label) has no authorities", "write `ca.crt`")
            }
            return found.reveal()
        }
    }

    /// Bytes of a file at most.
    private static let bytesMax = 1 << 20

    /// The content of a file.
    static func file(_ path: String, of label: String) throws(CertificateFault) -> [UInt8] {
        func fault(_ why: String) -> CertificateFault {
            CertificateFault(
                "\(path) of \(label) cannot be read: \(why)",
                "correct the path, or let this process read it")
        }
        let descriptor = open(path, O_RDONLY | Int32(O_CLOEXEC))
        guard descriptor >= 0 else { throw fault(Connection.text(errno)) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count == 0 { return bytes }
            guard count > 0 else { throw fault(Connection.text(errno)) }
            bytes += piece[..<count]
            guard bytes.count <= bytesMax else { throw fault("it is larger than 1 MiB") }
        }
    }
}
