// SPDX-License-Identifier: Apache-2.0

extension SourceFile {
    /// The file with the same resources at the same lines, where each value of a Secret is
    /// replaced by the word for what is not shown. Comments within Secrets are dropped, too.
    ///
    /// A document that cannot be read is left out when it may be a Secret.
    package var withoutSecrets: SourceFile {
        guard text.contains("Secret") else { return self }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        for document in YAMLDocument.split(text) {
            let trees = YAMLReader.read(document).trees
            let isSecret = trees.contains { $0["kind"]?.text == Kind.secret.rawValue }
            guard isSecret || trees.isEmpty else { continue }
            let first = document.firstLine - 1
            let count =
                document.text.split(
                    separator: "\n", omittingEmptySubsequences: false
                ).count - (document.text.hasSuffix("\n") ? 1 : 0)
            guard first < lines.count else { continue }
            let end = min(first + count, lines.count)
            for index in first..<end { lines[index] = "" }
            let shown = trees.map(Self.shown).joined(separator: "\n--- ")
            lines[first] = isSecret ? "--- " + shown : ""
        }
        return SourceFile(path: path, text: lines.joined(separator: "\n"))
    }

    /// A Secret on one line, with the names of its values only.
    private static func shown(_ tree: YAMLTree) -> String {
        func text(_ text: String) -> JSONText { .text(text) }
        var members: [JSONText.Member] = [
            .init("apiVersion", .text("v1")), .init("kind", .text(Kind.secret.rawValue)),
        ]
        var metadata: [JSONText.Member] = []
        for name in ["name", "namespace"] {
            if let value = tree["metadata"]?[name]?.text {
                metadata.append(.init(name, .text(value)))
            }
        }
        members.append(.init("metadata", .object(metadata)))
        var values: [JSONText.Member] = []
        for field in ["stringData", "data"] {
            guard case .map(let entries)? = tree[field]?.content else { continue }
            for entry in entries where !values.contains(where: { $0.name == entry.key }) {
                values.append(.init(entry.key, .text("[redacted]")))
            }
        }
        members.append(.init("stringData", .object(values)))
        return JSONText.object(members).oneLine
    }
}
