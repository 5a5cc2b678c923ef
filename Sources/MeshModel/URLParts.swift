// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The parts of the URL of a `Backend`: scheme, host, port and base path; never a user, a query
/// or a fragment.
package struct URLParts: Hashable, Sendable {
    /// Whether the scheme is `https`.
    package var isSecure: Bool
    /// The host in lower case, an IPv6 address without brackets.
    package var host: String
    /// The port, that of the scheme when none was written.
    package var port: Int
    /// The base path without a slash at its end; empty for none.
    package var path: String

    /// The parts of `text`, or nil when it is not a URL of the accepted form.
    package init?(_ text: String) {
        guard text.utf8.count <= Format.url.lengthMax,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { return nil }
        var rest = text[...]
        if rest.hasPrefix("https://") {
            isSecure = true
            rest = rest.dropFirst(8)
        } else if rest.hasPrefix("http://") {
            isSecure = false
            rest = rest.dropFirst(7)
        } else {
            return nil
        }
        let authority = rest.prefix { $0 != "/" }
        var path = rest.dropFirst(authority.count)
        guard !path.contains(where: { $0 == "?" || $0 == "#" }),
            !authority.contains(where: { $0 == "?" || $0 == "#" || $0 == "@" })
        else { return nil }
        while path.last == "/" { path = path.dropLast() }
        self.path = String(path)

        var digits: Substring?
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<close].lowercased()
            let tail = authority[authority.index(after: close)...]
            guard host.contains(":"), Notation.isIPAddress(host) else { return nil }
            guard tail.isEmpty || tail.hasPrefix(":") else { return nil }
            if !tail.isEmpty { digits = tail.dropFirst() }
        } else {
            let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
            guard (1...2).contains(parts.count) else { return nil }
            host = parts[0].lowercased()
            guard Format.preciseHostname.accepts(host) else { return nil }
            if parts.count == 2 { digits = parts[1] }
        }
        if let digits {
            guard digits.utf8.allSatisfy(ASCII.isDigit), let port = Int(digits),
                (1...65_535).contains(port)
            else { return nil }
            self.port = port
        } else {
            port = isSecure ? 443 : 80
        }
    }

    /// What stands in `Host`: the host, with the port unless it is that of the scheme.
    package var authority: String {
        let bracketed = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? bracketed : "\(bracketed):\(port)"
    }
}
