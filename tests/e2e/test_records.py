"""Records: every request leaves one, for those who may see it, and none that was acknowledged is
lost: not by kill -9, not by a torn tail; a full disk is survived and told."""

import glob
import json
import os
import resource
import shutil
import signal
import tempfile
import threading
import time
import unittest

import kit
from kit import Case, Gateway, RawConnection, Upstream, chat_body, config, post, sha256, until


def files_of(directory):
    return sorted(glob.glob(os.path.join(directory, "records", "*")))


class Contents(Case):
    def test_every_request_leaves_a_record_that_can_be_read_at_once(self):
        cases = [(chat_body(), None, 200), (chat_body(stream=True), None, 200),
                 (chat_body(model="large"), None, 200), (b"{", None, 400),
                 (chat_body(model="nobody"), None, 404), (chat_body(), "status:500", 500),
                 (chat_body(), "reset:0", 502), (chat_body(stream=True), "cut:3", 200)]
        for body, fault, status in cases:
            with self.subTest(body=body, fault=fault):
                answer = self.gateway.chat(body, fault=fault)
                record = self.gateway.record(answer)
                self.assertEqual(answer.status, status)
                self.assertEqual(record["id"], answer.record)
                self.assertEqual(record["kind"], "request")
                self.assertEqual(record["outcome"]["status"], status)
                self.assertIn("total_us", record["times"])

    def test_a_record_tells_the_decision_and_the_outcome(self):
        answer = self.gateway.chat(chat_body("def f(x): pass"))
        record = self.gateway.record(answer)
        decision = record["decision"]
        self.assertEqual((decision["set"], decision["rule"], decision["choice"]),
                         ("auto", "coding", "large"))
        self.assertEqual(decision["propensity"], 1)
        self.assertEqual(decision["facts"][0]["signal"], "code")
        usage = answer.json()["usage"]
        self.assertEqual((record["outcome"]["tokens_in"], record["outcome"]["tokens_out"]),
                         (usage["prompt_tokens"], usage["completion_tokens"]))
        self.assertEqual(record["outcome"]["cost_nano"],
                         usage["prompt_tokens"] * 2000 + usage["completion_tokens"] * 8000)

    def test_prompts_are_not_kept_unless_configured(self):
        self.gateway.chat(chat_body("a very secret prompt"))
        for name in files_of(self.gateway.directory):
            with open(name, "rb") as file:
                self.assertNotIn(b"a very secret prompt", file.read())
        gateway = self.start(Gateway(config(self.upstream, records=False,
                                            extra="records: { path: records/, bodies: true }\n")))
        body = json.dumps(chat_body("kept on purpose"))
        self.assertEqual(gateway.record(gateway.chat(body))["body"], body)

    def test_an_unknown_record_id_is_404_and_an_absurd_one_400(self):
        for name, status in (("rec_00000000000000000000000000", 404), ("x", 400),
                             ("..%2f..%2fetc%2fpasswd", 400), ("a" * 5000, 400), ("", 400)):
            self.assertEqual(self.gateway.get(f"/v1/records/{name}").status, status)

    def test_feedback_is_accepted_for_known_records_only(self):
        name = self.gateway.chat().record
        good = self.gateway.request("POST", "/v1/feedback",
                                    {"record": name, "score": 0.5, "comment": "so so"})
        self.assertEqual(good.status, 200, good.body)
        lines = b""
        for file_name in files_of(self.gateway.directory):
            with open(file_name, "rb") as file:
                lines += file.read()
        self.assertIn(b'"kind":"feedback","record":"' + name.encode(), lines)
        for body, status in (({"record": "rec_x", "score": 1}, 400),
                             ({"record": "rec_00000000000000000000000000", "score": 1}, 404),
                             ({"score": 1}, 400),
                             ({"record": name}, 400), ({"record": name, "score": 2}, 400),
                             ({"record": name, "score": "good"}, 400), ([], 400), ("{", 400)):
            with self.subTest(body=body):
                answer = self.gateway.request("POST", "/v1/feedback", body)
                self.assertEqual(answer.status, status, answer.body)

    def test_without_records_the_gateway_serves_and_says_that_they_are_off(self):
        gateway = self.start(Gateway(config(self.upstream, records=False)))
        answer = gateway.chat()
        self.assertEqual(answer.status, 200)
        missing = gateway.get(f"/v1/records/{answer.record}")
        self.assertEqual(missing.status, 404)
        self.assertIn("off", missing.error()["message"])


class Owners(Case):
    CONFIG = {"keys": f"""keys:
  - {{ name: alice, hash: "{sha256('alice-key')}", role: user }}
  - {{ name: bob, hash: "{sha256('bob-key')}", role: user }}
  - {{ name: root, hash: "{sha256('root-key')}", role: admin }}"""}

    def test_callers_see_their_own_records_and_an_admin_sees_all(self):
        for body in (chat_body(), chat_body(stream=True), b"{", chat_body(model="nobody")):
            answer = self.gateway.chat(body, key="alice-key")
            with self.subTest(body=body):
                self.assertIsNotNone(self.gateway.record(answer, "alice-key"))
                self.assertIsNone(self.gateway.record(answer, "bob-key"))
                self.assertIsNotNone(self.gateway.record(answer, "root-key"))

    def test_nobody_can_give_feedback_on_the_records_of_others(self):
        name = self.gateway.chat(key="alice-key").record
        for key, status in (("bob-key", 404), ("alice-key", 200), ("root-key", 200)):
            answer = self.gateway.request("POST", "/v1/feedback", {"record": name, "score": 1},
                                          {"Authorization": f"Bearer {key}"})
            self.assertEqual(answer.status, status)

    def test_a_refused_caller_leaves_a_record_that_only_an_admin_sees(self):
        answer = self.gateway.chat(key="nobody")
        self.assertEqual(answer.status, 401)
        self.assertEqual(self.gateway.record(answer, "root-key")["outcome"]["status"], 401)
        self.assertIsNone(self.gateway.record(answer, "alice-key"))


