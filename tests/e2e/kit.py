"""What the end-to-end tests share: the program as processes, configurations, raw HTTP.

Every server listens on loopback, port 0; its first line on standard output names the port. Nothing
here sleeps for a fixed time: until() polls with a deadline.
"""

import contextlib
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

BUILD = os.environ.get("SWY_BUILD", "build/dev")
PROGRAM = os.path.abspath(os.path.join(BUILD, "bin", "switchyard"))
CLIENTS = os.path.abspath(os.environ.get("SWY_CLIENTS", os.path.join(BUILD, "..", "e2e")))
SEED = int(os.environ.get("SWY_SEED", "1"))
HEADERS = ("x-switchyard-record", "x-switchyard-model", "x-switchyard-decision",
           "x-switchyard-reason", "x-switchyard-added-us", "x-switchyard-cost-usd")
# A loaded machine must not make a test fail: deadlines are for what hangs.
PATIENCE = 30.0


def until(condition, what, seconds=PATIENCE):
    """Polls condition() until it is truthy and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)


def sha256(key):
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


class Server:
    """A sub-command that serves until it is told to end."""

    def __init__(self, *arguments, preexec=None, cwd=None, program=None):
        self.errors = tempfile.NamedTemporaryFile(prefix="swy-e2e-", suffix=".log")
        self.process = subprocess.Popen(
            [program or PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=self.errors, cwd=cwd,
            preexec_fn=preexec, text=True)
        self.first_line = self.process.stdout.readline()
        found = re.search(r":(\d+)$", self.first_line.strip())
        if not found:
            self.process.wait(PATIENCE)
            raise AssertionError(f"no port in {self.first_line!r}; {self.log()}")
        self.port = int(found.group(1))
        # Whatever else it prints must not fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def log(self):
        with open(self.errors.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"

    def send_signal(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        """Ends it and returns the exit status. One that does not end well fails the test."""
        running = self.process.poll() is None
        if running:
            self.process.send_signal(number)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        if running and number == signal.SIGTERM and self.process.returncode != 0:
            raise AssertionError(f"ended with {self.process.returncode}: {self.log()}")
        return self.process.returncode

    def rss_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


class Upstream(Server):
    """The scripted upstream."""

    def __init__(self, *arguments, fast=True, **more):
        pace = ["--fast"] if fast else []
        super().__init__("upstream", "--listen", "127.0.0.1:0", "--seed", str(SEED), *pace,
                         *arguments, **more)

    def call(self, path, body=None):
        with urllib.request.urlopen(self.url(path), timeout=PATIENCE,
                                    data=None if body is None else json.dumps(body).encode()) as r:
            return json.load(r)

    def stats(self):
        return self.call("/script/stats")

    def requests(self):
        return self.call("/script/requests")["requests"]

    def last(self):
        return self.requests()[-1]

    def faults(self, *rules):
        self.call("/script/faults", {"faults": list(rules)})

    def reset(self):
        self.call("/script/reset", {})


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def error(self):
        return self.json()["error"]

    def events(self):
        """The payloads of an SSE body, [DONE] as text."""
        out = []
        for block in self.body.decode().replace("\r\n", "\n").split("\n\n"):
            data = [line[5:].lstrip() for line in block.split("\n") if line.startswith("data:")]
            if data:
                text = "\n".join(data)
                out.append(text if text == "[DONE]" else json.loads(text))
        return out

    def content(self):
        return "".join(c["delta"].get("content") or "" for e in self.events()
                       if isinstance(e, dict) for c in e.get("choices", []))

    @property
    def record(self):
        return self.headers["x-switchyard-record"]


def chat_body(text="Hello", model="auto", **more):
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


class Gateway(Server):
    """switchyard serve with a configuration file in a directory of its own."""

    def __init__(self, config, preexec=None, directory=None, options=()):
        self.directory = directory or tempfile.mkdtemp(prefix="swy-e2e-")
        self.owned = directory is None
        self.file = os.path.join(self.directory, "c.yaml")
        self.write(config)
        super().__init__("serve", self.file, *options, preexec=preexec)

    def write(self, config):
        """Replaces the file whole, as editors do."""
        with open(self.file + ".new", "w", encoding="utf-8") as file:
            file.write(config)
        os.replace(self.file + ".new", self.file)

    def stop(self, number=signal.SIGTERM):
        status = super().stop(number)
        if self.owned:
            shutil.rmtree(self.directory, ignore_errors=True)
        return status

    def request(self, method, path, body=None, headers=None, timeout=PATIENCE):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json",
                                                    **(headers or {})})
            r = connection.getresponse()
            return Answer(r.status, r.headers, r.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def chat(self, body=None, headers=None, fault=None, key=None, **more):
        headers = dict(headers or {})
        if fault:
            headers["x-script-fault"] = fault
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return self.request("POST", "/v1/chat/completions",
                            chat_body() if body is None else body, headers, **more)

    def record(self, answer_or_id, key=None):
        name = answer_or_id if isinstance(answer_or_id, str) else answer_or_id.record
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        r = self.get(f"/v1/records/{name}", headers=headers)
        return r.json() if r.status == 200 else None

    def metrics(self):
        out = {}
        for line in self.get("/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                out[name] = float(value)
        return out

    def metric(self, name, **labels):
        """The sum over all series of this name that carry these labels."""
        total = 0.0
        for series, value in self.metrics().items():
            if series.split("{")[0] == name and all(f'{k}="{v}"' in series
                                                    for k, v in labels.items()):
                total += value
        return total

    def ready(self):
        return self.get("/readyz").json()


def config(upstream, *, keys="", records=True, workers=1, models=None, rules=None, upstreams="",
           upstream_options="", signals="", extra="", listen="127.0.0.1:0"):
    """A working configuration with two models behind one upstream."""
    url = upstream if isinstance(upstream, str) else upstream.url("/v1")
    return f"""version: 1
