// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Tells systemd how the service is, when it asks to be told (`Type=notify`).
///
/// **Source** sd_notify(3): lines in one datagram to the socket that `NOTIFY_SOCKET` names.
enum ServiceNotice {
    /// This process serves, and is the one to watch from now on.
    static func ready() { send("READY=1\nMAINPID=\(getpid())\n") }

    /// The service as a whole is stopping.
    static func stopping() { send("STOPPING=1\n") }

    private static func send(_ text: String) {
        guard let path = Process.environment("NOTIFY_SOCKET") else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        // A name that begins with @ is one of the abstract kind.
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let length = MemoryLayout<sa_family_t>.size + bytes.count
        let message = Array(text.utf8)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(
                    descriptor, message, message.count, Int32(MSG_NOSIGNAL), $0,
                    socklen_t(length))
            }
        }
    }
}
