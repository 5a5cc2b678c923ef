// SPDX-License-Identifier: Apache-2.0

import Glibc

extension Proxy {
    /// Opens one socket for each loop on the same port; the kernel spreads connections over them.
    /// Nothing is accepted before `startAccepting`.
    func listen(
        address: String, port: UInt16, number: Int, loops: [Loop]
    ) throws -> [Listener] {
        do {
            guard let place = InternetAddress(address, port: port) else {
                throw ListenFailure.notAnAddress
            }
            let handed = takeHanded(address: address, port: port)
            if !handed.isEmpty {
                return handed.map { loop, descriptor in
                    Listener(sockets: loop.sockets, adopting: descriptor) { accepted, peer in
                        ClientHandler(loop: loop, socket: number, peer: peer).open(accepted)
                    }
                }
            }
            // With SO_REUSEPORT alone the kernel would let two proxies share a port without a word.
            try Listener(sockets: loops[0].sockets, address: place, sharing: false) { _, _ in }
                .closeUnused()
            return try loops.map { loop in
                try Listener(sockets: loop.sockets, address: place, sharing: true) {
                    descriptor, peer in
                    ClientHandler(loop: loop, socket: number, peer: peer).open(descriptor)
                }
            }
        } catch {
            throw ProxyError.cannotListen(address: address, port: port, reason: "\(error)")
        }
    }

    /// One socket that listens on `port` of `address`, that of a former process if there is one.
    func listeningSocket(address: String, port: UInt16) throws(ListenFailure) -> Int32 {
        var handed = takeHanded(address: address, port: port).map(\.descriptor)
        if !handed.isEmpty {
            let first = handed.removeFirst()
            for other in handed { Glibc.close(other) }
            return first
        }
        guard let place = InternetAddress(address, port: port) else {
            throw ListenFailure.notAnAddress
        }
        return try Listener.open(place, sharing: false)
    }

    /// Lets sockets accept, once every loop knows what to do with a connection.
    func startAccepting(_ listeners: [Listener]) {
        for listener in listeners {
            listener.sockets.execute { [loops] in
                listener.start()
                let loop = loops.first { $0.sockets === listener.sockets }
                loop?.listeners[ObjectIdentifier(listener)] = listener
            }
        }
    }

    /// Closes listening sockets.
    func close(_ listeners: [Listener]) async {
        for listener in listeners {
            await listener.sockets.run { [loops] in
                let loop = loops.first { $0.sockets === listener.sockets }
                loop?.listeners[ObjectIdentifier(listener)] = nil
                listener.stop()
            }
        }
    }
}
