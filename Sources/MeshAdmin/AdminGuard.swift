// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshIdentity

/// Who may ask the admin port what.
///
/// A browser on this machine is the enemy here: a page it shows may ask this port with any path
/// and body. It cannot choose the `Host` of a name that resolves to this machine (DNS rebinding),
/// nor hide its `Origin`, nor send a field of its own without asking first, nor know a token.
///
/// | who | may look | may act |
/// | --- | --- | --- |
/// | a Unix socket | whoever may open it | the same |
/// | loopback, no token | everybody on the machine | nobody |
/// | with a token | who has it; `/healthz` and `/ready` everybody | who has it |
package struct AdminGuard: Sendable {
    /// The hash of the token, or nil when there is none.
    private let token: Digest?
    /// Whether requests come through a Unix socket, whose permissions say who may ask.
    private let isPrivate: Bool

    /// A guard for a Unix socket when `isPrivate`, or for a port; who has `token` may act.
    package init(token: Secret<[UInt8]>?, isPrivate: Bool) {
        self.token = token.map { secret in
            let bytes = secret.reveal()
            return Digest(of: bytes.span.bytes)
        }
        self.isPrivate = isPrivate
    }

    /// What of a request's head is looked at; every value of a field that is there.
    package struct Head: Sendable {
        /// The method.
        package var method: String
        /// The path without its query.
        package var path: String
        /// `Host`.
        package var hosts: [String]
        /// `Origin`.
        package var origins: [String]
        /// `Sec-Fetch-Site`.
        package var sites: [String]
        /// `Authorization`.
        package var authorizations: [String]

        /// A head of the given parts.
        package init(
            method: String, path: String, hosts: [String], origins: [String] = [],
            sites: [String] = [], authorizations: [String] = []
        ) {
            self.method = method
            self.path = path
            self.hosts = hosts
            self.origins = origins
            self.sites = sites
            self.authorizations = authorizations
        }
    }

    /// Why the request is not answered, or nil when it is.
    package func refusal(of head: Head) -> AdminAnswer? {
        guard head.hosts.count == 1, let host = head.hosts.first,
            isPrivate || Self.isTrusted(host: host)
        else {
            return .text(
                "this name is not served here; use the address or localhost", status: 421)
        }
        let isOwn = head.origins.allSatisfy { $0 == "http://\(host)" }
        let isSameSite = head.sites.allSatisfy { $0 == "same-origin" || $0 == "none" }
        guard isOwn, isSameSite else {
            return .text("pages of other sites are not answered here", status: 403)
        }
        let isOpen = head.path == "/healthz" || head.path == "/ready"
        let looks = head.method == "GET" || head.method == "HEAD"
        if looks, isOpen { return nil }
        if let token {
            guard Self.has(token, head.authorizations) else {
                var answer = AdminAnswer.text(
                    "a token is needed here; send it as `Authorization: Bearer TOKEN`, or set "
                        + "PINION_ADMIN_TOKEN for the command", status: 401)
                answer.fields = [("www-authenticate", "Bearer realm=\"pinion admin\"")]
                return answer
            }
            return nil
        }
        guard looks || isPrivate else {
            return .text(
                "without a token this port only lets look; start pinion with --admin-token-file, "
                    + "or with --admin unix:PATH", status: 403)
        }
        return nil
    }

    private static func has(_ token: Digest, _ authorizations: [String]) -> Bool {
        guard authorizations.count == 1, let sent = authorizations.first, sent.utf8.count < 4_096,
            sent.prefix(7).lowercased() == "bearer "
        else { return false }
        let bytes = Array(sent.dropFirst(7).utf8)
        return Digest(of: bytes.span.bytes).equals(token)
    }

    /// Whether `host` can only have been written by someone who meant this machine: an address,
    /// or `localhost`, with a port or without. No page can have a name like that.
    static func isTrusted(host: String) -> Bool {
        if host.hasPrefix("[") {
            guard let close = host.firstIndex(of: "]") else { return false }
            let inside = host[host.index(after: host.startIndex)..<close]
            let isAddress = inside.utf8.allSatisfy { byte in
                byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
                    || ASCII.hexValue(byte) != nil
            }
            return isAddress && !inside.isEmpty
                && isPort(host[host.index(after: close)...])
        }
        let name = host.prefix { $0 != ":" }
        guard isPort(host.dropFirst(name.count)) else { return false }
        if name.lowercased() == "localhost" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                (1...3).contains(part.utf8.count) && part.utf8.allSatisfy(ASCII.isDigit)
            }
    }

    private static func isPort(_ text: Substring) -> Bool {
        if text.isEmpty { return true }
        return text.hasPrefix(":") && text.dropFirst().utf8.allSatisfy(ASCII.isDigit)
    }
}
