"""A hub of models on loopback that redirects, cuts, stalls, lies and refuses, as it is told."""

import collections
import contextlib
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

from kit import PATIENCE, PROGRAM, run, until

NAME = "acme/small"
TOKEN = "hf_secret"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = bytes(range(256)) * 4096  # 1 MiB
FILES = {"config.json": b"{}", "tokenizer.json": b'{"model":{}}', "1_Pooling/config.json": b"[]",
         "model.safetensors": WEIGHTS, "README.md": b"never asked for"}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Server:
    """An HTTP server on port 0 whose answers come from answer(request)."""

    def __init__(self, answer, tls=None):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802
                outer.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                with contextlib.suppress(OSError):
                    answer(self)

            def log_message(self, *_):
                pass

        self.requests = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.server.handle_error = lambda *_: None  # clients that go away are what is tested
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def asked(self, ending):
        """(path, headers) of the requests for this file."""
        return [(p, h) for p, h in self.requests if p.split("?")[0].endswith("/" + ending)]


class Hub:
    """A hub, and the other host that it may redirect to."""

    def __init__(self, case, tls=None):
        self.files = dict(FILES)
        self.redirect = None     # file -> Location
        self.hashes = True       # X-Linked-ETag of the weights
        self.etags = True
        self.commit = None
        self.ranges = True
        self.chunked = False
        self.linked = {}         # more headers of the weights
        self.status = {}         # file -> list of (status, headers), used up one by one
        self.cuts = collections.deque()  # bytes after which a body of weights ends
        self.stall = threading.Event()   # set: bodies of weights go on after the cut instead
        self.stalls = 0
        self.pace = None         # seconds between 64 KiB
        self.own = Server(self.at_hub, tls)
        self.other = Server(self.elsewhere)
        for server in (self.own, self.other):
            case.addCleanup(server.close)
        case.addCleanup(self.stall.set)

    def at_hub(self, request):
        path = request.path.split("?")[0]
        file = path.split("/", 5)[5] if path.count("/") >= 5 else path.lstrip("/")
        if self.status.get(file):
            status, headers = self.status[file].pop(0)
            return self.send(request, status, headers, b"{}")
        if file not in self.files:
            return self.send(request, 404, {"X-Error-Code": "EntryNotFound"}, b"not here")
        headers = {"X-Repo-Commit": self.commit} if self.commit else {}
        if file == "model.safetensors" and self.hashes:
            headers["X-Linked-ETag"] = f'"{sha256(FILES[file])}"'
            headers["X-Linked-Size"] = str(len(self.files[file]))
        if file == "model.safetensors":
            headers |= self.linked
        where = self.redirect(file) if self.redirect else None
        if where and "hop" not in request.path:
            return self.send(request, 302, headers | {"Location": where}, b"Found")
        return self.send_file(request, file, headers)

    def elsewhere(self, request):
        self.send_file(request, request.path.split("?")[0].lstrip("/"), {})

    def send_file(self, request, file, headers):
        body, status = self.files[file], 200
        if self.etags and "X-Linked-ETag" not in headers:
            headers = headers | {"ETag": f'"{hashlib.sha1(body).hexdigest()}"'}
        wanted = request.headers.get("Range")
        if wanted and self.ranges:
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
            if first >= len(body):
                return self.send(request, 416, {"Content-Range": f"bytes */{len(body)}"}, b"")
            headers = headers | {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}
            body, status = body[first:], 206
        self.send(request, status, headers, body, file == "model.safetensors")
        return None

    def send(self, request, status, headers, body, weights=False):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        chunked = weights and self.chunked
        if chunked:
            request.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if weights and self.cuts:
            request.wfile.write(body[:self.cuts.popleft()])
            request.wfile.flush()
            if self.stalls > 0:
                self.stalls -= 1
                self.stall.wait(PATIENCE)
            request.connection.shutdown(socket.SHUT_RDWR)
            request.close_connection = True
            return
        for at in range(0, len(body), 65536):
            request.wfile.write(body[at:at + 65536])
            if weights and self.pace:
                threading.Event().wait(self.pace)


class Case(unittest.TestCase):
    TLS = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swy-e2e-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.store = os.path.join(self.directory, "store")
        self.folder = os.path.join(self.store, "acme--small")
        self.part = os.path.join(self.store, ".staging", "acme--small", "parts",
                                 "model.safetensors.part")
        self.hub = Hub(self, self.TLS)

    def environment(self, token=None):
        env = {k: v for k, v in os.environ.items() if k not in ("HF_TOKEN", "SWITCHYARD_HUB")}
        env["SWITCHYARD_MODELS"] = self.store
        return env | ({"HF_TOKEN": token} if token else {})

    def models(self, *arguments, token=None, env=None):
        return run("models", *arguments, env=self.environment(token) | (env or {}))

    def pull(self, *arguments, hub=None, status=0, **more):
        done = self.models("pull", NAME, "--hub", hub or self.hub.own.url, *arguments, **more)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def leave_part(self, size):
        """A pull that is killed after so many bytes of the weights."""
        self.hub.cuts.append(size)
        self.hub.stalls = 1
        process = subprocess.Popen([PROGRAM, "models", "pull", NAME, "--hub", self.hub.own.url],
                                   env=self.environment())
        until(lambda: os.path.exists(self.part) and os.path.getsize(self.part) == size,
              f"{size} bytes")
        process.kill()
        process.wait()

    def assert_installed(self, files=FILES):
        for name, body in files.items():
            path = os.path.join(self.folder, name)
            if name == "README.md":
                self.assertFalse(os.path.exists(path))
                continue
            with open(path, "rb") as file:
                self.assertTrue(file.read() == body, name)
        done = self.models("verify")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual([n for n in os.listdir(os.path.join(self.store, ".staging"))
                          if not n.endswith(".lock")], [])

    def assert_nothing(self):
        self.assertFalse(os.path.exists(self.folder))
        self.assertEqual(json.loads(self.models("list", "--json").stdout)["models"], [])
