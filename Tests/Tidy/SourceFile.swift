// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A text file and, when it is Swift, what of it is code.
struct SourceFile: Sendable {
    /// Path from the project's root.
    let path: String
    /// The file as it is.
    let bytes: [UInt8]
    /// The file with comments and the contents of string literals blanked; the same length, and
    /// every line break where it was. Empty for files that are not Swift.
    let code: [UInt8]
    /// Where each line lies in `bytes` and `code`, line breaks left out.
    let lineRanges: [Range<Int>]

    /// The file at `path` that holds `bytes`.
    init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        code = path.hasSuffix(".swift") ? codeOnly(bytes) : []
        lineRanges = SourceFile.lines(of: bytes)
    }

    /// Whether it is Swift.
    var isSwift: Bool { path.hasSuffix(".swift") }

    /// The target a file of `Sources/` belongs to, else nil.
    var room: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }

    /// Its name without folders and suffixes: `Exchange+Route`.
    var baseName: String {
        let name = path.split(separator: "/").last ?? ""
        return String(name.prefix { $0 != "." })
    }

    /// Line `index` as it is written, counted from 0.
    func line(_ index: Int) -> String {
        String(decoding: bytes[lineRanges[index]], as: UTF8.self)
    }

    /// Line `index` of the code, without blanks at either end, counted from 0.
    func codeLine(_ index: Int) -> String {
        var range = lineRanges[index]
        while let first = range.first, code[first] == 0x20 { range = range.dropFirst() }
        while let last = range.last, code[last] == 0x20 { range = range.dropLast() }
        return String(decoding: code[range], as: UTF8.self)
    }

    /// The number, counted from 1, of the line that holds the byte at `offset`.
    func lineNumber(at offset: Int) -> Int {
        var low = 0
        var high = lineRanges.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineRanges[middle].lowerBound <= offset { low = middle } else { high = middle }
        }
        return low + 1
    }

    /// The lines of `bytes`; a line break at the end opens no further line.
    private static func lines(of bytes: [UInt8]) -> [Range<Int>] {
        bytes.withUnsafeBufferPointer { bytes in
            var ranges: [Range<Int>] = []
            var start = 0
            for offset in 0..<bytes.count where bytes[offset] == 0x0A {
                ranges.append(start..<offset)
                start = offset + 1
            }
            if start < bytes.count { ranges.append(start..<bytes.count) }
            return ranges
        }
    }
}

/// Whether `byte` may be part of a Swift identifier.
func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...0xFF: true
    default: false
    }
}

/// Where `needle` occurs in `haystack` as words of its own: where it begins or ends with a
/// letter, no letter stands next to it.
func occurrences(of needle: String, in haystack: [UInt8]) -> [Int] {
    let needle = Array(needle.utf8)
    guard let first = needle.first, let last = needle.last else { return [] }
    return haystack.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { return [] }
        var found: [Int] = []
        var offset = 0
        // The C library finds the first byte; a loop here would be slow in a debug build.
        while let match = memchr(base + offset, Int32(first), bytes.count - offset) {
            let start = UnsafeRawPointer(match) - base
            offset = start + 1
            guard bytes.count - start >= needle.count,
                memcmp(match, needle, needle.count) == 0
            else { continue }
            let after = start + needle.count
            let joinedBefore = isWord(first) && start > 0 && isWord(bytes[start - 1])
            let joinedAfter = isWord(last) && after < bytes.count && isWord(bytes[after])
            if !joinedBefore, !joinedAfter { found.append(start) }
        }
        return found
    }
}
