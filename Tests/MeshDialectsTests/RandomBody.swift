// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A random request body: the members that the mesh acts on among others, in any order, with
/// escapes and white space wherever JSON allows them.
struct RandomBody {
    let text: String
    var bytes: [UInt8] { Array(text.utf8) }

    init(using random: inout SplitMix64) {
        var members: [(String, String)] = []
        func pick(_ choices: [String]) -> String { choices[random.below(choices.count)] }
        if random.below(8) > 0 {
            members.append(
                (
                    pick(["model", "model", #"mo\u0064el"#]),
                    pick([#""m""#, #""a\"b\\""#, #""gr\u00fc\u00dfe""#, #""日本""#, "\"\"", "null"])
                ))
        }
        if random.below(2) > 0 { members.append(("stream", pick(["true", "false", "null"]))) }
        if random.below(2) > 0 {
            let inner = ["include_usage", "other", "a b"].filter { _ in random.below(2) > 0 }
            let parts = inner.map { name in
                (
                    name,
                    name == "include_usage"
                        ? pick(["true", "false", "null"]) : pick(["1", "{}", #""x""#])
                )
            }
            members.append(("stream_options", Self.object(parts, using: &random)))
        }
        let others = [
            ("messages", #"[{"role":"user","content":"the \"model\": \\"},{"model":"x"}]"#),
            ("temperature", "0.5"), ("user", #""u\n""#), ("max_tokens", "17"), ("n", "1"),
            ("metadata", #"{"model":"inner","stream_options":{"include_usage":false}}"#),
            ("stop", #"["}","{","\u005d"]"#), ("tools", "[]"), ("größe", "null"),
        ]
        for other in others where random.below(3) > 0 { members.append(other) }
        members.shuffle(using: &random)
        text =
            Self.space(using: &random) + Self.object(members, using: &random)
            + Self.space(using: &random)
    }

    private static func object(
        _ members: [(String, String)], using random: inout SplitMix64
    ) -> String {
        var parts: [String] = []
        for (name, value) in members {
            var part = space(using: &random) + "\"\(name)\"" + space(using: &random) + ":"
            part += space(using: &random) + value + space(using: &random)
            parts.append(part)
        }
        return "{" + (parts.isEmpty ? space(using: &random) : parts.joined(separator: ",")) + "}"
    }

    private static func space(using random: inout SplitMix64) -> String {
        ["", "", "", " ", "\n", "\t \r\n"][random.below(6)]
    }
}
