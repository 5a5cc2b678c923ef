// SPDX-License-Identifier: Apache-2.0

/// Writes the few elements of SVG that charts need. Colours are names of style classes, so that
/// one file suits light and dark surroundings.
///
/// **Source**: SVG 1.1; `prefers-color-scheme` of Media Queries 5 also holds in an `<img>`.
struct SVG {
    /// The elements so far.
    private(set) var body = ""

    /// A number with at most one digit behind the point.
    static func number(_ value: Double) -> String {
        guard value.isFinite else { return "0" }
        let tenths = Int64((value * 10).rounded())
        let (whole, part) = tenths.magnitude.quotientAndRemainder(dividingBy: 10)
        let sign = tenths < 0 ? "-" : ""
        return part == 0 ? "\(sign)\(whole)" : "\(sign)\(whole).\(part)"
    }

    /// `text` with what XML reserves written out.
    static func escaped(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.append(character)
            }
        }
        return out
    }

    /// Where a text begins, ends or has its middle.
    enum Anchor: String {
        case start
        case middle
        case end
    }

    mutating func text(
        _ text: String, x: Double, y: Double, style: String, anchor: Anchor = .start
    ) {
        let place = "x=\"\(Self.number(x))\" y=\"\(Self.number(y))\""
        let side = anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\""
        body += "<text \(place) class=\"\(style)\"\(side)>\(Self.escaped(text))</text>\n"
    }

    mutating func line(from a: (Double, Double), to b: (Double, Double), style: String) {
        let ends = [("x1", a.0), ("y1", a.1), ("x2", b.0), ("y2", b.1)]
        let places = ends.map { "\($0.0)=\"\(Self.number($0.1))\"" }.joined(separator: " ")
        body += "<line \(places) class=\"\(style)\"/>\n"
    }

    mutating func rectangle(
        x: Double, y: Double, width: Double, height: Double, style: String
    ) {
        let sides = [("x", x), ("y", y), ("width", width), ("height", height)]
        let places = sides.map { "\($0.0)=\"\(Self.number($0.1))\"" }.joined(separator: " ")
        body += "<rect \(places) class=\"\(style)\"/>\n"
    }

    mutating func path(_ commands: String, style: String, attributes: String = "") {
        guard !commands.isEmpty else { return }
        body += "<path d=\"\(commands)\" class=\"\(style)\"\(attributes)/>\n"
    }

    /// The document of all elements.
    func document(width: Double, height: Double, title: String, description: String) -> String {
        let size = "\(Self.number(width)) \(Self.number(height))"
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(size)" role="img" \
            font-family="system-ui, sans-serif" font-size="12">
            <title>\(Self.escaped(title))</title>
            <desc>\(Self.escaped(description))</desc>
            <style>
            \(Self.style)
            </style>
            <rect width="100%" height="100%" class="paper"/>
            \(body)</svg>

            """
    }

    /// Blue and orange stay apart for every kind of colour vision, on white and on black.
    private static let style = """
        .paper{fill:#fff}.ink{fill:#1f2937}.soft{fill:#6b7280}.head{fill:#1f2937;font-weight:600}
        .title{fill:#1f2937;font-weight:600;font-size:16px}.grid{stroke:#e5e7eb}
        .axis{stroke:#9ca3af}.l0,.l1,.sent{fill:none;stroke-width:1.8;stroke-linejoin:round}
        .l0{stroke:#1d4ed8}.l1{stroke:#c2410c}.f0{fill:#1d4ed8}.f1{fill:#c2410c}
        .sent{stroke:#9ca3af}.low{stroke-dasharray:3 3;stroke-width:1.3}
        @media(prefers-color-scheme:dark){.paper{fill:#0f172a}.ink,.head,.title{fill:#e5e7eb}
        .soft{fill:#9ca3af}.grid{stroke:#1e293b}.axis{stroke:#64748b}.l0{stroke:#60a5fa}
        .l1{stroke:#fb923c}.f0{fill:#60a5fa}.f1{fill:#fb923c}.sent{stroke:#64748b}}
        """
}
