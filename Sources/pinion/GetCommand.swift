// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Glibc

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
        case access
        case engines
        case status
        case snapshot
    }

    @Argument(help: ArgumentHelp(Kind.allCases.map(\.rawValue).joined(separator: ", ") + "."))
    var kind: Kind

    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output = OutputFormat.text

    @Option(help: "Where the running pinion serves its admin port.")
    var admin = "127.0.0.1:15000"

    func run() throws {
        let place = try SocketPlace(admin, option: "--admin")
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
    fileprivate var trimmingLineBreaks: String {
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
    static func get(_ path: String, from place: SocketPlace) throws(Failure) -> String {
        let shown = "\(place.address):\(place.port)"
        let unreachable = Failure(
            description: "no pinion answers on \(shown); start one with `pinion up`, "
                + "or name its admin port with --admin")
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let address = place.address == "localhost" ? "127.0.0.1" : place.address
        guard getaddrinfo(address, "\(place.port)", &hints, &found) == 0, let info = found?.pointee
        else { throw unreachable }
        defer { freeaddrinfo(found) }
        let descriptor = socket(info.ai_family, info.ai_socktype, info.ai_protocol)
        guard descriptor >= 0 else { throw unreachable }
        defer { close(descriptor) }
        guard connect(descriptor, info.ai_addr, info.ai_addrlen) == 0 else { throw unreachable }
        let fields = "host: \(shown)\r\nconnection: close\r\n"
        let request = Array("GET \(path) HTTP/1.1\r\n\(fields)\r\n".utf8)
        guard write(descriptor, request, request.count) == request.count else { throw unreachable }
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
}
