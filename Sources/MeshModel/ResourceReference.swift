// SPDX-License-Identifier: Apache-2.0

/// The text of `Docs/configuration.md`.
package enum ResourceReference {
    /// Every kind with every field, in Markdown.
    package static func markdown() -> String {
        var lines = [
            "# Configuration", "",
            "<!-- Generated from the shapes in Sources/MeshModel. Change those, then run the "
                + "tests with GOLDEN=accept. -->",
            "",
            "A mesh is described by resources in YAML, one or more to a file, separated by "
                + "`---`. All have `apiVersion`, `kind`, `metadata` and, but for a Secret, `spec`. Unknown fields, "
                + "wrong types, dangling references and conflicts are errors: every mistake of "
                + "every file is reported at once, each with its position and what to do.",
            "",
            "| kind | `apiVersion` | what it is for |", "| --- | --- | --- |",
        ]
        for kind in Kind.allCases {
            let anchor = kind.rawValue.lowercased()
            let versions = kind.apiVersions.map { "`\($0)`" }.joined(separator: ", ")
            lines.append("| [\(kind.rawValue)](#\(anchor)) | \(versions) | \(kind.note) |")
        }
        lines += ["", "## Notation", ""]
        lines += [
            "- **duration**: numbers with a unit, `250ms`, `10s`, `1h30m`; `0s` means no limit "
                + "where a limit may be absent.",
            "- **size**: bytes as a number, or with `k`, `M`, `G` (powers of 1000) or `Ki`, "
                + "`Mi`, `Gi` (powers of 1024).",
            "- **decimal**: `12.50`, as a number or in quotes, with at most six digits behind the "
                + "point; nothing is rounded.",
            "- Booleans are `true` and `false` only; `yes`, `no`, `on` and `off` are strings. A "
                + "string that looks like a number needs quotes.",
        ]
        lines += ["", "## metadata", "", "The same for every kind.", ""]
        lines += table(of: Kind.metadata.filter { !$0.note.hasPrefix("written by") })
        for kind in Kind.allCases {
            lines += ["", "## \(kind.rawValue)", "", kind.note, ""]
            lines += table(of: kind.spec)
        }
        lines.append("")
        return lines.joined(separator: "\n")
    }

    private static func table(of fields: [Field]) -> [String] {
        var lines = ["| field | type | default | what it is |", "| --- | --- | --- | --- |"]
        var refused: [String] = []
        appendRows(of: fields, prefix: "", to: &lines, &refused)
        if !refused.isEmpty {
            let names = refused.map { "`\($0)`" }.joined(separator: ", ")
            lines += ["", "Known, but not supported: \(names)."]
        }
        return lines
    }

    private static func appendRows(
        of fields: [Field], prefix: String, to lines: inout [String], _ refused: inout [String]
    ) {
        for field in fields {
            let path = prefix + field.name
            if field.isRefused {
                refused.append(path)
                continue
            }
            let fallback = field.isRequired ? "**required**" : field.fallback.map(code) ?? ""
            let note = ResourceSchema.sentence(field.note).replacing("|", with: "\\|")
            lines.append(
                "| `\(path)` | \(type(of: field.shape)) | \(fallback) | \(note) |")
            switch field.shape {
            case .object(let inner):
                appendRows(of: inner, prefix: path + ".", to: &lines, &refused)
            case .list(.object(let inner), _):
                appendRows(of: inner, prefix: path + "[].", to: &lines, &refused)
            case .text, .choice, .integer, .boolean, .byteSize, .decimal, .oneOrSome, .list,
                .labels, .secrets, .ignored:
                break
            }
        }
    }

    /// A default in code quotes, unless it is prose.
    private static func code(_ fallback: String) -> String {
        fallback.contains(" ") && !fallback.hasPrefix("[") ? fallback : "`\(fallback)`"
    }

    private static func type(of shape: Shape) -> String {
        switch shape {
        case .text(.duration): "duration"
        case .text(let format): format == .line ? "text" : withoutArticle(format.title)
        case .choice(let values, _): values.map { "`\($0)`" }.joined(separator: ", ")
        case .integer(let range):
            range == 1...65_535 ? "port" : "\(range.lowerBound) to \(range.upperBound)"
        case .boolean: "boolean"
        case .byteSize: "size"
        case .decimal: "decimal"
        case .oneOrSome(let element, _): "\(type(of: element)), or a list of them"
        case .object: "object"
        case .list(.object, _): "list"
        case .list(let element, _): "list of: \(type(of: element))"
        case .labels: "names with text"
        case .secrets: "names with secret text"
        case .ignored: "anything"
        }
    }

    private static func withoutArticle(_ title: String) -> String {
        for article in ["a ", "an ", "the "] where title.hasPrefix(article) {
            return String(title.dropFirst(article.count))
        }
        return title
    }
}