class Crashes(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swy-e2e-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.upstream = Upstream()
        self.addCleanup(self.upstream.stop)

    def serve(self, **more):
        gateway = Gateway(config(self.upstream, **more), directory=self.directory)
        self.addCleanup(gateway.stop)
        return gateway

    def load(self, gateway, acknowledged, stop):
        """Requests on one connection until told to stop; notes the records of whole answers."""
        i = 0
        while not stop.is_set():
            try:
                with RawConnection(gateway) as c:
                    while not stop.is_set():
                        i += 1
                        c.send(post(chat_body(f"number {i}", stream=i % 2 == 0)))
                        answer = c.answer()
                        whole = answer.events()[-1] == "[DONE]" if i % 2 == 0 else answer.json()
                        if answer.status == 200 and whole:
                            acknowledged.append(answer.record)
            except (OSError, ValueError, EOFError, IndexError, kit.http.client.HTTPException):
                if gateway.process.poll() is not None:
                    return

    def test_no_acknowledged_record_is_lost_by_kill_9(self):
        acknowledged = []
        for round_ in range(3):
            gateway = self.serve(workers=2)
            stop = threading.Event()
            wanted = len(acknowledged) + 150
            threads = [threading.Thread(target=self.load, args=(gateway, acknowledged, stop))
                       for _ in range(4)]
            for t in threads:
                t.start()
            until(lambda: len(acknowledged) >= wanted, "requests are served")
            gateway.stop(signal.SIGKILL)
            stop.set()
            for t in threads:
                t.join()
            self.assertEqual(gateway.process.returncode, -signal.SIGKILL, f"round {round_}")
        on_disk = set()
        for name in files_of(self.directory):
            with open(name, "rb") as file:
                for line in file.read().split(b"\n"):
                    at = line.find(b'{"v":1')
                    if at >= 0:
                        try:
                            on_disk.add(json.loads(line[at:])["id"])
                        except ValueError:
                            continue  # the torn tail
        self.assertEqual(set(acknowledged) - on_disk, set())
        gateway = self.serve()
        for name in acknowledged[::25]:
            self.assertIsNotNone(gateway.record(name), name)
        kit.measured("acknowledged records after 3 x kill -9",
                     f"{len(acknowledged)} of {len(acknowledged)} on disk")

    def test_a_torn_tail_is_ignored(self):
        gateway = self.serve()
        names = [gateway.chat().record for _ in range(5)]
        gateway.stop(signal.SIGKILL)
        last = max(files_of(self.directory), key=os.path.getsize)
        with open(last, "r+b") as file:
            file.truncate(os.path.getsize(last) - 7)
        gateway = self.serve()
        for name in names[:4]:
            self.assertEqual(gateway.record(name)["id"], name)
        self.assertIsNone(gateway.record(names[4]))
        self.assertIsNotNone(gateway.record(gateway.chat()))

    def test_garbage_in_a_record_file_does_no_harm(self):
        gateway = self.serve()
        name = gateway.chat().record
        gateway.stop()
        for file_name in files_of(self.directory):
            with open(file_name, "ab") as file:
                file.write(bytes(range(256)) * 20)
        with open(os.path.join(self.directory, "records", "notes.txt"), "wb") as file:
            file.write(b"not a record file")
        gateway = self.serve()
        self.assertIsNotNone(gateway.record(name))
        self.assertIsNotNone(gateway.record(gateway.chat()))

    def test_a_full_disk_is_survived_counted_and_told(self):
        def small_disk():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

        gateway = Gateway(config(self.upstream), directory=self.directory, preexec=small_disk)
        self.addCleanup(gateway.stop)

        def full():
            self.assertEqual(gateway.chat().status, 200)
            return gateway.metric("switchyard_records_dropped_total") >= 3

        until(full, "records are dropped")
        self.assertIn("record not written", gateway.log())
        self.assertEqual(gateway.chat(chat_body(stream=True)).events()[-1], "[DONE]")
        dropped = gateway.metric("switchyard_records_dropped_total")
        written = gateway.metric("switchyard_records_written_total")
        self.assertEqual(dropped + written, gateway.metric("switchyard_chat_requests_total"))
        # Room again: the same process goes on recording, behind a whole line.
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        answer = gateway.chat()
        self.assertEqual(gateway.record(answer)["id"], answer.record)
        self.assertEqual(gateway.metric("switchyard_records_dropped_total"), dropped)

    def test_a_record_directory_that_cannot_be_made_is_exit_status_3(self):
        with open(os.path.join(self.directory, "records"), "wb"):
            pass
        with open(os.path.join(self.directory, "c.yaml"), "w", encoding="utf-8") as file:
            file.write(config(self.upstream))
        done = kit.run("serve", os.path.join(self.directory, "c.yaml"))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("records", done.stderr)


if __name__ == "__main__":
    unittest.main()
