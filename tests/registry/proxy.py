#!/usr/bin/env python3
"""A proxy for tests: CONNECT to any name leads to that port of 127.0.0.1.

  proxy.py --ready FILE --log FILE [--refuse]

Listens on a free port of 127.0.0.1 and writes the number to FILE. Every request is a line of JSON in the log.
"""
import argparse
import json
import os
import selectors
import socket
import socketserver
import sys


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode().strip()
        headers = {}
        while True:
            header = self.rfile.readline().decode().strip()
            if not header:
                break
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        with open(self.server.options.log, "a") as log:
            log.write(json.dumps({"line": line, "headers": headers}) + "\n")
        method, target, _ = line.split()
        if method != "CONNECT" or self.server.options.refuse:
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", int(target.rsplit(":", 1)[1]))) as far:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.relay(far)

    def relay(self, far):
        ends = {self.connection: far, far: self.connection}
        with selectors.DefaultSelector() as selector:
            for end in ends:
                selector.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    ends[key.fileobj].sendall(data)


class Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--refuse", action="store_true")
    options = parser.parse_args()
    server = Proxy(("127.0.0.1", 0), Handler)
    server.options = options
    with open(options.ready + ".new", "w") as ready:
        ready.write(str(server.server_address[1]))
    os.rename(options.ready + ".new", options.ready)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
