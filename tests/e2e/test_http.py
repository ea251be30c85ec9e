"""HTTP as a client sees it: bodies, headers, connections, paths."""

import json
import socket
import unittest

from kit import HEADERS, Case, RawConnection, chat_body, post


class Bodies(Case):
    def test_the_body_reaches_the_upstream_byte_for_byte_except_the_model(self):
        bodies = [
            '{"model":"auto","messages":[{"role":"user","content":"x"}]}',
            '  {\t"messages" : [ {"content":"caf\\u00e9 \\ud83d\\ude00 \\/", "role" : "user"} ] ,\r\n'
            ' "unknown_field": {"a":[1,2.50,1e300,-0,18446744073709551615,0.1e-7]},\n'
            ' "model"  :  "auto" , "temperature":1.0e+0, "n" : 1, "stop":null }  \n',
            '{"messages":[{"role":"user","content":"\\"model\\":\\"auto\\" grüße 日本"}],'
            '"metadata":{"model":"auto"},"model":"auto"}',
            '{"\\u006dodel":"\\u0061uto","messages":[{"role":"user","content":"x"}]}',
        ]
        for body in bodies:
            with self.subTest(body=body):
                answer = self.gateway.chat(body)
                self.assertEqual(answer.status, 200, answer.body)
                got = self.upstream.last()["body"]
                before, after = ("\\u0061uto", "sim-small") if "\\u0061uto" in body else \
                    ("auto", "sim-small")
                at = body.rindex(f'"{before}"') + 1
                self.assertEqual(got, body[:at] + after + body[at + len(before):])

    def test_a_large_body_reaches_the_upstream_whole(self):
        body = json.dumps(chat_body("word " * 200_000))
        answer = self.gateway.chat(body, timeout=60)
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.upstream.last()["body_bytes"], len(body) - len("auto") + len("sim-large"
                         if answer.headers["x-switchyard-model"] == "large" else "sim-small"))

    def test_a_chunked_request_body_is_read(self):
        body = json.dumps(chat_body("chunked")).encode()
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7])
                          for i in range(0, len(body), 7)) + b"0\r\n\r\n"
        with RawConnection(self.gateway) as c:
            c.send(post(b"", "Transfer-Encoding: chunked") + chunks)
            self.assertEqual(c.answer().status, 200)
        self.assertEqual(self.upstream.last()["body"],
                         body.decode().replace('"auto"', '"sim-small"'))

    def test_expect_100_continue_is_answered_before_the_body_is_sent(self):
        body = json.dumps(chat_body("expected")).encode()
        with RawConnection(self.gateway) as c:
            c.send(post(b"", "Expect: 100-continue", f"Content-Length: {len(body)}"))
            self.assertEqual(c.reader.readline(), b"HTTP/1.1 100 Continue\r\n")
            while c.reader.readline() != b"\r\n":
                pass
            c.send(body)
            self.assertEqual(c.answer().status, 200)

    def test_a_body_that_comes_byte_by_byte_is_read(self):
        with RawConnection(self.gateway) as c:
            for byte in post(chat_body("slow but steady")):
                c.send(bytes([byte]))
            self.assertEqual(c.answer().status, 200)

    def test_request_headers_pass_but_credentials_and_hop_headers_do_not(self):
        self.gateway.chat(headers={"X-Custom": "kept", "Authorization": "Bearer client-secret",
                                   "Cookie": "secret", "X-Api-Key": "secret", "TE": "trailers",
                                   "Connection": "x-private", "X-Private": "hop"})
        seen = self.upstream.last()["headers"]
        self.assertEqual(seen["x-custom"], "kept")
        for name in ("authorization", "cookie", "x-api-key", "te", "x-private"):
            self.assertNotIn(name, seen)


