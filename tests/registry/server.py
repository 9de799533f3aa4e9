#!/usr/bin/env python3
"""A registry for tests that behaves as badly as it is told to by the name of the repository.

  server.py --ready FILE --log FILE [--tls CERT KEY] [--clients CA] [--other URL] [--user NAME:PASSWORD]

Listens on a free port of 127.0.0.1 and writes the number to FILE. Every request is a line of JSON in the log. Each repository
has an image of two layers under every tag; MODES below says what is wrong with it. Repositories below token/ want a bearer
token, those below basic/ a password (access.py); those below upload/ take images (uploads.py).
"""
import argparse
import gzip
import hashlib
import http.server
import io
import json
import os
import socket
import ssl
import sys
import tarfile
import threading
import time
import urllib.parse

import access
import uploads

MODES = """
ok               nothing
wrong-bytes      a layer has one bit flipped
wrong-config     the configuration has
short            each answer with the big layer ends in the middle
short-once       the first does; Range is understood
no-range         the first does; Range is not understood
bad-range        the first does; another range comes than was asked for
longer           the layer has more bytes than the manifest says, without Content-Length
length           Content-Length is not the descriptor's size
size             the descriptor's size is not the blob's
negative         the descriptor's size is negative
drip             the layer comes at five bytes a second
stall            the layer stops in the middle
stall-manifest   the manifest never comes
endless          the manifest never ends
endless-config   the configuration never ends
loop             a blob is redirected to itself
cross            a blob is redirected to the other server
file             a blob is redirected to file:///etc/passwd
down             a blob is redirected to the other server, which is plain http
busy             503 for ever
busy-once        the first answers are 429 with Retry-After
busy-long        429 with a Retry-After of a day
pages            the list of tags never ends
failing-once     the first answers are 500
giant            a manifest of 5 MiB
confused         a manifest that is an index, too
twice            duplicate keys
nested           a deeply nested manifest
type             Content-Type is not the manifest's
inner-type       mediaType in the manifest is not Content-Type
kind             a layer of unknown media type
artifact         the configuration is no image's
header           Docker-Content-Digest is another one
md5              a digest of another algorithm, with a path in it
moved            by digest another manifest comes than by tag
described        the index describes another manifest
layers           more layers than the configuration says
diff             a diff id that is not the layer's
headers          a hundred thousand headers
schema1          an old manifest
many             an index for two platforms and an attestation
garbage          the layer is no archive
unknown          there is no such repository
"""
NAMES = [line.split()[0] for line in MODES.strip().splitlines()]
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
BIG = 3_000_000


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    plain = out.getvalue()
    return plain, gzip.compress(plain, 1, mtime=0)


def noise(seed, size):
    out, block = bytearray(), seed.encode()
    while len(out) < size:
        block = hashlib.sha512(block).digest()
        out += block
    return bytes(out[:size])


