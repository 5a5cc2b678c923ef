// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import MeshControl

@Suite("getting documents from the web")
struct WebClientTests {
    @Test(
        "nothing is fetched from where only this machine, or its cloud, can be asked",
        arguments: [
            "169.254.169.254", "169.254.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "fe80::1",
            "ff02::1", "::", "::ffff:169.254.169.254", "fd00:ec2::254", "127.0.0.1", "::1",
            "::ffff:127.0.0.1", "example.com", "",
        ])
    func refused(_ address: String) {
        #expect(!WebClient.mayConnect(to: address, isLocal: false))
    }

    @Test(
        "an issuer may be in a private network",
        arguments: ["10.0.0.1", "192.168.1.1", "93.184.216.34", "fd12::1", "2001:db8::1"])
    func allowed(_ address: String) {
        #expect(WebClient.mayConnect(to: address, isLocal: false))
    }

    @Test("loopback is for URLs that say so", arguments: ["127.0.0.1", "127.9.9.9", "::1"])
    func local(_ address: String) {
        #expect(WebClient.mayConnect(to: address, isLocal: true))
        #expect(!WebClient.mayConnect(to: "169.254.169.254", isLocal: true))
    }
}
