// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import MeshModel

@Suite struct ReferenceTests {
    private static let root = URL(filePath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test("Docs/configuration.md is the text that the shapes give") func markdown() throws {
        let file = Self.root.appending(path: "Docs/configuration.md")
        let text = ResourceReference.markdown()
        if ProcessInfo.processInfo.environment["GOLDEN"] == "accept" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
    }

    @Test("the schema is JSON, and every reference in it resolves") func schema() throws {
        let object = try JSONSerialization.jsonObject(with: Data(ResourceSchema.json().utf8))
        let schema = try #require(object as? [String: Any])
        let alternatives = try #require(schema["oneOf"] as? [[String: String]])
        let definitions = try #require(schema["$defs"] as? [String: Any])
        #expect(alternatives.count == Kind.allCases.count)
        for alternative in alternatives {
            let name = try #require(alternative["$ref"]?.split(separator: "/").last)
            #expect(definitions[String(name)] != nil)
        }
    }

    @Test("every object of the schema refuses unknown properties") func closed() throws {
        let object = try JSONSerialization.jsonObject(with: Data(ResourceSchema.json().utf8))
        func objects(_ value: Any) -> [[String: Any]] {
            if let list = value as? [Any] { return list.flatMap(objects) }
            guard let object = value as? [String: Any] else { return [] }
            return [object] + object.values.flatMap(objects)
        }
        let shapes = objects(object).filter { $0["properties"] is [String: Any] }
        #expect(shapes.count > 40)
        for shape in shapes {
            #expect(shape["additionalProperties"] as? Bool == false)
            let properties = try #require(shape["properties"] as? [String: Any])
            for name in shape["required"] as? [String] ?? [] {
                #expect(properties[name] != nil, "\(name)")
            }
        }
    }

    @Test("every field has a note of one line without a full stop") func notes() {
        func check(_ fields: [Field], _ path: String) {
            for field in fields {
                #expect(!field.note.isEmpty && field.note.last != ".", "\(path).\(field.name)")
                #expect(!field.note.contains("\n"))
                switch field.shape {
                case .object(let inner), .list(.object(let inner), _):
                    check(inner, "\(path).\(field.name)")
                default: break
                }
            }
        }
        for kind in Kind.allCases { check(kind.spec, kind.rawValue) }
    }

    @Test("JSON text is escaped and broken at 100 columns") func json() throws {
        let value = JSONText.object([
            .init("a\"b\\", .text("\u{1}\n\u{7F}ö")), .init("n", .list([.null, .number(-3)])),
            .init("long", .list((0..<60).map { .number($0) })),
        ])
        let text = value.rendered
        let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        #expect(parsed?["a\"b\\"] as? String == "\u{1}\n\u{7F}ö")
        #expect((parsed?["long"] as? [Int])?.count == 60)
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    }
}
