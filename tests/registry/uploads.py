"""The uploading half of server.py: repositories below upload/, each as bad as the last part of its name says."""
import hashlib
import socket
import threading
import time
import urllib.parse

MODES = """
plain         nothing is wrong
together      bytes are taken only when three uploads are under way at once
alone         bytes are taken only when no other upload is under way
break-once    the first upload breaks in the middle; the registry knows where
lost-once     the first upload breaks in the middle, and the registry has forgotten it
mixed-once    the first upload breaks in the middle, and the registry is wrong about where
break         every upload breaks after the same ten bytes
no-mount      whoever wants to mount a blob is refused
"""


class Uploads:
    """For a handler of http.server whose server has `lock`, `first()` and `repositories`."""

    def repository(self, name):
        with self.server.lock:
            return self.server.repositories.setdefault(name, {"blobs": {}, "manifests": {}, "sessions": {}, "opened": 0})

    def take_body(self, keep=None):
        """The request's body, or its first `keep` bytes; then the connection is cut."""
        length = int(self.headers.get("Content-Length", 0))
        data = self.rfile.read(length if keep is None else min(keep, length))
        if keep is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        return data

    def do_upload(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        path = url.path[len("/v2/"):]
        for kind in ("/blobs/uploads/", "/blobs/", "/manifests/"):
            name, found, what = path.partition(kind)
            if not found:
                continue
            at = self.repository(name)
            mode = name.rsplit("/", 1)[-1]
            if kind == "/blobs/uploads/":
                return self.session(at, mode, name, what, query)
            if kind == "/blobs/":
                data = at["blobs"].get(what)
                return self.answer(404) if data is None else self.answer(200, data)
            if self.command == "PUT":
                at["manifests"][what] = (self.take_body(), self.headers["Content-Type"])
                return self.answer(201)
            if what not in at["manifests"]:
                return self.answer(404)
            data, media_type = at["manifests"][what]
            return self.answer(200, data, [("Content-Type", media_type)])
        return self.error(404, "NAME_UNKNOWN", "repository name not known to registry")

    def session(self, at, mode, name, what, query):
        if self.command == "POST":
            return self.open_session(at, mode, name, query)
        if what not in at["sessions"]:
            self.take_body()
            return self.error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        data = at["sessions"][what]
        if self.command == "PATCH":
            return self.take_part(at, mode, name, what)
        if self.command == "PUT":
            data += self.take_body()
            wanted = query["digest"][0]
            del at["sessions"][what]
            if wanted != "sha256:" + hashlib.sha256(data).hexdigest():
                return self.error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
            at["blobs"][wanted] = bytes(data)
            return self.answer(201, b"", [("Location", f"/v2/{name}/blobs/{wanted}")])
        size = len(data) - (7 if mode == "mixed-once" else 0)
        return self.answer(204, b"", self.where(name, what, size), length=0)

    def where(self, name, what, size):
        return [("Location", f"/v2/{name}/blobs/uploads/{what}?_state={size}"), ("Range", f"0-{max(size - 1, 0)}")]

    def open_session(self, at, mode, name, query):
        if "mount" in query and mode == "no-mount":
            return self.error(403, "DENIED", "you may not read there")
        with self.server.lock:
            at["opened"] += 1
            what = f"session-{at['opened']}"
            at["sessions"][what] = bytearray()
        return self.answer(202, b"", self.where(name, what, 0))

    def take_part(self, at, mode, name, what):
        length = int(self.headers["Content-Length"])
        if mode == "together":
            try:
                self.server.three.wait(10)
            except threading.BrokenBarrierError:
                return self.error(400, "UNSUPPORTED", "not three at a time")
        if mode == "alone":
            with self.server.lock:
                at["open"] = at.get("open", 0) + 1
            time.sleep(0.1)  # for another one to come
            try:
                if at["open"] > 1:
                    self.take_body()
                    return self.error(400, "UNSUPPORTED", "not two at a time")
            finally:
                with self.server.lock:
                    at["open"] -= 1
        if mode == "break":
            at["sessions"][what][:] = self.take_body(10)
            return None
        if mode.endswith("-once") and self.server.first((mode, name)):
            at["sessions"][what] += self.take_body(length // 2)
            if mode == "lost-once":
                del at["sessions"][what]
            return None
        start = int(self.headers["Content-Range"].split("-")[0])
        if mode != "mixed-once" and start != len(at["sessions"][what]):
            self.take_body()
            return self.error(416, "BLOB_UPLOAD_INVALID", "not where the last part ended")
        at["sessions"][what] += self.take_body()
        return self.answer(202, b"", self.where(name, what, len(at["sessions"][what])))

    def do_POST(self):
        if self.path == "/token":
            return self.do_refresh()
        self.note()
        if self.path.startswith("/v2/upload/"):
            return self.do_upload()
        return self.error(405, "UNSUPPORTED", "this registry is read-only")

    do_PUT = do_PATCH = do_POST
