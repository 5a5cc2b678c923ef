// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

@Suite struct FieldNameTests {
    @Test("every known name is recognised in any case and at the end of the bytes")
    func recognises() {
        for name in FieldName.allCases where name != .other {
            let text = "\(name.text)"
            let mixed = text.enumerated().map { $0 % 2 == 0 ? $1.uppercased() : "\($1)" }.joined()
            for spelling in [text, text.uppercased(), mixed] {
                let bytes = latin(spelling)
                let range = ByteRange(0, bytes.count)
                #expect(FieldName.recognised(bytes.span.bytes, range) == name, "\(spelling)")
                let padded = latin("xx") + bytes + latin("zzzzzzzzzz")
                let inner = ByteRange(2, 2 + bytes.count)
                #expect(FieldName.recognised(padded.span.bytes, inner) == name, "\(spelling)")
            }
        }
    }

    @Test("a name with one letter changed is not recognised")
    func refusesNear() {
        let spellings = Set(FieldName.allCases.map { "\($0.text)" })
        for name in FieldName.allCases where name != .other {
            let bytes = latin("\(name.text)")
            for i in bytes.indices {
                for other in [UInt8(ascii: "q"), UInt8(ascii: "_"), bytes[i] ^ 1] {
                    var changed = bytes
                    changed[i] = other
                    let text = changed.span.bytes.text
                    guard !spellings.contains(text.lowercased()) else { continue }
                    let range = ByteRange(0, changed.count)
                    #expect(FieldName.recognised(changed.span.bytes, range) == .other, "\(text)")
                }
            }
        }
    }

    @Test("all names fit one word")
    func fits() {
        #expect(FieldName.allCases.count <= 64)
        for (i, name) in FieldName.allCases.enumerated() { #expect(Int(name.rawValue) == i) }
    }

    @Test("a field set tells its members")
    func set() {
        let set = FieldSet(names: [.host, .te])
        #expect(set.contains(.host) && set.contains(.te) && !set.contains(.connection))
        #expect(FieldSet.hopByHop.contains(.transferEncoding))
        #expect(FieldSet.hopByHop.isDisjoint(with: .protected))
    }
}
