// SPDX-License-Identifier: Apache-2.0

import Foundation

/// One value of a listing.
enum Cell {
    case text(String)
    case number(Int)

    /// The value as a person reads it.
    var plain: String {
        switch self {
        case .text(let text): text
        case .number(let number): "\(number)"
        }
    }

    /// The value as JSON; also valid YAML.
    var json: String {
        switch self {
        case .number(let number): return "\(number)"
        case .text(let text):
            var out = "\""
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"": out += "\\\""
                case "\\": out += "\\\\"
                case "\n": out += "\\n"
                case "\t": out += "\\t"
                case _ where scalar.value < 0x20:
                    out += "\\u" + String(format: "%04x", scalar.value)
                default: out.unicodeScalars.append(scalar)
                }
            }
            return out + "\""
        }
    }
}

/// Listings in the three output formats.
enum Table {
    /// Rows of named cells as JSON or YAML.
    static func rendered(_ rows: [[(String, Cell)]], as format: OutputFormat) -> String {
        switch format {
        case .json:
            let objects = rows.map { row in
                "{" + row.map { "\"\($0.0)\":\($0.1.json)" }.joined(separator: ",") + "}"
            }
            return "[" + objects.joined(separator: ",\n ") + "]"
        case .yaml:
            if rows.isEmpty { return "[]" }
            return rows.map { row in
                row.enumerated().map { index, cell in
                    (index == 0 ? "- " : "  ") + "\(cell.0): \(cell.1.json)"
                }.joined(separator: "\n")
            }.joined(separator: "\n")
        case .text: return aligned(rows)
        }
    }

    /// Rows as columns under upper-case names, as kubectl prints them.
    static func aligned(_ rows: [[(String, Cell)]]) -> String {
        guard let first = rows.first else { return "nothing found" }
        var lines = [first.map { $0.0.uppercased() }]
        for row in rows { lines.append(row.map { $0.1.plain.isEmpty ? "-" : $0.1.plain }) }
        let widths = first.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            line.enumerated().map { column, text in
                column == line.count - 1
                    ? text : text + String(repeating: " ", count: widths[column] - text.count + 3)
            }.joined()
        }.joined(separator: "\n")
    }
}
