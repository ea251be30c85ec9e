"""switchyard models against a hub on loopback that redirects, cuts, stalls, lies and refuses."""

import collections
import contextlib
import hashlib
import http.server
import json
import os
import shutil
import socket
import ssl
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


class Models(Case):
    # What a good pull does.

    def test_what_is_there_is_pulled_and_optional_files_are_skipped(self):
        out = self.pull()
        self.assertIn("4 files", out)
        self.assert_installed()
        self.assertFalse(self.hub.own.asked("README.md"))
        self.assertFalse(any("authorization" in h for _, h in self.hub.own.requests))
        with open(os.path.join(self.folder, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        self.assertEqual(manifest["source"], f"{self.hub.own.url}/{NAME}")
        self.assertEqual(manifest["revision"], "main")
        self.assertEqual({f["path"]: f["sha256"] for f in manifest["files"]},
                         {n: sha256(b) for n, b in FILES.items() if n != "README.md"})
        found = json.loads(self.models("list", "--json").stdout)["models"][0]
        self.assertEqual((found["name"], found["files"]), (NAME, 4))
        self.assertIn(NAME, self.models("list").stdout)
        self.assertEqual(self.models("path", NAME).stdout.strip(), self.folder)

    def test_the_hub_comes_from_the_environment_and_may_have_a_path(self):
        done = self.models("pull", NAME, env={"SWITCHYARD_HUB": self.hub.own.url + "/"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_installed()

    def test_named_files_only(self):
        self.pull("--file", "config.json", "--file", "README.md")
        self.assertEqual(sorted(os.listdir(self.folder)),
                         ["README.md", "config.json", "manifest.json"])
        self.pull("--file", "nothing.bin", status=1)

    def test_shards_come_with_their_index(self):
        del self.hub.files["model.safetensors"]
        shards = {f"model-{i}-of-2.safetensors": b"shard %d" % i for i in (1, 2)}
        index = json.dumps({"weight_map": {f"t{i}": n for i, n in enumerate(shards)}}).encode()
        self.hub.files |= shards | {"model.safetensors.index.json": index}
        self.pull()
        self.assert_installed({n: b for n, b in self.hub.files.items() if n != "README.md"})
        del self.hub.files["model-2-of-2.safetensors"]
        self.assertIn("model-2-of-2.safetensors", self.pull(status=1))

    def test_the_commit_that_the_hub_names_is_what_the_rest_is_asked_of(self):
        self.hub.commit = COMMIT
        self.pull("--revision", "refs/pr/1")
        paths = [p for p, _ in self.hub.own.requests]
        self.assertEqual(paths[0], f"/{NAME}/resolve/refs%2Fpr%2F1/config.json")
        self.assertTrue(all(p.startswith(f"/{NAME}/resolve/{COMMIT}/") for p in paths[1:]), paths)
        found = json.loads(self.models("list", "--json").stdout)["models"][0]
        self.assertEqual((found["revision"], found["commit"]), ("refs/pr/1", COMMIT))

    def test_a_second_pull_does_not_fetch_weights_that_are_here(self):
        self.pull()
        self.hub.cuts.extend([0] * 20)  # their body would fail
        self.hub.files["config.json"] = b'{"new":1}'
        self.pull()
        self.assert_installed(self.hub.files)

    def test_a_body_without_a_length(self):
        self.hub.chunked = True
        self.pull()
        self.assert_installed()

    # Redirects and the token.

    def test_the_token_goes_to_the_hub_and_to_no_other_host(self):
        for where in (lambda f: f"{self.hub.other.url}/{f}?signature=a%2Fb&x=//y",
                      lambda f: f"http://localhost:{self.hub.other.port}/{f}#fragment",
                      lambda f: f"//127.0.0.1:{self.hub.other.port}/{f}"):
            self.hub.redirect = where
            shutil.rmtree(self.store, ignore_errors=True)
            self.pull(token=TOKEN)
            self.assert_installed()
        self.assertTrue(all(h["authorization"] == f"Bearer {TOKEN}"
                            for _, h in self.hub.own.requests))
        self.assertEqual(len(self.hub.other.requests), 12)
        self.assertFalse(any(TOKEN in str(h) for _, h in self.hub.other.requests))
        self.assertTrue(any(p.endswith("?signature=a%2Fb&x=//y")
                            for p, _ in self.hub.other.requests))

    def test_redirects_within_the_hub_keep_the_token(self):
        for where in (lambda f: f"/{NAME}/resolve/main/{f}?hop=1",
                      lambda f: f.rsplit("/", 1)[-1] + "?hop=1"):
            self.hub.redirect = where
            shutil.rmtree(self.store, ignore_errors=True)
            self.pull(token=TOKEN)
            self.assert_installed()
        self.assertTrue(all("authorization" in h for _, h in self.hub.own.requests))

    def test_redirects_that_lead_nowhere_are_refused(self):
        for where, why in (("/again", "redirects"), ("file:///etc/passwd", "http"),
                           ("ftp://127.0.0.1/x", "http"), ("http://user@127.0.0.1/x", "user"),
                           ("http://127.0.0.1:0/x", "port"), ("http:///x", "host"),
                           ("/a b", "not a URL"), ("/" + "a" * 20000, "not a URL")):
            self.hub.redirect = lambda f, where=where: where
            self.hub.files["again"] = b""
            self.assertIn(why, self.pull(status=1), where)
        self.assertLess(len(self.hub.own.asked("again")), 10)
        self.assert_nothing()

    # What goes wrong on the way.

    def test_a_cut_connection_goes_on_where_it_ended(self):
        self.hub.cuts.extend([300_000, 200_000])
        self.pull()
        self.assert_installed()
        asked = [h.get("range") for _, h in self.hub.own.asked("model.safetensors")]
        self.assertEqual(asked, [None, "bytes=300000-", "bytes=500000-"])

    def test_the_next_pull_goes_on_where_the_last_one_gave_up(self):
        self.hub.cuts.extend([100_000] * 5)
        self.assertIn("goes on from here", self.pull(status=3))
        self.assert_nothing()
        self.hub.own.requests.clear()
        self.pull()
        self.assert_installed()
        self.assertEqual(self.hub.own.asked("model.safetensors")[0][1]["range"], "bytes=500000-")
        self.assertEqual(len(self.hub.own.asked("model.safetensors")), 1)

    def test_a_killed_pull_leaves_nothing_visible_and_goes_on(self):
        for redirect in (None, lambda f: f"{self.hub.other.url}/{f}"):
            self.hub.redirect = redirect
            shutil.rmtree(self.store, ignore_errors=True)
            self.leave_part(400_000)
            self.assert_nothing()
            self.hub.own.requests.clear()
            self.pull()
            self.assert_installed()
            self.assertEqual(self.hub.own.asked("model.safetensors")[0][1]["range"],
                             "bytes=400000-")

    def test_a_file_that_changed_meanwhile_is_fetched_whole(self):
        self.hub.hashes = False
        for body in (bytes(reversed(WEIGHTS)), b"shorter"):  # 206 of another version, 416
            self.hub.files["model.safetensors"] = WEIGHTS
            self.leave_part(100_000)
            self.hub.files["model.safetensors"] = body
            self.pull()
            self.assert_installed(self.hub.files)
            self.assertEqual([h.get("range") for _, h in
                              self.hub.own.asked("model.safetensors")[-2:]],
                             ["bytes=100000-", None])

    def test_without_a_name_for_the_version_it_begins_again(self):
        self.hub.hashes = self.hub.etags = False
        self.hub.cuts.append(100_000)
        self.pull()
        self.assert_installed()
        self.assertFalse(any("range" in h for _, h in self.hub.own.requests))

    def test_a_hub_without_ranges(self):
        self.hub.ranges = False
        self.hub.cuts.append(100_000)
        self.pull()
        self.assert_installed()

    def test_silence_ends_a_connection_and_slowness_does_not(self):
        self.hub.cuts.append(100_000)
        self.hub.stalls = 1
        self.pull("--silence", "3")
        self.assert_installed()
        shutil.rmtree(self.store)
        self.hub.pace = 0.25  # 4 s in all
        self.pull("--silence", "3")
        self.assert_installed()

    def test_trouble_at_the_hub_that_passes(self):
        self.hub.status["tokenizer.json"] = [(503, {}), (429, {"Retry-After": "1"})]
        self.pull()
        self.assert_installed()

    def test_trouble_at_the_hub_that_stays(self):
        self.hub.status["tokenizer.json"] = [(503, {})] * 9
        self.assertIn("503", self.pull(status=3))
        self.assertEqual(len(self.hub.own.asked("tokenizer.json")), 5)
        self.assert_nothing()

    # What must not be installed.

    def test_a_wrong_hash_is_refused(self):
        self.hub.files["model.safetensors"] = WEIGHTS[:-1] + b"x"
        out = self.pull(status=1)
        self.assertIn(sha256(WEIGHTS), out)
        self.assertIn(sha256(self.hub.files["model.safetensors"]), out)
        self.assert_nothing()
        self.hub.files["model.safetensors"] = WEIGHTS
        self.pull()
        self.assert_installed()

    def test_the_hash_that_the_caller_gives_must_hold(self):
        self.pull("--sha256", f"config.json={sha256(b'other')}", status=1)
        self.assert_nothing()
        self.pull("--sha256", f"README.md={sha256(b'')}", status=2)
        self.assert_nothing()
        self.pull("--sha256", f"config.json={sha256(b'{}').upper()}", "--sha256",
                  f"model.safetensors={sha256(WEIGHTS)}")
        self.assert_installed()
        for wrong in ("config.json", "config.json=12", "../x=" + "0" * 64):
            self.pull("--sha256", wrong, status=2)

    def test_a_size_that_is_not_the_stated_one_is_refused(self):
        for size in (len(WEIGHTS) - 1, len(WEIGHTS) + 1):
            for self.hub.chunked in (False, True):
                self.hub.linked = {"X-Linked-Size": str(size)}
                self.pull(status=1)
                self.assert_nothing()

    def test_two_halves_that_do_not_fit_are_fetched_as_one(self):
        self.leave_part(100_000)
        with open(self.part, "r+b") as file:
            file.write(b"damaged")
        self.pull()
        self.assert_installed()

    def test_a_failed_pull_leaves_the_old_model_whole(self):
        self.pull()
        self.hub.files["config.json"] = b'{"new":1}'
        self.hub.files["tokenizer.json"] = b"{}"
        self.hub.status["model.safetensors"] = [(403, {})]
        self.pull(status=1)
        self.assertEqual(self.models("verify").returncode, 0)
        with open(os.path.join(self.folder, "config.json"), "rb") as file:
            self.assertEqual(file.read(), b"{}")

    def test_what_is_missing_is_named(self):
        for name, why in (("config.json", "config.json"), ("tokenizer.json", "tokenizer"),
                          ("model.safetensors", "model.safetensors")):
            kept = self.hub.files.pop(name)
            self.assertIn(f"no {why}", self.pull(status=1))
            self.hub.files[name] = kept
        self.hub.status["config.json"] = [(404, {"X-Error-Code": "RevisionNotFound"})]
        self.assertIn("revision none: the hub answers RevisionNotFound",
                      self.pull("--revision", "none", status=1))
        self.assert_nothing()

    def test_a_refusal_says_what_to_do(self):
        for status in (401, 403):
            self.hub.status["config.json"] = [(status, {"X-Error-Message": "gated"})]
            out = self.pull(status=1)
            self.assertIn("set HF_TOKEN", out)
            self.assertIn(str(status), out)
            self.assertIn("gated", out)
            self.hub.status["config.json"] = [(status, {})]
            out = self.pull(status=1, token=TOKEN)
            self.assertIn("the token in HF_TOKEN", out)
            self.assertNotIn(TOKEN, out)
        self.assertEqual(len(self.hub.own.requests), 4)

    def test_a_hub_that_is_not_there(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.pull(hub=f"http://127.0.0.1:{free.getsockname()[1]}", status=3)
        self.assert_nothing()

    def test_wrong_usage(self):
        for arguments in (["pull"], ["pull", "small"], ["pull", "../x"], ["pull", "a/b/c"],
                          ["pull", NAME, "--revision", "../x"], ["pull", NAME, "--hub", "hub"],
                          ["pull", NAME, "--file", "../../x"], ["pull", NAME, "--from", "."],
                          ["pull", NAME, "--name", "x"], ["pull", "--from", "/"], ["path"], [],
                          ["path", "../x"], ["pul"]):
            with self.subTest(arguments=arguments):
                done = self.models(*arguments, env={"SWITCHYARD_HUB": self.hub.own.url})
                self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(self.hub.own.requests, [])
        self.assertFalse(os.path.exists(self.folder))

    def test_a_full_or_read_only_place_is_the_environments_fault(self):
        with open(self.store, "w", encoding="utf-8"):
            pass
        self.pull(status=3)

    # Two at once.

    def test_two_pulls_at_once(self):
        self.hub.pace = 0.01
        both = [subprocess.Popen([PROGRAM, "models", "pull", NAME, "--hub", self.hub.own.url],
                                 env=self.environment(), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True) for _ in range(2)]
        said = [p.communicate(timeout=PATIENCE)[1] for p in both]
        self.assertEqual([p.returncode for p in both], [0, 0], said)
        self.assert_installed()

    # The store.

    def test_a_local_folder(self):
        source = os.path.join(self.directory, "minilm")
        for name, body in FILES.items():
            path = os.path.join(source, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(body)
        done = self.models("pull", "--from", source + "/")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.models("path", "minilm").stdout.strip(),
                         os.path.join(self.store, "minilm"))
        done = self.models("pull", "--from", source, "--name", NAME, "--link",
                           env={"SWITCHYARD_HUB": self.hub.own.url})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_installed()
        self.assertEqual(os.stat(os.path.join(source, "model.safetensors")).st_nlink, 2)
        done = self.models("pull", "--from", self.directory, "--name", "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no config.json", done.stderr)
        self.assertEqual(self.models("pull", "--from", "/nowhere", "--name", "x").returncode, 1)

    def test_verify_tells_what_differs(self):
        self.pull()
        with open(os.path.join(self.folder, "model.safetensors"), "r+b") as file:
            file.write(b"x")
        os.truncate(os.path.join(self.folder, "tokenizer.json"), 3)
        os.remove(os.path.join(self.folder, "config.json"))
        with open(os.path.join(self.folder, "new"), "w", encoding="utf-8"):
            pass
        done = self.models("verify", NAME)
        self.assertEqual(done.returncode, 1)
        for line in ("model.safetensors: changed, sha256", "tokenizer.json: changed, 3 bytes",
                     "config.json: missing", "new: extra"):
            self.assertIn(f"{NAME}: {line}", done.stdout)
        done = self.models("verify", "--json")
        self.assertEqual(done.returncode, 1)
        found = json.loads(done.stdout)
        self.assertFalse(found["ok"])
        self.assertEqual({f["path"]: f["state"] for f in found["models"][0]["files"]},
                         {"model.safetensors": "changed", "tokenizer.json": "changed",
                          "config.json": "missing", "new": "extra",
                          "1_Pooling/config.json": "ok"})
        done = self.models("path", NAME)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"switchyard models verify {NAME}", done.stderr)
        self.pull()
        self.assert_installed()
        done = self.models("verify", "acme/smal")
        self.assertEqual(done.returncode, 1)
        self.assertIn("did you mean acme/small", done.stdout)

    def test_an_empty_store(self):
        self.assertIn("no models", self.models("list").stdout)
        self.assertEqual(self.models("verify").returncode, 0)
        self.assertEqual(self.models("path", NAME).returncode, 1)


@unittest.skipUnless(shutil.which("openssl"), "there is no openssl here")
class ModelsOverTls(Case):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.mkdtemp(prefix="swy-e2e-")
        cls.addClassCleanup(shutil.rmtree, directory, ignore_errors=True)
        cls.pem, key = (os.path.join(directory, name) for name in ("hub.pem", "hub.key"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", key, "-out", cls.pem], check=True, capture_output=True)
        cls.TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.TLS.load_cert_chain(cls.pem, key)

    def test_a_trusted_hub(self):
        self.hub.cuts.append(300_000)
        self.pull("--ca-file", self.pem, token=TOKEN)
        self.assert_installed()
        self.assertEqual([h.get("range") for _, h in self.hub.own.asked("model.safetensors")],
                         [None, "bytes=300000-"])

    def test_a_hub_that_nobody_vouches_for_is_told_nothing(self):
        self.assertRegex(self.pull(status=1, token=TOKEN), "(?i)certificate")
        self.assertEqual(self.hub.own.requests, [])
        self.assert_nothing()

    def test_a_redirect_away_from_https_is_refused(self):
        self.hub.redirect = lambda f: f"{self.hub.other.url}/{f}"
        self.assertIn("away from https", self.pull("--ca-file", self.pem, status=1))
        self.assertEqual(self.hub.other.requests, [])


if __name__ == "__main__":
    unittest.main()
