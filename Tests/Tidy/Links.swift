// SPDX-License-Identifier: Apache-2.0

/// Links of the Markdown files among `tree` that lead to a file or heading that is not there.
///
/// Only links within the tree are followed: tests do not ask the network.
func brokenLinks(in tree: Tree) -> [Finding] {
    let paths = Set(tree.files.map(\.path))
    let folders = Set(tree.files.flatMap { file in parents(of: file.path) })
    let documents = tree.sources.filter { $0.path.hasSuffix(".md") }
    var anchors: [String: Set<String>] = [:]
    for document in documents { anchors[document.path] = headings(of: document) }
    return documents.flatMap { document -> [Finding] in
        links(of: document).compactMap { link in
            let parts = link.target.split(
                separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
            let file = parts[0]
            let path =
                file.isEmpty ? document.path : resolve(String(file), from: document.path)
            guard let path, paths.contains(path) || folders.contains(path) else {
                let message = "the link to `\(link.target)` leads to no file"
                return Finding(path: document.path, line: link.line, message: message)
            }
            if parts.count == 2, let known = anchors[path], !known.contains(String(parts[1])) {
                let message = "the link to `\(link.target)` leads to no heading of `\(path)`"
                return Finding(path: document.path, line: link.line, message: message)
            }
            return nil
        }
    }
}

/// A link of a document to another place of the tree.
private struct Link {
    var target: String
    var line: Int
}

/// The links of `document` that stay within the tree, code left out.
private func links(of document: SourceFile) -> [Link] {
    prose(of: document).flatMap { number, line -> [Link] in
        var targets: [Substring] = []
        var rest = line[...]
        while let start = rest.firstRange(of: "](") {
            rest = rest[start.upperBound...]
            guard let end = rest.firstIndex(of: ")") else { break }
            targets.append(rest[..<end])
            rest = rest[end...]
        }
        if line.hasPrefix("["), let colon = line.firstRange(of: "]: ") {
            targets.append(line[colon.upperBound...])
        }
        return targets.compactMap { target in
            let target = target.prefix { $0 != " " }
            let isElsewhere = target.contains("://") || target.hasPrefix("mailto:")
            return isElsewhere || target.isEmpty ? nil : Link(target: String(target), line: number)
        }
    }
}

/// The anchors of `document`'s headings, as code hosts form them, and its `<a id="…">`.
private func headings(of document: SourceFile) -> Set<String> {
    var anchors: Set<String> = []
    for (_, line) in prose(of: document, keepsCode: true) {
        if let start = line.firstRange(of: "<a id=\"") {
            anchors.insert(String(line[start.upperBound...].prefix { $0 != "\"" }))
        }
        guard line.hasPrefix("#") else { continue }
        let title = line.drop { $0 == "#" }.drop { $0 == " " }.lowercased()
        let kept = title.filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }
        let slug = String(kept.map { $0 == " " ? "-" : $0 })
        var anchor = slug
        var repeated = 0
        while !anchors.insert(anchor).inserted {
            repeated += 1
            anchor = "\(slug)-\(repeated)"
        }
    }
    return anchors
}

/// The numbered lines of `document` outside fenced code, and without inline code unless kept.
private func prose(of document: SourceFile, keepsCode: Bool = false) -> [(Int, String)] {
    var isFenced = false
    return document.lineRanges.indices.compactMap { index in
        let line = document.line(index)
        if line.drop(while: { $0 == " " }).hasPrefix("```") {
            isFenced.toggle()
            return nil
        }
        if isFenced { return nil }
        if keepsCode { return (index + 1, line) }
        let pieces = line.split(separator: "`", omittingEmptySubsequences: false)
        let kept = pieces.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
        return (index + 1, kept.joined(separator: "`"))
    }
}

/// `target` as seen from the file at `path`, from the root; nil when it leaves the tree.
private func resolve(_ target: String, from path: String) -> String? {
    var parts = target.hasPrefix("/") ? [] : path.split(separator: "/").dropLast().map(String.init)
    for part in target.split(separator: "/") where part != "." {
        if part != ".." {
            parts.append(String(part))
        } else if parts.popLast() == nil {
            return nil
        }
    }
    return parts.joined(separator: "/")
}

/// Every folder that `path` lies in; the root is the empty one.
private func parents(of path: String) -> [String] {
    let parts = path.split(separator: "/").dropLast()
    return (0...parts.count).map { parts.prefix($0).joined(separator: "/") }
}
