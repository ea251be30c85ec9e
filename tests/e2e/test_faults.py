"""Upstreams that are down, slow, lying or cut, and clients that go away."""

import json
import socket
import threading
import time
import unittest

import kit
from kit import Case, Gateway, RawConnection, Upstream, chat_body, config, post, until


class LyingServer:
    """Answers every request on every connection with the same bytes, then closes."""

    def __init__(self, data, hold=False):
        self.data, self.hold = data, hold
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.held = []
        threading.Thread(target=self.serve, daemon=True).start()

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        connection.sendall(self.data)
        if self.hold:
            self.held.append(connection)
            return
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
        connection.close()

    def stop(self):
        self.listener.close()
        for c in self.held:
            c.close()


def whole(status, body, content_type="application/json", *more):
    if isinstance(body, str):
        body = body.encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *more]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Plain(Case):
    CONFIG = {"upstream_options": ", first_byte_ms: 400, idle_ms: 400"}

    def test_an_upstream_that_is_down_is_502_and_a_lying_one_too(self):
        cases = {
            "html with 200": whole(200, "<html>welcome</html>", "text/html"),
            "json of another kind": whole(200, '{"hello":"world"}'),
            "a list": whole(200, "[]"),
            "broken json": whole(200, '{"id":"x","choices":[{]'),
            "half a json": whole(200, '{"id":"x","choices":[{"index":0,"mess'),
            "nothing": whole(200, ""),
            "no content type and no json": whole(200, "hello", None),
            "an error with 200": whole(200, '{"error":{"message":"no","type":"x"}}'),
            "less than announced": whole(200, '{"id":1}').replace(b"Length: 8", b"Length: 80"),
            "not http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            "a closed connection": b"",
            "a broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
            "created": whole(201, '{"id":"x"}'),
            "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
            "a redirect": whole(302, "", "text/html", "Location: http://127.0.0.1:1/"),
            "an endless head": b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 30_000,
        }
        for name, data in cases.items():
            server = self.start(LyingServer(data))
            gateway = self.start(Gateway(config(server)))
            for stream in (False, True):
                with self.subTest(name=name, stream=stream):
                    answer = gateway.chat(chat_body(stream=stream))
                    self.assertEqual(answer.status, 502, answer.body[:200])
                    self.assertEqual(answer.error()["type"], "upstream_error")
                    self.assertIn("local", answer.error()["message"])
                    self.assert_headers(answer)
                    record = gateway.record(answer)
                    self.assertEqual(record["outcome"]["status"], 502)
                    self.assertEqual(record["outcome"]["cost_nano"], 0)

    def test_nobody_at_the_upstream_port_is_502(self):
        gateway = self.start(Gateway(config(f"http://127.0.0.1:{free_port()}/v1")))
        answer = gateway.chat()
        self.assertEqual((answer.status, answer.error()["code"]), (502, "upstream_unavailable"))

    def test_an_upstream_name_that_does_not_resolve_is_502(self):
        gateway = self.start(Gateway(config("http://nowhere.invalid/v1")))
        answer = gateway.chat()
        self.assertEqual((answer.status, answer.error()["code"]), (502, "upstream_unavailable"))

    def test_a_slow_upstream_is_504(self):
        for stream in (False, True):
            answer = self.gateway.chat(chat_body(stream=stream), fault="delay:60000")
            self.assertEqual((answer.status, answer.error()["code"]), (504, "timeout"))
        until(lambda: self.upstream.stats()["aborted"] == 2, "the calls are ended")

    def test_a_plain_answer_that_stalls_or_breaks_in_the_middle_is_an_error(self):
        for fault, status in (("stall:1", 504), ("reset:1", 502), ("cut:1", 502),
                              ("malformed:0", 502), ("undone:0", 502), ("empty", 502)):
            with self.subTest(fault=fault):
                self.assertEqual(self.gateway.chat(fault=fault).status, status)

    def test_an_upstreams_own_error_reaches_the_client_with_its_headers(self):
        answer = self.gateway.chat(fault="status:429:7")
        self.assertEqual((answer.status, answer.headers["retry-after"]), (429, "7"))
        self.assertEqual(answer.error()["code"], "rate_limit_exceeded")

    def test_an_error_that_is_not_json_is_put_into_the_envelope(self):
        server = self.start(LyingServer(whole(503, "<html>maintenance</html>", "text/html")))
        answer = self.start(Gateway(config(server))).chat()
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertIn("503", answer.error()["message"])

    def test_usage_that_is_missing_or_absurd_is_estimated(self):
        for fault in ("no_usage", "wrong_usage"):
            answer = self.gateway.chat(fault=fault)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["x-switchyard-cost-basis"], "estimate")
            self.assertLess(float(answer.headers["x-switchyard-cost-usd"]), 0.01)

    def test_a_pooled_connection_that_died_is_replaced(self):
        self.assertEqual(self.gateway.chat().status, 200)
        port = self.upstream.port
        other = self.start(Upstream())
        gateway = self.start(Gateway(config(other)))
        self.assertEqual(gateway.chat().status, 200)
        self.assertNotEqual(port, other.port)
        other.stop()
        until(lambda: gateway.chat().status == 502, "the upstream is gone")


