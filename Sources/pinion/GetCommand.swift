// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Glibc
import MeshAdmin
import MeshBasics

/// `pinion get`
struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show what a running pinion knows.",
        discussion: "For example: pinion get routes, pinion get endpoints -o json.")

    /// What can be shown.
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case listeners
        case routes
        case models
        case backends
        case endpoints
        case limits
        case overload
        case access
        case residency
        case identity
        case engines
        case mirrors
        case rollouts
        case status
        case snapshot
    }

    @Argument(help: ArgumentHelp(Kind.allCases.map(\.rawValue).joined(separator: ", ") + "."))
    var kind: Kind

    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output = OutputFormat.text

    @Option(help: "Where the running pinion serves its admin port: ADDRESS:PORT or unix:PATH.")
    var admin = "127.0.0.1:15000"

    func run() throws {
        let place = try AdminPlace(admin, option: "--admin")
        let path =
            kind == .snapshot ? "/snapshot" : "/get/\(kind.rawValue)/\(output.rawValue)"
        do {
            Terminal.out(try AdminClient.get(path, from: place).trimmingLineBreaks)
        } catch {
            Terminal.err(error.description)
            throw ExitCode.failure
        }
    }
}

extension String {
    /// The text without line breaks at its end.
    var trimmingLineBreaks: String {
        var text = self
        while text.hasSuffix("\n") { text.removeLast() }
        return text
    }
}

/// Asks the admin port of a running pinion on this machine.
enum AdminClient {
    /// Why there is no answer.
    struct Failure: Error, CustomStringConvertible {
        /// What happened and what to do.
        let description: String
    }

    /// The body of `GET path`.
    ///
    /// **Errors** nothing listens there, or the answer is not 200.
    static func get(_ path: String, from place: AdminPlace) throws(Failure) -> String {
        try ask("GET", path, at: place)
    }

    /// The body of what `method` of `path` is answered with.
    ///
    /// **Errors** nothing listens there, or the answer is not 200.
    static func ask(
        _ method: String, _ path: String, at place: AdminPlace
    ) throws(Failure) -> String {
        let shown = place.text
        let unreachable = Failure(
            description: "no pinion answers on \(shown); start one with `pinion up`, "
                + "or name its admin port with --admin")
        guard let descriptor = connect(to: place) else { throw unreachable }
        defer { close(descriptor) }
        let host = place.isPrivate ? "localhost" : shown
        var request = "\(method) \(path) HTTP/1.1\r\nhost: \(host)\r\nconnection: close\r\n"
        if method == "POST" { request += "content-length: 0\r\n" }
        if let token = AdminToken.forClient {
            request +=
                "authorization: Bearer \(String(decoding: token.reveal(), as: UTF8.self))\r\n"
        }
        let bytes = Array("\(request)\r\n".utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else { throw unreachable }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count <= 0 { break }
            answer.append(contentsOf: buffer[0..<count])
        }
        let text = String(decoding: answer, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { throw unreachable }
        let body = String(text[end.upperBound...])
        guard text.hasPrefix("HTTP/1.1 200") else {
            throw Failure(description: "\(shown) answered: \(body.trimmingLineBreaks)")
        }
        return body
    }

    /// A connection to `place`, or nil.
    private static func connect(to place: AdminPlace) -> Int32? {
        switch place {
        case .port(let address, let port): connect(address, port)
        case .socket(let path): connect(path)
        }
    }

    private static func connect(_ address: String, _ port: Int) -> Int32? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let numeric = address == "localhost" ? "127.0.0.1" : address
        guard getaddrinfo(numeric, "\(port)", &hints, &found) == 0, let info = found?.pointee
        else { return nil }
        defer { freeaddrinfo(found) }
        let descriptor = socket(info.ai_family, info.ai_socktype, info.ai_protocol)
        guard descriptor >= 0 else { return nil }
        if Glibc.connect(descriptor, info.ai_addr, info.ai_addrlen) == 0 { return descriptor }
        close(descriptor)
        return nil
    }

    private static func connect(_ path: String) -> Int32? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let isConnected =
            withUnsafeMutableBytes(of: &address.sun_path) { room in
                guard bytes.count < room.count else { return false }
                room.copyBytes(from: bytes)
                return true
            }
            && withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
                }
            }
        if isConnected { return descriptor }
        close(descriptor)
        return nil
    }
}
