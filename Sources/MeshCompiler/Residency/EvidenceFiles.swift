// SPDX-License-Identifier: Apache-2.0

/// Files that a configuration refers to and whose contents decide with it: evidence about
/// endpoints, and the keys of those who sign it.
package struct EvidenceFiles: Hashable, Sendable {
    /// The files by the paths that the configuration has; nil for one that could not be read.
    /// Looked up, never iterated.
    private var contents: [String: [UInt8]?] = [:]
    /// The paths that were looked at, in that order.
    package private(set) var paths: [String] = []

    /// No file was looked at yet.
    package init() {}

    /// What stands in `path`, or nil when it could not be read.
    package mutating func set(_ path: String, _ bytes: [UInt8]?) {
        if contents.updateValue(bytes, forKey: path) == nil { paths.append(path) }
    }

    /// What stands in `path`.
    func content(of path: String) -> Content {
        switch contents[path] {
        case .none: .unknown
        case .some(.none): .unreadable
        case .some(.some(let bytes)): .bytes(bytes)
        }
    }

    /// The bytes of `path`, or nil.
    package func bytes(of path: String) -> [UInt8]? { contents[path] ?? nil }

    /// What stands in a file.
    enum Content {
        /// Nobody has looked.
        case unknown
        /// It cannot be read.
        case unreadable
        /// This.
        case bytes([UInt8])
    }
}
