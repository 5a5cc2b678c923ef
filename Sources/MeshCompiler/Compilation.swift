// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshModel
package import MeshSnapshot

/// What became of resources.
package struct Compilation: Sendable {
    /// What proxies need, or nil when anything is wrong.
    package var snapshot: Snapshot?
    /// Everything that is wrong or doubtful, sorted.
    package var diagnostics: [Diagnostic]
    /// The names that must be resolved, sorted; complete only when there is a snapshot.
    package var names: [DNSName]
    /// The values of Secrets, which no snapshot holds.
    package var secrets: SecretValues
}

/// The values of Secrets, by the names that credentials refer to them with.
package struct SecretValues: Hashable, Sendable {
    private var values: [Key: Secret<[UInt8]>] = [:]

    private struct Key: Hashable, Sendable {
        var name: String
        var key: String
    }

    /// No values.
    package init() {}

    init(_ secrets: [SecretResource]) {
        for secret in secrets {
            for entry in secret.entries {
                values[Key(name: secret.metadata.id.text, key: entry.key)] = entry.value
            }
        }
    }

    /// The value `key` of the Secret `namespace/name`, or nil.
    package func value(_ key: String, of name: String) -> Secret<[UInt8]>? {
        values[Key(name: name, key: key)]
    }
}

/// A name whose addresses are endpoints.
package struct DNSName: Hashable, Sendable, Comparable {
    /// The name, lower case.
    package var hostname: String
    /// The port the addresses are used with, if one is known.
    package var port: UInt16?
    /// How often it is resolved again.
    package var refresh: Nanoseconds

    /// The name of the given parts.
    package init(hostname: String, port: UInt16?, refresh: Nanoseconds) {
        self.hostname = hostname
        self.port = port
        self.refresh = refresh
    }

    package static func < (a: DNSName, b: DNSName) -> Bool {
        (a.hostname, a.port ?? 0, a.refresh) < (b.hostname, b.port ?? 0, b.refresh)
    }
}

/// What discovery resolved: hostnames with their addresses, both sorted, so that the order in
/// which a resolver answers changes nothing.
package struct ResolvedNames: Hashable, Sendable {
    /// The names, sorted.
    package let entries: [Entry]

    /// One name with its addresses.
    package struct Entry: Hashable, Sendable {
        /// The name, lower case.
        package var hostname: String
        /// Its addresses, textual IPv4 or IPv6, sorted and without repetition.
        package var addresses: [String]

        /// `hostname` with `addresses`.
        package init(hostname: String, addresses: [String]) {
            self.hostname = hostname
            self.addresses = addresses
        }
    }

    /// The names of `entries`; of several with one hostname the addresses are joined.
    package init(_ entries: [Entry] = []) {
        var joined: [Entry] = []
        for entry in entries.sorted(by: { $0.hostname < $1.hostname }) {
            if joined.last?.hostname == entry.hostname {
                joined[joined.count - 1].addresses += entry.addresses
            } else {
                joined.append(entry)
            }
        }
        self.entries = joined.map { entry in
            var addresses: [String] = []
            for address in entry.addresses.sorted() where addresses.last != address {
                addresses.append(address)
            }
            return Entry(hostname: entry.hostname, addresses: addresses)
        }
    }

    /// The addresses of `hostname`; none when it is not known.
    ///
    /// **Complexity** O(log n).
    package func addresses(of hostname: String) -> [String] {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].hostname < hostname { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].hostname == hostname else { return [] }
        return entries[low].addresses
    }
}
