// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// An IP address and a port, as the kernel takes them.
///
/// `sockaddr_in` and `sockaddr_in6` are written by their layout on Linux (netinet/in.h): the
/// family at 0, the port at 2, the address at 4 of 16 bytes or at 8 of 28. By name they belong to
/// whichever C module of whichever package was loaded first.
struct InternetAddress: CustomStringConvertible {
    private var storage = sockaddr_storage()
    private var length: socklen_t

    /// Parses a numeric address; nil when it is none.
    init?(_ text: String, port: UInt16) {
        var storage = sockaddr_storage()
        let (family, length) = withUnsafeMutableBytes(of: &storage) { bytes -> (Int32, Int) in
            guard let base = bytes.baseAddress else { return (0, 0) }
            for (family, place, length) in [(AF_INET, 4, 16), (AF_INET6, 8, 28)]
            where inet_pton(family, text, base + place) == 1 {
                bytes.storeBytes(of: sa_family_t(family), as: sa_family_t.self)
                bytes.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
                return (family, length)
            }
            return (0, 0)
        }
        guard family != 0 else { return nil }
        self.storage = storage
        self.length = socklen_t(length)
    }

    /// What `fill` writes, such as the peer of an accepted connection.
    init(_ fill: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Void) {
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var storage = sockaddr_storage()
        withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { fill($0, &length) }
        }
        self.storage = storage
        self.length = length
    }

    /// `AF_INET` or `AF_INET6`.
    var family: Int32 { Int32(storage.ss_family) }

    /// The address without the port: `127.0.0.1`.
    var host: String {
        withUnsafeBytes(of: storage) { bytes in
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            guard let base = bytes.baseAddress else { return "unknown" }
            let offset = family == AF_INET ? 4 : 8
            guard family == AF_INET || family == AF_INET6,
                inet_ntop(family, base + offset, &text, socklen_t(text.count)) != nil
            else { return "unknown" }
            return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
        }
    }

    /// The port.
    var port: UInt16 {
        // It stands in the same place in both families.
        withUnsafeBytes(of: storage) { $0.load(fromByteOffset: 2, as: UInt16.self).bigEndian }
    }

    var description: String { family == AF_INET6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Calls `body` with the address as C functions take it.
    func withSocketAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