class Headers(Case):
    def test_success_stream_and_explicit_model_carry_the_six_headers(self):
        for body in (chat_body(), chat_body(stream=True), chat_body(model="large")):
            with self.subTest(body=body):
                answer = self.gateway.chat(body)
                self.assertEqual(answer.status, 200)
                self.assert_headers(answer)

    def test_errors_of_every_kind_carry_the_six_headers(self):
        cases = [(b"{", None, 400), (b'{"model":"auto"}', None, 400),
                 (chat_body(model="smal"), None, 404), (chat_body(), "status:429:7", 429),
                 (chat_body(), "status:500", 500), (chat_body(), "reset:0", 502),
                 (chat_body(), "empty", 502), (chat_body(stream=True), "reset:0", 502),
                 (chat_body(stream=True), "status:503", 503)]
        for body, fault, status in cases:
            with self.subTest(body=body, fault=fault):
                answer = self.gateway.chat(body, fault=fault)
                self.assertEqual(answer.status, status, answer.body)
                self.assertEqual(set(answer.error()), {"message", "type", "param", "code"})
                self.assert_headers(answer)

    def test_a_fact_chooses_the_model_and_the_headers_say_so(self):
        answer = self.gateway.chat(chat_body("please fix def f(x): return"))
        self.assertEqual(answer.headers["x-switchyard-model"], "large")
        self.assertEqual(answer.headers["x-switchyard-decision"], "auto/coding")
        self.assertEqual(self.upstream.last()["body"].count("sim-large"), 1)

    def test_an_explicit_model_goes_straight_there(self):
        for name in ("small", "large"):
            answer = self.gateway.chat(chat_body("def f", model=name))
            self.assertEqual(answer.headers["x-switchyard-model"], name)
            self.assertEqual(answer.headers["x-switchyard-decision"], "named")
            self.assertEqual(answer.json()["model"], f"sim-{name}")

    def test_cost_and_added_time_are_numbers(self):
        answer = self.gateway.chat()
        usage = answer.json()["usage"]
        expected = (usage["prompt_tokens"] * 0.10 + usage["completion_tokens"] * 0.40) / 1e6
        self.assertAlmostEqual(float(answer.headers["x-switchyard-cost-usd"]), expected, places=9)
        self.assertGreaterEqual(int(answer.headers["x-switchyard-added-us"]), 0)

    def test_headers_are_never_given_twice(self):
        answer = self.gateway.chat()
        for name in HEADERS + ("content-type", "content-length"):
            self.assertEqual(len(answer.headers.get_all(name)), 1, name)

    def test_an_upstream_cannot_forge_or_split_headers(self):
        answer = self.gateway.chat(chat_body(model="x\r\nx-injected: yes\r\n\r\n"))
        self.assertEqual(answer.status, 404)
        self.assertIsNone(answer.headers.get("x-injected"))


