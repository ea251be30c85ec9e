"""Bad input and bad clients: a clear answer, and nothing else is harmed."""

import json
import resource
import socket
import time
import unittest

import kit
from kit import PATIENCE, Case, Gateway, RawConnection, Upstream, chat_body, config, post, sha256, until


class Refusals(Case):
    def refused(self, body, status, **more):
        answer = self.gateway.chat(body, **more)
        self.assertEqual(answer.status, status, f"{str(body)[:120]}: {answer.body[:300]}")
        self.assertEqual(self.upstream.stats()["requests"], 0)
        return answer.error()

    def test_malformed_json_is_400_with_a_message(self):
        for body in (b"", b"{", b"nothing", b'{"model":"auto",}', b"\xff\xfe", b"{}\x00", b"[]",
                     b'"text"', b"null", b'{"model":"auto","messages":[{"role":"user"',
                     b'{"model":"auto","messages":[{"role":"user","content":"\xff"}]}',
                     b'{"model":"auto","messages":[{"role":"user","content":"x"}]} {}'):
            with self.subTest(body=body):
                self.assertTrue(self.refused(body, 400)["message"])

    def test_deeply_nested_json_is_refused(self):
        for open_, close in (("[", "]"), ('{"a":', "}")):
            for depth in (1_100, 100_000):
                inner = open_ * depth + "1" + close * depth
                body = json.dumps(chat_body())[:-1] + f', "x": {inner}}}'
                with self.subTest(depth=depth, open=open_):
                    self.assertIn("nested", self.refused(body, 400)["message"])

    def test_numbers_that_no_double_holds_are_refused_with_a_message(self):
        for number in ("1e400", "123456789012345678901234567890"):
            body = json.dumps(chat_body())[:-1] + f', "x": {number}}}'
            self.assertIn("number", self.refused(body, 400)["message"])

    def test_wrong_types_are_400_and_name_the_parameter(self):
        for change, param in (({"model": 5}, "model"), ({"model": None}, "model"),
                              ({"messages": "x"}, "messages"), ({"messages": []}, "messages"),
                              ({"messages": [5]}, "messages"), ({"stream": "yes"}, "stream"),
                              ({"messages": [{"role": 1, "content": "x"}]}, "messages"),
                              ({"messages": [{"role": "user", "content": 5}]}, "messages")):
            with self.subTest(change=change):
                error = self.refused({**chat_body(), **change}, 400)
                self.assertTrue((error["param"] or "").startswith(param), error)
        for missing in ("model", "messages"):
            body = chat_body()
            del body[missing]
            with self.subTest(missing=missing):
                self.assertEqual(self.refused(body, 400)["param"], missing)

    def test_a_model_given_twice_is_400(self):
        self.refused('{"model":"auto","model":"large","messages":[{"role":"user","content":"x"}]}',
                     400)
        self.refused('{"model":"auto","\\u006dodel":"large",'
                     '"messages":[{"role":"user","content":"x"}]}', 400)

    def test_an_unknown_model_is_404_with_the_nearest_names(self):
        error = self.refused(chat_body(model="lagre"), 404)
        self.assertEqual((error["param"], error["code"]), ("model", "model_not_found"))
        self.assertIn("large", error["message"])
        self.assertNotIn("small", error["message"])

    def test_a_body_of_33_mb_is_413_and_the_gateway_serves_on(self):
        with RawConnection(self.gateway) as c:
            body = json.dumps(chat_body("x" * (33 << 20))).encode()
            try:
                c.send(post(body))
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = c.answer()
        self.assertEqual(answer.status, 413)
        self.assertTrue(answer.error()["message"])
        # The same without announcing the length.
        with RawConnection(self.gateway) as c:
            try:
                c.send(post(b"", "Transfer-Encoding: chunked"))
                for _ in range(33):
                    c.send(b"100000\r\n" + b"x" * (1 << 20) + b"\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertEqual(c.answer().status, 413)
        self.assertEqual(self.gateway.chat().status, 200)

    def test_a_413_is_answered_before_the_body_has_come(self):
        with RawConnection(self.gateway) as c:
            c.send(post(b"", f"Content-Length: {33 << 20}"))
            self.assertEqual(c.answer().status, 413)

    def test_what_is_not_http_is_400_or_closed(self):
        for data, statuses in ((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" * 20, (400,)),
                               (b"GET\r\n\r\n", (400,)), (b"G" * 100_000, (400, 414, 431)),
                               (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n", (431,)),
                               (post("x", "Content-Length: 1", "Content-Length: 2"), (400,)),
                               (post("x", "Content-Length: -1"), (400,)),
                               (post("zz\r\n", "Transfer-Encoding: chunked"), (400,)),
                               (post("0\r\n\r\n", "Transfer-Encoding: chunked",
                                     "Content-Length: 5"), (400,))):
            with self.subTest(data=data[:60]), RawConnection(self.gateway) as c:
                try:
                    c.send(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                head = c.rest().split(b"\r\n")[0]
                self.assertTrue(head == b"" or int(head.split()[1]) in statuses, head)
        self.assertEqual(self.gateway.chat().status, 200)


class Keys(Case):
    CONFIG = {"keys": f"""keys:
  - {{ name: alice, hash: "{sha256('key-of-alice')}", role: user }}
  - {{ name: root, hash: "{sha256('key-of-root')}", role: admin }}"""}

    def test_a_missing_or_wrong_key_is_401(self):
        for headers in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": "key-of-alice"},
                        {"Authorization": "Basic key-of-alice"}, {"Authorization": "Bearer "},
                        {"Authorization": "Bearer key-of-alicekey-of-alice"}):
            for method, path, body in (("POST", "/v1/chat/completions", chat_body()),
                                       ("GET", "/v1/models", None),
                                       ("POST", "/v1/route", chat_body()),
                                       ("GET", "/v1/records/x", None),
                                       ("POST", "/v1/feedback", {"record": "x", "score": 1})):
                with self.subTest(path=path, headers=headers):
                    answer = self.gateway.request(method, path, body, headers)
                    self.assertEqual(answer.status, 401)
                    self.assertEqual(answer.error()["code"], "invalid_api_key")
        self.assertEqual(self.upstream.stats()["requests"], 0)

    def test_a_401_for_a_chat_carries_the_six_headers(self):
        self.assert_headers(self.gateway.chat(key="nobody"))

    def test_a_right_key_is_served_and_does_not_reach_the_upstream(self):
        self.assertEqual(self.gateway.chat(key="key-of-alice").status, 200)
        self.assertNotIn("key-of-alice", json.dumps(self.upstream.last()))

    def test_health_and_readiness_need_no_key(self):
        self.assertEqual(self.gateway.get("/healthz").status, 200)
        self.assertEqual(self.gateway.get("/readyz").status, 200)


class NoCandidate(Case):
    CONFIG = {"rules": """\
  auto:
    - { name: only, models: [small], policy: first }
"""}

    def test_no_candidate_is_422_and_names_the_guards(self):
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
        answer = self.gateway.chat({"model": "auto", "messages": [
            {"role": "user", "content": [{"type": "text", "text": "what is this"}, image]}]})
        self.assertEqual(answer.status, 422, answer.body)
        self.assertEqual(answer.error()["code"], "no_candidate")
        self.assertIn("capabilities", answer.error()["message"])
        self.assert_headers(answer)
        self.assertIn("capabilities", json.dumps(self.gateway.record(answer)))

    def test_a_prompt_longer_than_every_window_is_422(self):
        answer = self.gateway.chat(chat_body("many words " * 40_000))
        self.assertEqual(answer.status, 422, answer.body[:300])
        self.assertIn("context", answer.error()["message"])


class Patience(Case):
    """Clients that are slow, silent or deaf."""

    UPSTREAM = ("--chunks", "100000")

    def test_a_client_that_stops_reading_pauses_the_upstream_in_bounded_memory(self):
        before = self.gateway.rss_kb()
        clients = []
        for _ in range(2):
            c = RawConnection(self.gateway, receive_buffer=4096)
            self.addCleanup(c.close)
            c.send(post(chat_body("a flood", stream=True)))
            clients.append(c)

        # 100,000 events are about 20 MB a stream, more than the sockets hold; paused means that the
        # count of bytes stands still although every stream is still active.
        def paused():
            one = self.upstream.stats()
            time.sleep(0.3)
            two = self.upstream.stats()
            return two if one["bytes"] == two["bytes"] and two["active"] == 2 else None

        stats = until(paused, "the upstream is paused")
        grown = self.gateway.rss_kb() - before
        kit.measured("RSS growth with 2 stopped readers", f"{grown} KiB, upstream paused after "
                     f"{stats['bytes'] / 2 / 1024:.0f} KiB a stream")
        self.assertLess(grown, (48 if kit.SANITIZED else 16) * 1024)
        self.assertEqual(self.gateway.chat(chat_body(model="large"), fault="none").status, 200)
        # A reader that wakes up gets everything. With room: the kernel may drip 20 MB into 4 KB a retransmission at a time.
        clients[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        answer = clients[0].answer()
        self.assertEqual(answer.events()[-1], "[DONE]")

    def test_a_slow_loris_is_cut_off_while_others_are_served(self):
        started = time.monotonic()
        with RawConnection(self.gateway) as c:
            c.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Slow: ")
            c.socket.settimeout(0.25)
            status = None
            while status is None and time.monotonic() - started < 40:
                try:
                    c.send(b"a")
                    status = c.socket.recv(100)
                except socket.timeout:
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    status = b""
                self.assertEqual(self.gateway.get("/healthz").status, 200)
        took = time.monotonic() - started
        kit.measured("slow loris cut off after", f"{took:.1f} s")
        self.assertIsNotNone(status)
        self.assertTrue(status == b"" or status.startswith(b"HTTP/1.1 408"), status)


class Silence(unittest.TestCase):
    def test_ten_thousand_silent_connections_do_not_stop_the_service(self):
        wanted = 10_000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < wanted + 200:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + 1000, wanted + 1000))
            except (ValueError, OSError):
                self.skipTest(f"only {hard} descriptors are allowed here")
        else:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + 500, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        upstream = Upstream()
        self.addCleanup(upstream.stop)

        # The usual soft limit; the gateway must raise it by itself.
        def usual_limit():
            resource.setrlimit(resource.RLIMIT_NOFILE,
                               (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

        gateway = Gateway(config(upstream), preexec=usual_limit)
        self.addCleanup(gateway.stop)
        before = gateway.rss_kb()
        silent = []
        self.addCleanup(lambda: [s.close() for s in silent])
        started = time.monotonic()
        for i in range(wanted):
            s = socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE)
            silent.append(s)
            if i % 2_500 == 0:
                self.assertEqual(gateway.chat().status, 200)
        until(lambda: gateway.metric("switchyard_connections") >= wanted, "all are accepted")
        took = time.monotonic() - started
        latencies = []
        for _ in range(50):
            at = time.monotonic()
            self.assertEqual(gateway.chat().status, 200)
            latencies.append(time.monotonic() - at)
        kit.measured("10,000 silent connections", f"opened in {took:.1f} s, "
                     f"{(gateway.rss_kb() - before) / wanted:.2f} KiB each, median request beside "
                     f"them {sorted(latencies)[25] * 1e3:.2f} ms")
        self.assertLess(gateway.rss_kb() - before, 200 * 1024)


if __name__ == "__main__":
    unittest.main()
