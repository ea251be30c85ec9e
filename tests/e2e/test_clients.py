"""The official OpenAI client for Python, unmodified: only base_url says that this is a gateway."""

import time
import unittest

import kit
from kit import Case, Gateway, Upstream, config, sha256, until

try:
    import openai
except ImportError:
    openai = None
INSTALLED = unittest.skipUnless(openai, "the official Python client is not installed: "
                                "tests/e2e/setup.sh DIR")

HELLO = [{"role": "user", "content": "Hello, who are you?"}]
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a city", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]


@INSTALLED
class PythonClient(Case):
    CONFIG = {"keys": f'keys:\n  - {{ name: a, hash: "{sha256("right")}", role: user }}',
              "rules": """\
  auto:
    - { name: coding, when: code, models: [large], policy: first }
    - { name: otherwise, models: [small, large], policy: first }
  tiny:
    - { name: only, models: [small], policy: first }
"""}
    UPSTREAM = ("--chunks", "12")

    def client(self, **more):
        client = openai.OpenAI(**{"base_url": self.gateway.url("/v1"), "api_key": "right",
                                  "max_retries": 0, **more})
        self.addCleanup(client.close)
        return client

    def create(self, *, fault=None, client=None, **more):
        headers = {"x-script-fault": fault} if fault else {}
        return (client or self.client()).chat.completions.create(
            **{"model": "auto", "messages": HELLO, "extra_headers": headers, **more})

    def test_a_plain_answer(self):
        answer = self.create()
        self.assertEqual(answer.model, "sim-small")
        self.assertIn("Hello, who are you?", answer.choices[0].message.content)
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertGreater(answer.usage.total_tokens, 0)

    def test_the_headers_of_the_gateway_are_readable(self):
        raw = self.client().chat.completions.with_raw_response.create(model="auto", messages=HELLO)
        self.assertEqual(raw.headers["x-switchyard-model"], "small")
        self.assertTrue(raw.parse().id)

    def test_a_stream_has_the_content_of_the_plain_answer(self):
        plain = self.create().choices[0].message.content
        chunks = list(self.create(stream=True))
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks), plain)
        self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")

    def test_a_stream_with_include_usage_ends_with_the_usage(self):
        chunks = list(self.create(stream=True, stream_options={"include_usage": True}))
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.completion_tokens, 0)
        self.assertTrue(all(c.usage is None for c in chunks[:-1]))

    def test_tools_reach_the_upstream_as_they_were_sent(self):
        self.create(tools=TOOLS, tool_choice="auto", parallel_tool_calls=False)
        seen = kit.json.loads(self.upstream.last()["body"])
        self.assertEqual(seen["tools"], TOOLS)
        self.assertEqual((seen["tool_choice"], seen["parallel_tool_calls"]), ("auto", False))

    def test_a_rule_reads_what_the_client_sends(self):
        answer = self.create(messages=[{"role": "user", "content": "explain def f(x)"}])
        self.assertEqual(answer.model, "sim-large")

    def test_models_list(self):
        self.assertEqual([m.id for m in self.client().models.list()],
                         ["auto", "tiny", "small", "large"])
        self.assertEqual(self.client().models.retrieve("small").id, "small")
        with self.assertRaises(openai.NotFoundError):
            self.client().models.retrieve("nobody")

    def test_401_is_an_authentication_error(self):
        with self.assertRaises(openai.AuthenticationError) as caught:
            self.create(client=self.client(api_key="wrong"))
        self.assertEqual(caught.exception.code, "invalid_api_key")

    def test_404_is_a_not_found_error_with_the_nearest_names(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.create(model="lrge")
        self.assertIn("large", caught.exception.message)
        self.assertEqual((caught.exception.code, caught.exception.param),
                         ("model_not_found", "model"))

    def test_400_is_a_bad_request_error(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.create(messages=[])
        self.assertEqual(caught.exception.param, "messages")

    def test_422_is_an_unprocessable_entity_error_that_names_the_guards(self):
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
        with self.assertRaises(openai.UnprocessableEntityError) as caught:
            self.create(model="tiny", messages=[{"role": "user", "content": [image]}])
        self.assertIn("capabilities", caught.exception.message)

    def test_429_of_the_upstream_is_a_rate_limit_error_with_retry_after(self):
        for stream in (False, True):
            with self.assertRaises(openai.RateLimitError) as caught:
                self.create(fault="status:429:7", stream=stream)
            self.assertEqual(caught.exception.response.headers["retry-after"], "7")
            self.assertEqual(caught.exception.code, "rate_limit_exceeded")

    def test_the_clients_own_retry_succeeds_after_a_429(self):
        self.upstream.faults({"fault": "status:429:1", "times": 1})
        answer = self.create(client=self.client(max_retries=2))
        self.assertTrue(answer.choices[0].message.content)
        self.assertEqual(self.upstream.stats()["requests"], 2)

    def test_5xx_is_an_internal_server_error(self):
        for fault in ("status:500", "status:503", "reset:0", "malformed:0", "empty"):
            with self.subTest(fault=fault), self.assertRaises(openai.InternalServerError):
                self.create(fault=fault)

    def test_a_failure_in_the_middle_of_a_stream_raises_api_error(self):
        for fault in ("reset:4", "cut:4", "undone:4", "malformed:4", "error:4"):
            with self.subTest(fault=fault):
                seen = []
                with self.assertRaises(openai.APIError):
                    for chunk in self.create(fault=fault, stream=True):
                        seen.append(chunk)
                self.assertLessEqual(len(seen), 4)
                if not fault.startswith("reset"):  # a reset may overtake what was sent before
                    self.assertEqual(len(seen), 4)

    def test_closing_a_stream_stops_the_upstream_at_once(self):
        slow = self.start(Upstream("--models", "*=5:100", "--chunks", "10000", fast=False))
        gateway = self.start(Gateway(config(slow)))
        client = self.client(base_url=gateway.url("/v1"))
        times = []
        for _ in range(3):
            slow.reset()
            stream = self.create(client=client, stream=True)
            next(iter(stream))
            started = time.monotonic()
            stream.close()
            until(lambda: slow.stats()["aborted"] == 1, "the upstream stops", 5)
            times.append(time.monotonic() - started)
        kit.measured("Python client: close() seen by the upstream after",
                     f"median {sorted(times)[1] * 1e3:.1f} ms")
        self.assertLess(sorted(times)[1], 0.2 if not kit.LOADED else 2)

    def test_a_timeout_of_the_client_stops_the_upstream(self):
        with self.assertRaises(openai.APITimeoutError):
            self.create(client=self.client(timeout=0.3), fault="stall:0")
        until(lambda: self.upstream.stats()["aborted"] == 1, "the upstream stops", 5)


@INSTALLED
class AsyncPythonClient(unittest.IsolatedAsyncioTestCase):
    async def test_many_requests_at_once_all_come_back(self):
        import asyncio
        upstream = Upstream()
        self.addCleanup(upstream.stop)
        gateway = Gateway(config(upstream, workers=2))
        self.addCleanup(gateway.stop)
        async with openai.AsyncOpenAI(base_url=gateway.url("/v1"), api_key="any",
                                      max_retries=0) as client:
            async def one(i):
                messages = [{"role": "user", "content": f"number {i}."}]
                if i % 2:
                    answer = await client.chat.completions.create(model="auto", messages=messages)
                    return answer.choices[0].message.content
                text = ""
                async for chunk in await client.chat.completions.create(
                        model="auto", messages=messages, stream=True):
                    text += chunk.choices[0].delta.content or ""
                return text

            answers = await asyncio.gather(*(one(i) for i in range(60)))
        for i, text in enumerate(answers):
            self.assertIn(f"number {i}.", text)


if __name__ == "__main__":
    unittest.main()
