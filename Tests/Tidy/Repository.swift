// SPDX-License-Identifier: Apache-2.0

/// The most bytes a file of the tree may have.
let blobBytesMax = 256 * 1024

/// Files that are too large to live in the tree.
func largeFiles(in files: [Tree.Entry]) -> [Finding] {
    files.compactMap { file in
        guard file.size > blobBytesMax else { return nil }
        let message = "\(file.size) bytes, more than \(blobBytesMax): have a script make it"
        return Finding(path: file.path, line: 1, message: message, amount: file.size)
    }
}

/// Words of one machine, or of the places that packages come from. They are put together here so
/// that this file does not hold them.
private let localWords: [(word: String, instead: String)] = [
    ("/wo" + "rk/", "a path from the project's root"),
    ("/fa" + "rm/", "a path from the project's root"),
    ("/tmp/bash" + "_jobs", "nothing"),
    ("/ho" + "me/", "a path from the project's root"),
    ("/ro" + "ot/", "a path from the project's root"),
    ("/opt/swift-pack" + "ages", "the package's address"),
    ("pypi" + ".org", "the package's name"),
    ("python" + "hosted.org", "the package's name"),
    ("npmjs" + ".org", "the package's name"),
    ("crates" + ".io", "the package's name"),
    ("rubygems" + ".org", "the package's name"),
    ("proxy.golang" + ".org", "the package's name"),
    ("deb.debian" + ".org", "the package's name"),
    ("maven" + ".org", "the package's name"),
]

/// Lines of `files` that only make sense on one machine, or that name a package registry.
func localNames(in files: [SourceFile]) -> [Finding] {
    files.flatMap { file -> [Finding] in
        localWords.flatMap { word, instead in
            occurrences(of: word, in: file.bytes).map { offset in
                Finding(
                    path: file.path, line: file.lineNumber(at: offset),
                    message: "`\(word)` does not belong in the tree: write \(instead)")
            }
        }
    }
}

/// Marks of unfinished work that name no issue.
func strayMarkers(in files: [SourceFile]) -> [Finding] {
    let numbered = "TO" + "DO"
    let others = ["FIX" + "ME", "X" + "XX", "HA" + "CK"]
    return files.filter { !$0.path.hasSuffix(".md") }.flatMap { file -> [Finding] in
        let open = occurrences(of: numbered, in: file.bytes).filter { offset in
            let rest = file.bytes[(offset + numbered.utf8.count)...].prefix(9)
            let text = String(decoding: rest, as: UTF8.self)
            let digits = text.dropFirst(2).prefix { $0.isNumber }
            return !text.hasPrefix("(#") || digits.isEmpty
                || text.dropFirst(2 + digits.count).first != ")"
        }
        let rest = others.flatMap { occurrences(of: $0, in: file.bytes) }
        return (open + rest).sorted().map { offset in
            Finding(
                path: file.path, line: file.lineNumber(at: offset),
                message: "open work is marked `\(numbered)(#n)` with the number of its issue")
        }
    }
}
