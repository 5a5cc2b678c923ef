// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The listening socket of the admin pages: made here and not by the server's library, so that
/// another process can take it over.
enum AdminSocket {
    /// Why there is none.
    struct Failure: Error, CustomStringConvertible {
        /// The reason in the system's words.
        let description: String

        init(_ code: Int32) { description = String(cString: strerror(code)) }
        init(_ text: String) { description = text }
    }

    /// A socket that listens at `place`.
    ///
    /// **Errors** the reason in the system's words.
    static func open(_ place: AdminPlace) throws(Failure) -> Int32 {
        switch place {
        case .port(let address, let port): try open(address, port)
        case .socket(let path): try open(path)
        }
    }

    private static func open(_ address: String, _ port: Int) throws(Failure) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE
        var found: UnsafeMutablePointer<addrinfo>?
        let numeric = address == "localhost" ? "127.0.0.1" : address
        let code = getaddrinfo(numeric, "\(port)", &hints, &found)
        guard code == 0, let info = found?.pointee else {
            throw Failure("\(address) is not an IP address")
        }
        defer { freeaddrinfo(found) }
        let descriptor = try make(info.ai_family)
        var yes: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        return try listening(
            descriptor, bind(descriptor, info.ai_addr, info.ai_addrlen))
    }

    private static func open(_ path: String) throws(Failure) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure("the path is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        var known = stat()
        if lstat(path, &known) == 0, known.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
        let descriptor = try make(AF_UNIX)
        // Nobody else may open it, not even between the moments of making and closing it.
        let former = umask(0o177)
        defer { umask(former) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return try listening(descriptor, code)
    }

    private static func make(_ family: Int32) throws(Failure) -> Int32 {
        let descriptor = socket(
            family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(errno) }
        return descriptor
    }

    private static func listening(_ descriptor: Int32, _ bound: Int32) throws(Failure) -> Int32 {
        guard bound == 0, listen(descriptor, 128) == 0 else {
            let code = errno
            close(descriptor)
            throw Failure(code)
        }
        return descriptor
    }
}
