# SPDX-License-Identifier: Apache-2.0
"""Runs llama.cpp's own HTTP server on loopback until it is told to end.

usage: run_llama.py MODEL.gguf PORT
"""

import signal
import sys
import threading

import xllamacpp


def main(model, port):
    """Serves `model` on `port`, text and embeddings alike."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(port)
    parameters.n_ctx = 4096
    parameters.n_parallel = 4
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.warmup = False
    parameters.offline = True
    parameters.ui = False
    parameters.embedding = True
    parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    server = xllamacpp.Server(parameters)
    print("listening on", server.listening_address, flush=True)
    while not ended.wait(1):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