class Image:
    """Blobs and manifests of one repository."""

    def __init__(self, name):
        self.mode = name.rsplit("/", 1)[-1] if name.rsplit("/", 1)[-1] in NAMES else "ok"
        layers = [layer([("etc/name", name.encode())]), layer([("big", noise("big", BIG))])]
        if self.mode == "garbage":
            layers[1] = (noise("x", 100_000), noise("x", 100_000))
        self.blobs, self.manifests = {}, {}
        diff_ids = [digest(plain) for plain, _ in layers]
        if self.mode == "diff":
            diff_ids[0] = digest(b"other")
        if self.mode == "layers":
            diff_ids.pop()
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/big"]},
                             "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()
        parts = [self.blob(packed, LAYER) for _, packed in layers]
        self.big = parts[1]["digest"]
        self.config = digest(config)
        self.top = self.spoil(self.manifest(self.blob(config, CONFIG), parts), config, parts)

    def blob(self, data, media_type):
        self.blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def manifest(self, config, parts):
        return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": parts}

    def add(self, document, media_type):
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.manifests[digest(data)] = (data, media_type)
        return digest(data)

    def index(self, manifest, platform=("linux", "amd64"), size=0):
        data = json.dumps(manifest).encode()
        self.add(data, MANIFEST)
        return {"mediaType": MANIFEST, "digest": digest(data), "size": len(data) + size,
                "platform": {"os": platform[0], "architecture": platform[1]}}

    def spoil(self, manifest, config, parts):
        mode, part = self.mode, parts[0]
        if mode == "size":
            part["size"] = 10
        elif mode == "negative":
            part["size"] = -5
        elif mode == "kind":
            part["mediaType"] = "application/x-other"
        elif mode == "artifact":
            manifest["config"]["mediaType"] = "application/vnd.oci.empty.v1+json"
        elif mode == "md5":
            part["digest"] = "md5:../../../../etc/passwd"
        elif mode == "confused":
            manifest["manifests"] = []
        elif mode == "inner-type":
            manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
        elif mode == "type":
            return self.add(manifest, INDEX)
        elif mode == "twice":
            return self.add(json.dumps(manifest).replace("{", '{"schemaVersion": 2, ', 1).encode(), MANIFEST)
        elif mode == "nested":
            return self.add(b'{"schemaVersion":2,"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}", MANIFEST)
        elif mode == "giant":
            return self.add({**manifest, "annotations": {"x": "y" * (5 << 20)}}, MANIFEST)
        elif mode == "schema1":
            return self.add({"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+prettyjws")
        elif mode in ("moved", "described"):
            entry = self.index(manifest, size=1 if mode == "described" else 0)
            return self.add({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}, INDEX)
        elif mode == "many":
            other = json.loads(json.dumps(manifest))
            other["config"] = self.blob(config.replace(b"amd64", b"arm64"), CONFIG)
            entries = [self.index({"schemaVersion": 2}, ("unknown", "unknown")), self.index(other, ("linux", "arm64")),
                       self.index(manifest)]
            return self.add({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, INDEX)
        return self.add(manifest, MANIFEST)


class Registry(http.server.ThreadingHTTPServer):
    daemon_threads = True
    images, repositories, seen, lock = {}, {}, {}, threading.Lock()
    three = threading.Barrier(3)

    def image(self, name):
        with self.lock:
            if name not in self.images:
                self.images[name] = Image(name)
            return self.images[name]

    def first(self, key, times=1):
        """True the first time (or times) that this is asked."""
        with self.lock:
            self.seen[key] = self.seen.get(key, 0) + 1
            return self.seen[key] <= times

    def handle_error(self, request, client_address):
        pass


class Handler(access.Access, uploads.Uploads, http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, form=None):
        line = json.dumps({"method": self.command, "path": self.path, "headers": dict(self.headers.items()),
                           **({"form": form} if form else {})})
        with self.server.lock, open(self.server.options.log, "a") as log:
            log.write(line + "\n")

    def answer(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if length is None:
            length = len(body)
        if length >= 0:
            self.send_header("Content-Length", str(length))
        else:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, message, headers=()):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(status, body, [("Content-Type", "application/json"), *headers])

    def cut(self, body, total, wait=0.0):
        """Says that `total` bytes follow, sends fewer."""
        self.answer(200, body, length=total)
        self.wfile.flush()
        time.sleep(wait)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def base(self):
        scheme = "https" if self.server.options.tls else "http"
        return f"{scheme}://{self.headers['Host']}"

    def do_search(self, query):
        names = [("nginx", "Official build of Nginx.\nSecond line", 20000, True), ("some/nginx-\x1b[31mproxy", "x" * 80, 3, False),
                 ("other/nginx", "", 0, False)]
        found = [{"name": n, "description": d, "star_count": s, "is_official": o, "is_automated": False}
                 for n, d, s, o in names if query["q"][0] in n]
        self.answer(200, json.dumps({"num_results": len(found), "query": query["q"][0], "results": found}).encode())

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.note()
        if self.path.startswith("/v2/upload/"):
            return self.do_upload()
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        if url.path == "/token":
            return self.do_token(query)
        if url.path == "/v1/search":
            return self.do_search(query)
        if url.path.startswith("/foreign/"):  # where other servers redirect to
            return self.answer(200, self.server.image("cross").blobs[url.path[len("/foreign/"):]])
        if not url.path.startswith("/v2/"):
            return self.error(404, "UNSUPPORTED", "not found")
        path = url.path[len("/v2/"):]
        if not path or not self.is_allowed(path):
            return None if path else self.answer(200, b"{}")
        for kind in ("/manifests/", "/blobs/", "/tags/"):
            name, found, what = path.partition(kind)
            if found:
                return getattr(self, "give_" + kind.strip("/"))(self.server.image(name), name, what, query)
        return self.error(404, "NAME_UNKNOWN", "repository name not known to registry")

    def give_tags(self, image, name, what, query):
        if image.mode == "pages":
            tags = [f"t{i}" for i in range(40_000)]
            return self.answer(200, json.dumps({"name": name, "tags": tags}).encode(), [("Link", f'<{self.path}>; rel="next"')])
        if query.get("last"):
            return self.answer(200, json.dumps({"name": name, "tags": ["two"]}).encode())
        link = f'</v2/{name}/tags/list?last=one&n=1>; rel="next"'
        return self.answer(200, json.dumps({"name": name, "tags": ["one"]}).encode(), [("Link", link)])

    def give_manifests(self, image, name, what, query):
        mode = image.mode
        if mode == "busy" or (mode == "failing-once" and self.server.first(("failing", name))):
            return self.error(500 if mode == "failing-once" else 503, "UNAVAILABLE", "come back later")
        if mode == "busy-long":
            return self.error(429, "TOOMANYREQUESTS", "slow down", [("Retry-After", "86400")])
        if mode == "busy-once" and self.server.first(("busy", name)):
            return self.error(429, "TOOMANYREQUESTS", "slow down", [("Retry-After", "1")])
        if mode == "stall-manifest":
            time.sleep(60)
        if mode == "headers":
            return self.answer(200, b"", [(f"X-{i}", "y" * 50) for i in range(100_000)])
        if mode == "endless":
            return self.endless()
        if mode == "unknown":
            return self.error(404, "NAME_UNKNOWN", "repository name not known to registry")
        if what == "missing":
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        key = what if what.startswith("sha256:") else image.top
        if key not in image.manifests:
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        data, media_type = image.manifests[key]
        if mode == "moved" and key != image.top:
            data = data.replace(b"schemaVersion", b"schemaversion")
        said = digest(b"other") if mode == "header" else digest(data)
        return self.answer(200, data, [("Content-Type", media_type), ("Docker-Content-Digest", said)])

    def endless(self):
        self.answer(200, b"{", [("Content-Type", MANIFEST)], length=-1)
        while True:
            self.wfile.write(b" " * 65536)

    def give_blobs(self, image, name, what, query):
        data = image.blobs.get(what)
        if data is None:
            return self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if what == image.config:
            if image.mode == "endless-config":
                return self.endless()
            if image.mode == "wrong-config":
                data = data.replace(b"linux", b"minux")
        if what != image.big:
            return self.answer(200, data)
        return self.give_big(image.mode, name, what, data)

    def give_big(self, mode, name, what, data):
        start = 0
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and mode not in ("no-range", "short"):
            start = int(wanted[len("bytes="):].split("-")[0])
        target = {"loop": self.path, "file": "file:///etc/passwd",
                  "cross": f"{self.server.options.other}/foreign/{what}",
                  "down": f"{self.server.options.other}/foreign/{what}"}.get(mode)
        if target:
            return self.answer(307, b"", [("Location", target)])
        if mode == "wrong-bytes":
            data = data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]
        half = len(data) // 2
        if mode == "short" or (mode in ("short-once", "no-range", "bad-range") and self.server.first((mode, name))):
            return self.cut(data[:half], len(data))
        if mode == "stall":
            return self.cut(data[:half], len(data), 60)
        if mode == "drip":
            self.answer(200, b"", length=len(data))
            for i in range(300):  # never as long without a byte as the client waits for one
                self.wfile.write(data[i:i + 1])
                time.sleep(0.2)
        if mode == "longer":
            return self.answer(200, data + b"more", length=-1)
        if mode == "length":
            return self.answer(200, data + b"more")
        if start:
            said = start + (1 if mode == "bad-range" else 0)
            return self.answer(206, data[start:], [("Content-Range", f"bytes {said}-{len(data) - 1}/{len(data)}")])
        return self.answer(200, data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--clients", metavar="CA", help="with --tls: whoever has no certificate of it is refused")
    parser.add_argument("--other", default="")
    parser.add_argument("--user", default="me:secret")
    options = parser.parse_args()
    server = Registry(("127.0.0.1", 0), Handler)
    server.options = options
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        if options.clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(options.clients)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(options.ready + ".new", "w") as ready:
        ready.write(str(server.server_address[1]))
    os.rename(options.ready + ".new", options.ready)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