class Connections(Case):
    def test_one_connection_serves_many_requests(self):
        with RawConnection(self.gateway) as c:
            for i in range(20):
                c.send(post(chat_body(f"request {i}", stream=i % 2 == 1)))
                answer = c.answer()
                self.assertEqual(answer.status, 200)
                self.assertIn(f"request {i}", answer.body.decode() if i % 2 == 0
                              else answer.content())

    def test_pipelined_requests_are_answered_in_order(self):
        with RawConnection(self.gateway) as c:
            c.send(b"".join(post(chat_body(f"number {i}", stream=i % 3 == 2)) for i in range(8)))
            for i in range(8):
                answer = c.answer()
                text = answer.content() if i % 3 == 2 else \
                    answer.json()["choices"][0]["message"]["content"]
                self.assertIn(f"number {i}", text)
        self.assertEqual(self.upstream.stats()["aborted"], 0)

    def test_an_error_does_not_end_keep_alive(self):
        with RawConnection(self.gateway) as c:
            c.send(post("{") + post(chat_body(model="nobody")) + post(chat_body()))
            self.assertEqual([c.answer().status for _ in range(3)], [400, 404, 200])

    def test_connection_close_and_http_1_0_end_the_connection(self):
        body = json.dumps(chat_body()).encode()
        for request in (post(body, "Connection: close"),
                        post(body).replace(b"HTTP/1.1", b"HTTP/1.0", 1)):
            with RawConnection(self.gateway) as c:
                c.send(request)
                self.assertEqual(c.answer().status, 200)
                self.assertEqual(c.rest(), b"")

    def test_a_stream_to_an_http_1_0_client_is_not_chunked(self):
        with RawConnection(self.gateway) as c:
            c.send(post(chat_body(stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
            head, _, body = c.rest().partition(b"\r\n\r\n")
            self.assertNotIn(b"chunked", head.lower())
            self.assertTrue(body.startswith(b"data: "), body[:50])
            self.assertTrue(body.endswith(b"data: [DONE]\n\n"), body[-50:])

    def test_a_client_that_closes_its_sending_side_still_gets_its_answer(self):
        with RawConnection(self.gateway) as c:
            c.send(post(chat_body("half closed")))
            c.socket.shutdown(socket.SHUT_WR)
            data = c.rest()
        # Half-closed looks like gone. Either is allowed, but never something that is no answer.
        self.assertTrue(data == b"" or b"half closed" in data, data)


class Paths(Case):
    def test_head_of_readable_paths_has_no_body(self):
        for path in ("/healthz", "/readyz", "/v1/models", "/metrics"):
            with self.subTest(path=path), RawConnection(self.gateway) as c:
                c.send(f"HEAD {path} HTTP/1.1\r\nHost: g\r\n\r\n"
                       f"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n".encode())
                head = c.answer("HEAD")
                self.assertEqual((head.status, head.body), (200, b""))
                self.assertGreater(int(head.headers["content-length"]), 0)
                self.assertEqual(c.answer("GET").json(), {"status": "ok"})

    def test_known_paths_refuse_other_methods_with_405(self):
        for method, path in (("OPTIONS", "/v1/chat/completions"), ("HEAD", "/v1/chat/completions"),
                             ("GET", "/v1/chat/completions"), ("DELETE", "/v1/models"),
                             ("PUT", "/v1/route"), ("PATCH", "/healthz"), ("POST", "/metrics"),
                             ("POST", "/v1/records/x"), ("DELETE", "/v1/models/small")):
            with self.subTest(method=method, path=path):
                answer = self.gateway.request(method, path)
                self.assertEqual(answer.status, 405)
                self.assertTrue(answer.headers["allow"])
                if method != "HEAD":
                    self.assertEqual(answer.error()["code"], "method_not_allowed")

    def test_an_unknown_path_is_404_and_names_the_known_ones(self):
        answer = self.gateway.get("/v2/nothing")
        self.assertEqual(answer.status, 404)
        self.assertIn("/v1/chat/completions", answer.error()["message"])

    def test_models_lists_rule_sets_and_models(self):
        self.assertEqual([m["id"] for m in self.gateway.get("/v1/models").json()["data"]],
                         ["auto", "small", "large"])
        self.assertEqual(self.gateway.get("/v1/models/small").json()["id"], "small")
        missing = self.gateway.get("/v1/models/smal")
        self.assertEqual(missing.status, 404)
        self.assertIn("small", missing.error()["message"])

    def test_route_ranks_candidates_and_calls_nobody(self):
        answer = self.gateway.request("POST", "/v1/route", chat_body("def f(x)"))
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json()["model"], "large")
        self.assertEqual(answer.json()["decision"], "coding")
        self.assertTrue(answer.json()["ranked"])
        self.assertEqual(self.upstream.stats()["requests"], 0)

    def test_route_of_an_unknown_rule_set_is_404_with_the_nearest_names(self):
        answer = self.gateway.request("POST", "/v1/route", chat_body(model="aut"))
        self.assertEqual(answer.status, 404)
        self.assertIn("auto", answer.error()["message"])


if __name__ == "__main__":
    unittest.main()
