"""Configuration: at start, while running, and what the command line says of a broken one."""

import os
import re
import signal
import socket
import tempfile
import threading
import time
import unittest

import kit
from kit import Case, Gateway, RawConnection, Upstream, chat_body, config, post, sha256, until

BROKEN = "version: 1\nmodels:\n  - { name: small, upstrem: local }\n"


class Reload(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream()
        self.addCleanup(self.upstream.stop)
        self.good = config(self.upstream)
        self.other = config(self.upstream, rules="""\
  auto:
    - { name: changed, models: [large], policy: first }
""")

    def serve(self, text=None, **more):
        gateway = Gateway(text or self.good, **more)
        self.addCleanup(gateway.stop)
        return gateway

    def chosen(self, gateway):
        return gateway.chat().headers["x-switchyard-decision"]

    def test_sighup_reads_the_file_again(self):
        gateway = self.serve(options=["--no-watch"])
        self.assertEqual(self.chosen(gateway), "auto/otherwise")
        gateway.write(self.other)
        gateway.send_signal(signal.SIGHUP)
        until(lambda: self.chosen(gateway) == "auto/changed", "the new rules are in force")
        self.assertEqual(gateway.ready()["generation"], 2)
        self.assertEqual(gateway.metric("switchyard_config_reloads_total", result="ok"), 1)

    def test_a_changed_file_is_read_again_by_itself(self):
        gateway = self.serve(workers_text(self.good, 3))
        started = time.monotonic()
        gateway.write(workers_text(self.other, 3))
        until(lambda: self.chosen(gateway) == "auto/changed", "the new rules are in force")
        kit.measured("file change in force after", f"{time.monotonic() - started:.2f} s")
        # On every worker.
        until(lambda: all(self.chosen(gateway) == "auto/changed" for _ in range(20)), "everywhere")

    def test_a_file_that_is_written_in_place_is_read_again(self):
        gateway = self.serve()
        with open(gateway.file, "w", encoding="utf-8") as file:
            file.write(self.other)
        until(lambda: self.chosen(gateway) == "auto/changed", "the new rules are in force")

    def test_a_broken_file_leaves_the_running_one_in_force_and_says_why(self):
        gateway = self.serve()
        gateway.write(BROKEN)
        ready = until(lambda: gateway.ready().get("last_reload_refused") and gateway.ready(),
                      "the broken file is noticed")
        self.assertTrue(ready["ready"])
        self.assertRegex(ready["last_reload_refused"], r"c\.yaml:3:\d+: error: .*upstream")
        self.assertRegex(gateway.log(), r"c\.yaml:3:\d+: error: ")
        self.assertEqual(ready["generation"], 1)
        self.assertEqual(gateway.metric("switchyard_config_reloads_total", result="refused"), 1)
        self.assertEqual(self.chosen(gateway), "auto/otherwise")
        for text in ("", "{", "\0", "version: 2\n"):
            before = gateway.metric("switchyard_config_reloads_total", result="refused")
            gateway.write(text)
            until(lambda b=before: gateway.metric("switchyard_config_reloads_total",
                                                  result="refused") > b, f"{text!r} is refused")
            self.assertEqual(self.chosen(gateway), "auto/otherwise")
        gateway.write(self.other)
        until(lambda: self.chosen(gateway) == "auto/changed", "the repaired file is in force")
        self.assertNotIn("last_reload_refused", gateway.ready())

    def test_a_file_that_disappears_leaves_the_running_one_in_force(self):
        gateway = self.serve()
        os.remove(gateway.file)
        gateway.send_signal(signal.SIGHUP)
        until(lambda: "last_reload_refused" in gateway.ready(), "the missing file is told")
        self.assertEqual(self.chosen(gateway), "auto/otherwise")

    def test_requests_in_flight_across_reloads_finish(self):
        # Two upstreams at one address: they could share pools, and must not lose them.
        slow = Upstream("--models", "*=10:50", "--chunks", "60", fast=False)
        self.addCleanup(slow.stop)
        two = f'  second: {{ url: "{slow.url("/v1")}", headers: {{ x-second: "yes" }} }}'
        text = config(slow, upstreams=two).replace("name: large, upstream: local",
                                                   "name: large, upstream: second")
        gateway = self.serve(text, options=["--no-watch"])
        connections = []
        for i in range(8):
            c = RawConnection(gateway)
            self.addCleanup(c.close)
            c.send(post(chat_body(f"in flight {i}", model=("small", "large")[i % 2],
                                  stream=i % 4 < 2)))
            connections.append((c, i % 4 < 2))
        until(lambda: slow.stats()["active"] == 8, "all are under way")
        for n in range(4):
            changed = text.replace(slow.url("/v1"), slow.url("/v1").replace("127.0.0.1", "localhost")
                                   ) if n % 2 == 0 else text
            gateway.write(changed)
            gateway.send_signal(signal.SIGHUP)
            until(lambda n=n: gateway.ready()["generation"] == n + 2, "reloaded")
            self.assertEqual(slow.stats()["active"], 8, "the streams were not long enough")
        for c, stream in connections:
            answer = c.answer()
            self.assertEqual(answer.status, 200)
            if stream:
                self.assertEqual(answer.events()[-1], "[DONE]")
            else:
                self.assertTrue(answer.json()["choices"])
        self.assertEqual(slow.stats()["aborted"], 0)

    def test_keys_cannot_be_removed_from_a_listener_that_others_can_reach(self):
        keys = f'keys:\n  - {{ name: a, hash: "{sha256("k")}", role: user }}'
        gateway = self.serve(config(self.upstream, keys=keys, listen="0.0.0.0:0"))
        self.assertEqual(gateway.chat().status, 401)
        gateway.write(self.good)
        until(lambda: "keys" in gateway.ready().get("last_reload_refused", ""), "it is refused")
        self.assertEqual(gateway.chat().status, 401)
        self.assertEqual(gateway.chat(key="k").status, 200)

    def test_a_removed_key_stops_working_and_a_new_one_starts(self):
        def keys(name):
            return f'keys:\n  - {{ name: {name}, hash: "{sha256(name)}", role: user }}'

        gateway = self.serve(config(self.upstream, keys=keys("old")))
        self.assertEqual(gateway.chat(key="old").status, 200)
        gateway.write(config(self.upstream, keys=keys("new")))
        until(lambda: gateway.chat(key="new").status == 200, "the new key works")
        self.assertEqual(gateway.chat(key="old").status, 401)

    def test_sigterm_lets_requests_in_flight_finish(self):
        slow = Upstream("--models", "*=10:50", "--chunks", "40", fast=False)
        self.addCleanup(slow.stop)
        gateway = self.serve(config(slow, workers=2))
        connections = []
        for i in range(6):
            c = RawConnection(gateway)
            self.addCleanup(c.close)
            c.send(post(chat_body(f"last {i}", stream=True)))
            connections.append(c)
        until(lambda: slow.stats()["active"] == 6, "all are under way")
        gateway.send_signal(signal.SIGTERM)
        for c in connections:
            self.assertEqual(c.answer().events()[-1], "[DONE]")
        self.assertEqual(gateway.process.wait(kit.PATIENCE), 0)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", gateway.port), 1)


def workers_text(text, n):
    return re.sub(r"workers: \d+", f"workers: {n}", text)


class Start(unittest.TestCase):
    def fails(self, text, status, *patterns):
        with tempfile.TemporaryDirectory(prefix="swy-e2e-") as directory:
            name = os.path.join(directory, "c.yaml")
            if text is not None:
                with open(name, "w", encoding="utf-8") as file:
                    file.write(text)
            done = kit.run("serve", name)
            self.assertEqual(done.returncode, status, done.stderr)
            for pattern in patterns:
                self.assertRegex(done.stderr, pattern)

    def test_a_broken_file_is_exit_status_2_with_line_and_column(self):
        self.fails(BROKEN, 2, r"c\.yaml:3:\d+: error: ")
        self.fails("version: 1\nmodels: [\n", 2, r"c\.yaml:\d+:\d+: error: ")
        self.fails("", 2, r"c\.yaml:\d+:\d+: error: |c\.yaml: error: ")

    def test_a_missing_file_is_exit_status_2_and_named(self):
        self.fails(None, 2, r"c\.yaml")

    def test_a_busy_port_is_exit_status_3(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.fails(config("http://127.0.0.1:1/v1", listen=f"127.0.0.1:{s.getsockname()[1]}"), 3,
                       r"(?i)in use")

    def test_without_keys_it_listens_on_loopback_only(self):
        gateway = Gateway(config("http://127.0.0.1:1/v1", listen="0.0.0.0:0"))
        self.addCleanup(gateway.stop)
        self.assertIn("http://127.0.0.1:", gateway.first_line)
        self.assertIn("no keys", gateway.log())
        with open(f"/proc/{gateway.process.pid}/net/tcp", encoding="ascii") as file:
            listening = [line.split()[1] for line in file.read().splitlines()[1:]
                         if line.split()[3] == "0A"]
        self.assertIn(f"0100007F:{gateway.port:04X}", listening)
        self.assertNotIn(f"00000000:{gateway.port:04X}", listening)


class Load(unittest.TestCase):
    """Parallel clients on 1, 2 and 4 workers: nothing is lost, and the counts agree."""

    def test_no_request_is_lost_with_one_two_or_four_workers(self):
        for workers in (1, 2, 4):
            with self.subTest(workers=workers):
                self.one_load(workers)

    def one_load(self, workers):
        upstream = Upstream("--chunks", "5")
        gateway = Gateway(config(upstream, workers=workers))
        threads_n, each = 8, 60
        results, lock = [], threading.Lock()

        def client(t):
            mine = []
            # Several connections: the kernel spreads connections, not requests, over workers.
            for part in range(4):
                with RawConnection(gateway) as c:
                    for i in range(part * each // 4, (part + 1) * each // 4):
                        body = chat_body(f"client {t} request {i}", stream=i % 3 == 0,
                                         model=("auto", "small", "large")[i % 3])
                        fault = ("X-Script-Fault: status:500",) if i % 10 == 9 else ()
                        c.send(post(body, *fault))
                        answer = c.answer()
                        text = answer.content() if answer.status == 200 and i % 3 == 0 else \
                            answer.body.decode()
                        mine.append((answer.status, i % 10 == 9, answer.record,
                                     f"client {t} request {i}" in text))
            with lock:
                results.extend(mine)

        try:
            started = time.monotonic()
            threads = [threading.Thread(target=client, args=(t,)) for t in range(threads_n)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            took = time.monotonic() - started
            total = threads_n * each
            self.assertEqual(len(results), total)
            self.assertEqual(len({r[2] for r in results}), total, "record ids are unique")
            for status, faulty, _, right in results:
                self.assertEqual(status, 500 if faulty else 200)
                self.assertTrue(faulty or right, "an answer went to somebody else")
            failed = sum(1 for r in results if r[1])
            self.assertEqual(upstream.stats()["requests"], total)
            self.assertEqual(gateway.metric("switchyard_chat_requests_total"), total)
            self.assertEqual(gateway.metric("switchyard_records_written_total"), total)
            self.assertEqual(gateway.metric("switchyard_model_requests_total",
                                            outcome="answered"), total - failed)
            self.assertEqual(gateway.metric("switchyard_model_requests_total",
                                            outcome="failed"), failed)
            kit.measured(f"{workers} workers", f"{total} requests in {took:.2f} s, none lost")
        finally:
            gateway.stop()
            upstream.stop()


if __name__ == "__main__":
    unittest.main()