class Streams(Case):
    CONFIG = {"upstream_options": ", first_byte_ms: 2000, idle_ms: 400"}
    UPSTREAM = ("--chunks", "10")

    def assert_ends_with_an_error(self, answer, fewer_than=10):
        events = answer.events()
        self.assertNotIn("[DONE]", events)
        self.assertIn("error", events[-1], answer.body[-300:])
        self.assertEqual(set(events[-1]["error"]), {"message", "type", "param", "code"})
        self.assertTrue(all("choices" in e for e in events[:-1]))
        return events

    def test_a_good_stream_passes_unchanged(self):
        through = self.gateway.chat(chat_body("same bytes", model="small", stream=True,
                                              stream_options={"include_usage": True}))
        self.upstream.reset()  # ids follow the number of the request
        body = json.dumps(chat_body("same bytes", model="sim-small", stream=True,
                                    stream_options={"include_usage": True}))
        with RawConnection(self.upstream) as c:
            c.send(post(body))
            straight = c.answer()
        self.assertEqual(through.body, straight.body)
        self.assertEqual(through.events()[-1], "[DONE]")
        self.assertTrue(through.headers["content-type"].startswith("text/event-stream"))

    def test_a_stream_that_is_cut_ends_with_an_error_event_and_never_with_done(self):
        for kind in ("reset", "cut", "undone", "malformed", "error"):
            for after in (1, 2, 5, 10):
                with self.subTest(fault=f"{kind}:{after}"):
                    answer = self.gateway.chat(chat_body(stream=True), fault=f"{kind}:{after}")
                    self.assertEqual(answer.status, 200)
                    self.assert_ends_with_an_error(answer)
                    self.assertIn("error", self.gateway.record(answer)["outcome"])

    def test_nothing_that_came_before_the_break_is_lost(self):
        for kind in ("cut", "undone", "malformed", "error"):
            with self.subTest(kind=kind):
                answer = self.gateway.chat(chat_body(stream=True), fault=f"{kind}:6")
                self.assertEqual(len(answer.events()), 7, answer.body)

    def test_a_stream_that_stalls_is_ended_with_a_timeout(self):
        answer = self.gateway.chat(chat_body(stream=True), fault="stall:3")
        events = self.assert_ends_with_an_error(answer)
        self.assertEqual((len(events), events[-1]["error"]["code"]), (4, "timeout"))
        until(lambda: self.upstream.stats()["aborted"] == 1, "the upstream call is ended")

    def test_a_break_before_the_first_event_is_an_error_status(self):
        for fault, status in (("reset:0", 502), ("cut:0", 502), ("empty", 502), ("malformed:0", 502),
                              ("content_type", 502), ("stall:0", 504), ("undone:0", 502)):
            with self.subTest(fault=fault):
                answer = self.gateway.chat(chat_body(stream=True), fault=fault)
                self.assertEqual(answer.status, status, answer.body)
                self.assertTrue(answer.error()["message"])

    def test_an_event_larger_than_the_bound_ends_the_stream(self):
        answer = self.gateway.chat(chat_body(stream=True), fault="huge:3000000")
        self.assert_ends_with_an_error(answer)
        good = self.gateway.chat(chat_body(stream=True), fault="huge:500000")
        self.assertEqual(good.events()[-1], "[DONE]")
        self.assertEqual(len(good.content()), 500_000)

    def test_a_stream_byte_by_byte_arrives_whole(self):
        answer = self.gateway.chat(chat_body(stream=True), fault="loris:1")
        self.assertEqual(answer.events()[-1], "[DONE]")
        self.assertEqual(len(answer.events()), 13)

    def test_an_upstream_that_does_not_close_after_done_does_not_block_the_client(self):
        chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                 "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}
        data = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n")
        server = self.start(LyingServer(data, hold=True))
        gateway = self.start(Gateway(config(server, upstream_options=", idle_ms: 60000")))
        with RawConnection(gateway) as c:
            started = time.monotonic()
            c.send(post(chat_body(stream=True)))
            self.assertEqual(c.answer().events()[-1], "[DONE]")
            c.send(b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n")
            self.assertEqual(c.answer("GET").status, 200)
            self.assertLess(time.monotonic() - started, 10)


class Aborts(Case):
    UPSTREAM = ("--models", "*=5:100", "--chunks", "10000")

    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream(*cls.UPSTREAM, fast=False)
        cls.addClassCleanup(cls.upstream.stop)
        cls.gateway = Gateway(config(cls.upstream))
        cls.addClassCleanup(cls.gateway.stop)

    def abort(self, body, wait_for_bytes):
        c = RawConnection(self.gateway)
        c.send(post(body))
        if wait_for_bytes:
            while b"data: " not in c.reader.read1(65536):
                pass
        until(lambda: self.upstream.stats()["active"] == 1, "the call is under way")
        started = time.monotonic()
        c.close()
        until(lambda: self.upstream.stats()["aborted"] == 1, "the upstream sees the end", 5)
        return time.monotonic() - started

    def test_the_upstream_stops_at_once_when_the_client_leaves_a_stream(self):
        times = []
        for _ in range(5):
            self.upstream.reset()
            times.append(self.abort(chat_body(stream=True), True))
        kit.measured("abort of a stream seen by the upstream after",
                     f"median {sorted(times)[2] * 1e3:.1f} ms, most {max(times) * 1e3:.1f} ms")
        self.assertLess(sorted(times)[2], 0.2 if not kit.LOADED else 2)

    def test_the_upstream_stops_at_once_when_the_client_leaves_a_plain_call(self):
        took = self.abort(chat_body(), False)
        kit.measured("abort of a plain call seen by the upstream after", f"{took * 1e3:.1f} ms")
        self.assertLess(took, 0.2 if not kit.LOADED else 2)

    def test_an_aborted_request_leaves_a_record_and_is_counted(self):
        before = self.gateway.metric("switchyard_model_requests_total", outcome="aborted")
        c = RawConnection(self.gateway)
        c.send(post(chat_body(stream=True)))
        head = b""
        while b"\r\n\r\n" not in head:
            head += c.reader.read1(65536)
        c.close()
        name = [line.split(b": ")[1] for line in head.split(b"\r\n")
                if line.lower().startswith(b"x-switchyard-record")][0].decode()
        record = until(lambda: self.gateway.record(name), "the record is written")
        self.assertTrue(record["outcome"]["aborted"])
        self.assertEqual(record["outcome"]["status"], 499)
        until(lambda: self.gateway.metric("switchyard_model_requests_total", outcome="aborted")
              == before + 1, "the abort is counted")


if __name__ == "__main__":
    unittest.main()
