// SPDX-License-Identifier: Apache-2.0

/// The list of functions in Docs/cel.md, written from the table that the checker uses.
package enum FunctionReference {
    /// The chapters, in Markdown.
    package static func markdown() -> String {
        FunctionTable.groups.map { group in
            let lines = group.signatures.compactMap(Signature.init).map(line)
            return "### \(group.title)\n\n```\n" + lines.joined(separator: "\n") + "\n```\n"
        }.joined(separator: "\n")
    }

    private static func line(_ signature: Signature) -> String {
        let parameters = signature.parameters.map(\.description)
        let result = " → \(signature.result)"
        let isOperator = signature.name.utf8.first == UInt8(ascii: "_")
        if isOperator || signature.name == "!_" || signature.name == "-_" {
            let mark = signature.name.split(separator: "_").joined()
            return parameters.count == 1
                ? mark + parameters[0] + result
                : parameters[0] + " \(mark) " + parameters[1] + result
        }
        if signature.name == "math.greatest" || signature.name == "math.least" {
            return "\(signature.name)(numbers…)\(result)"
        }
        guard signature.isMember else {
            return "\(signature.name)(\(parameters.joined(separator: ", ")))\(result)"
        }
        let rest = parameters.dropFirst().joined(separator: ", ")
        return "\(parameters[0]).\(signature.name)(\(rest))\(result)"
    }
}
