// SPDX-License-Identifier: Apache-2.0

package import MeshCompiler
package import MeshModel

/// Gives DNS names of a configuration addresses that nobody has: a simulation asks no resolver.
package enum MadeUpAddresses {
    /// Addresses that can be given out.
    static let countMax = 131_000

    /// `names` with as many addresses as `fleet` says, one where it says nothing.
    ///
    /// **Shape** the same names get the same addresses, `198.18.0.1` and those that follow.
    /// **Errors** more addresses than there are.
    /// **Source**: RFC 2544, appendix C.2.2: 198.18.0.0/15 is set aside for benchmarks.
    package static func resolve(
        _ names: [DNSName], fleet: FleetDocument
    ) -> (resolved: ResolvedNames, diagnostics: [Diagnostic]) {
        var entries: [ResolvedNames.Entry] = []
        var next = 1
        for name in names where entries.last?.hostname != name.hostname {
            let written = fleet.names.first { $0.hostname.value == name.hostname }
            let count = written?.addresses ?? 1
            guard next + count <= countMax else {
                return (
                    ResolvedNames(entries),
                    [
                        Diagnostic(
                            at: written?.hostname.place
                                ?? Place(file: fleet.file, line: 1, column: 1, field: ""),
                            resource: "Fleet/\(fleet.name)",
                            message: "the names have more than \(countMax) addresses together",
                            remedy: "write smaller numbers as `addresses`")
                    ]
                )
            }
            entries.append(
                ResolvedNames.Entry(
                    hostname: name.hostname,
                    addresses: (next..<next + count).map {
                        "198.\(18 + $0 >> 16).\($0 >> 8 & 255).\($0 & 255)"
                    }))
            next += count
        }
        return (ResolvedNames(entries), [])
    }
}
