// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshDialects
import Testing

@Suite("The list of models")
struct ModelListTests {
    @Test("a list parses and keeps names, owners and order", arguments: [0, 1, 3])
    func list(count: Int) throws {
        let names = ["small", "org/\"odd\"\n", "größe"].prefix(count)
        var out: [UInt8] = []
        ModelList.append(
            names.map { ModelList.Entry(id: Array($0.utf8), owner: "team \"\($0)\"") }, to: &out)
        let list = try object(out)
        #expect(list["object"] as? String == "list")
        let data = try #require(list["data"] as? [[String: Any]])
        #expect(data.map { $0["id"] as? String } == names.map { $0 })
        #expect(data.map { $0["owned_by"] as? String } == names.map { "team \"\($0)\"" })
        #expect(data.allSatisfy { $0["object"] as? String == "model" && $0["created"] is Int })
    }

    @Test("one model is an object of its own")
    func one() throws {
        var out: [UInt8] = []
        ModelList.append(ModelList.Entry(id: Array("m".utf8), owner: "pinion"), to: &out)
        #expect(try object(out)["id"] as? String == "m")
    }
}
