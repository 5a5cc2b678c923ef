// SPDX-License-Identifier: Apache-2.0

/// One document of a file, before it is parsed: a stream is cut at its `---` and `...` lines
/// first, so that a syntax error in one document does not hide the mistakes of the next.
///
/// **Source** YAML 1.2.2, sections 9.1.2 and 9.1.4: both are markers wherever they start a line,
/// also within block scalars and quotes.
struct YAMLDocument {
    /// Its text, marker line included.
    var text: String
    /// The line of the file that its first line is, from 1.
    var firstLine: Int

    /// The documents of `text`; stretches without content are left out.
    ///
    /// **Complexity** O(n).
    static func split(_ text: String) -> [YAMLDocument] {
        let bytes = Array(text.utf8)
        var documents: [YAMLDocument] = []
        var start = 0
        var startLine = 1
        var hasContent = false
        var hasDirective = false
        var line = 1
        var offset = 0

        func close(at end: Int) {
            guard hasContent else { return }
            documents.append(
                YAMLDocument(
                    text: String(decoding: bytes[start..<end], as: UTF8.self),
                    firstLine: startLine))
        }

        while offset < bytes.count {
            let end = bytes[offset...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            let content = bytes[offset..<end]
            if isMarker(content, "...") {
                close(at: offset)
                start = min(end + 1, bytes.count)
                startLine = line + 1
                hasContent = false
                hasDirective = false
            } else if isMarker(content, "---"), hasContent || !hasDirective {
                close(at: offset)
                start = offset
                startLine = line
                hasContent = hasText(content.dropFirst(3))
                hasDirective = false
            } else if content.first == UInt8(ascii: "%"), !hasContent {
                hasDirective = true
            } else if hasText(content), !isMarker(content, "---") {
                hasContent = true
            }
            offset = end + 1
            line += 1
        }
        close(at: bytes.count)
        return documents
    }

    /// Whether the line is or begins with `marker`.
    private static func isMarker(_ line: ArraySlice<UInt8>, _ marker: String) -> Bool {
        guard line.starts(with: marker.utf8) else { return false }
        guard let next = line.dropFirst(3).first else { return true }
        return next == UInt8(ascii: " ") || next == UInt8(ascii: "\t")
            || next == UInt8(ascii: "\r")
    }

    /// Whether anything but blanks and a comment stands on the line.
    private static func hasText(_ line: ArraySlice<UInt8>) -> Bool {
        for byte in line {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): continue
            case UInt8(ascii: "#"): return false
            default: return true
            }
        }
        return false
    }
}
