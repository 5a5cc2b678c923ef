// SPDX-License-Identifier: Apache-2.0

import MeshModel
import Testing

@Suite struct ResidencyMistakesTests {
    @Test(
        "a mistake of a ResidencyPolicy is reported where it is",
        arguments: Self.shapes + Self.sources + Self.places)
    func reported(mistake: Mistake) {
        let found = diagnose(mistake.plain)
        #expect(found.map(\.line) == mistake.lines, "\(found)")
        #expect(found.contains { $0.message.contains(mistake.message) }, "\(found)")
        #expect(found.allSatisfy { !$0.remedy.isEmpty && !$0.resource.isEmpty })
    }

    @Test("a policy without a mistake is taken")
    func sound() {
        #expect(diagnose(Self.mesh + Self.policy("sources: [{header: x-label}]")) == [])
    }

    @Test("more labels than there are bits are too many")
    func tooMany() {
        let policies = (0...64).map {
            Self.policy("sources: [{header: x-label}]", name: "p\($0)", label: "l\(100 + $0)")
        }
        let found = diagnose(Self.mesh + policies.joined())
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.message == "there are 65 data labels, more than 64")
    }

    /// A ResidencyPolicy with one more line of `spec`.
    private static func policy(
        _ more: String, allow: String = "allow: {regions: [eu]}", name: String = "p",
        label: String = "phi"
    ) -> String {
        """
        apiVersion: pinion.dev/v1alpha1
        kind: ResidencyPolicy
        metadata: {name: \(name)}
        spec:
          label: \(label)
          \(more)
          \(allow)
        ---

        """
    }

    private static func expression(_ text: String) -> String {
        "sources: [{expression: \"\(text)\"}]"
    }

    /// A Gateway with a Model `m` on a Backend in eu, and a route `r` to a Backend of plain HTTP
    /// in us.
    private static let mesh =
        Piece.gateway + labelled(Piece.llm, "region: eu, jurisdiction: \"EU, CH\"")
        + Piece.model("m") + labelled(Piece.web, "region: us") + Piece.route("r")

    private static func labelled(_ backend: String, _ labels: String) -> String {
        backend.replacing("  endpoints:", with: "  labels: {\(labels)}\n  endpoints:")
    }

    private static let header = "sources: [{header: x-label}]"

    static let shapes: [Mistake] = [
        Mistake("`Phi`", mesh + policy(header, label: "Phi <<<")),
        Mistake(
            "unknown field", mesh + policy(header, allow: "allow: {region: eu, anywhere: true} <<<")
        ),
        Mistake("the source says nothing", mesh + policy("sources: [{}] <<<")),
        Mistake(
            "the source names several ways",
            mesh + policy("sources: [{header: a, expression: \"true\"}] <<<")),
        Mistake(
            "nothing says where the data may go", mesh + policy(header, allow: "allow: {} <<<")),
        Mistake(
            "nothing says where",
            mesh + policy(header, allow: "allow: {anywhere: false} <<<")),
        Mistake(
            "`anywhere` is written beside",
            mesh + policy(header, allow: "allow: {anywhere: true, regions: [eu]} <<<")),
        Mistake("`Backend`", mesh + policy(target("Backend", "web") + " <<<")),
    ]

    static let sources: [Mistake] = [
        Mistake("undeclared name", mesh + policy(expression("request.pth == ''") + " <<<")),
        Mistake(
            "is int and no label can be", mesh + policy(expression("request.size + 1") + " <<<")),
        Mistake(
            "`data.labels` is not known yet",
            mesh + policy(expression("'phi' in data.labels") + " <<<")),
        Mistake(
            "`destination.region` is not known yet",
            mesh + policy(expression("destination.region == 'eu'") + " <<<")),
        Mistake("the same of every request", mesh + policy(expression("true") + " <<<")),
        Mistake(
            "the expression reads bodies, and those on HTTPRoute `default/r` are not read",
            mesh + policy(expression("ai.model == 'm'") + " <<<")),
        Mistake(
            "`collectionPath` means nothing",
            mesh + policy("sources: [{header: a, collectionPath: \"/c/{collection}\"}] <<<")),
        Mistake(
            "is no template of a path",
            mesh + policy("sources: [{collections: [a], collectionPath: /c/x}] <<<")),
        Mistake(
            "`a/b` is no name of a collection",
            mesh + policy("sources: [{collections: [a/b]}] <<<")),
        Mistake(
            "`a*b` is no name of a collection",
            mesh + policy("sources: [{collections: [\"a*b\"]}] <<<")),
        Mistake(
            "there is no Backend `none`",
            mesh + policy("sources: [{classifier: {backendRef: {name: none}}}] <<<")),
        Mistake(
            "waits that long",
            mesh
                + policy(
                    "sources: [{classifier: {backendRef: {name: llm}, timeout: 60s}}] <<<")),
        Mistake(
            "bodies on HTTPRoute `default/r` are not read and so not classified",
            mesh + policy("sources: [{classifier: {backendRef: {name: llm}}}] <<<")),
        Mistake("no request ever carries", mesh + policy("", label: "phi <<<")),
        Mistake("there is no Model `n`", mesh + policy(target("Model", "n") + " <<<")),
        Mistake(
            "named twice",
            mesh
                + policy(
                    "targetRefs:\n    - {group: pinion.dev, kind: Model, name: m}\n"
                        + "    - {group: pinion.dev, kind: Model, name: m} <<<")),
    ]

    static let places: [Mistake] = [
        Mistake(
            "no endpoint has the region `eu-west`",
            mesh + policy(header, allow: "allow: {regions: [eu, eu-west]} <<<")),
        Mistake(
            "no endpoint has the region `ap-*`",
            mesh + policy(header, allow: "allow: {regions: [\"e*\", \"ap-*\"]} <<<")),
        Mistake(
            "no endpoint has the jurisdiction `DE`",
            mesh + policy(header, allow: "allow: {jurisdictions: [EU, CH, DE]} <<<")),
        Mistake(
            "no endpoint has the provider `vllm`",
            mesh + policy(header, allow: "allow: {providers: [openai, vllm]} <<<")),
    ]

    private static func target(_ kind: String, _ name: String) -> String {
        "targetRefs: [{group: pinion.dev, kind: \(kind), name: \(name)}]"
    }
}