listen: {{ address: "{listen}" }}
workers: {workers}
{keys}
upstreams:
  local: {{ dialect: openai, url: "{url}"{upstream_options} }}
{upstreams}
models:
""" + (models or """\
  - { name: small, upstream: local, upstream_model: sim-small, price: { input: 0.10, output: 0.40 }, context: 32768, capabilities: [tools], quality: { default: 0.62 } }
  - { name: large, upstream: local, upstream_model: sim-large, price: { input: 2.00, output: 8.00 }, context: 1000000, capabilities: [tools, vision], quality: { default: 0.81 } }
""") + """\
signals:
  code: { type: keyword, any: ["```", "#include", "def "] }
""" + signals + """\
routes:
""" + (rules or """\
  auto:
    - { name: coding, when: code, models: [large], policy: first }
    - { name: otherwise, models: [small, large], policy: first }
""") + ("records: { path: records/ }\n" if records else "") + extra


class Unclosed(io.BufferedIOBase):
    """A reader that others cannot close."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def readable(self):
        return True

    def read(self, *n):
        return self.inner.read(*n)

    def read1(self, *n):
        return self.inner.read1(*n)

    def readinto(self, buffer):
        return self.inner.readinto(buffer)

    def readline(self, *n):
        return self.inner.readline(*n)

    def peek(self, *n):
        return self.inner.peek(*n)


class RawConnection:
    """A socket to a server and a reader of HTTP/1.1 responses."""

    def __init__(self, server, timeout=PATIENCE, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", server.port))
        self.reader = self.socket.makefile("rb")

    def makefile(self, *_):
        """One reader for all responses: what it has read ahead belongs to the next one."""
        return Unclosed(self.reader)

    def send(self, data):
        self.socket.sendall(data)

    def answer(self, method="POST"):
        r = http.client.HTTPResponse(self, method=method)
        r.begin()
        return Answer(r.status, r.headers, r.read())

    def rest(self):
        """Everything until the other side closes."""
        out = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.reader.read1(65536):
                out += piece
        return out

    def close(self):
        self.reader.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def post(body, *headers, path="/v1/chat/completions"):
    """A POST as bytes."""
    if isinstance(body, dict):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    lines = [f"POST {path} HTTP/1.1", "Host: gateway", "Content-Type: application/json", *headers]
    if not any(h.lower().startswith(("transfer-encoding", "content-length")) for h in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run(*arguments, **more):
    """A sub-command that ends by itself."""
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True,
                          timeout=PATIENCE, check=False, **more)


class Case(unittest.TestCase):
    """One upstream and one gateway for all tests of a class; a test forgets what came before it."""

    CONFIG = {}
    UPSTREAM = ()

    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream(*cls.UPSTREAM)
        cls.addClassCleanup(cls.upstream.stop)
        cls.gateway = Gateway(config(cls.upstream, **cls.CONFIG))
        cls.addClassCleanup(cls.gateway.stop)

    def setUp(self):
        self.upstream.reset()

    def tearDown(self):
        self.assertIsNone(self.gateway.process.poll(), "the gateway ended: " + self.gateway.log())

    def start(self, server):
        """Stops it when the test is over."""
        self.addCleanup(server.stop)
        return server

    def assert_headers(self, answer):
        for name in HEADERS:
            self.assertTrue(answer.headers.get(name), f"{name} is missing, status {answer.status}: "
                            + str(answer.headers.items()))


# The bounds on times are for a machine that is not busy with something else.
LOADED = os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1)


# AddressSanitizer keeps freed memory for a while, so that resident memory says less.
with open(PROGRAM, "rb") as _program:
    SANITIZED = b"__asan_init" in _program.read()


def measured(what, value):
    """A number worth reading, in the output of the run."""
    print(f"measured: {what}: {value}", flush=True)
