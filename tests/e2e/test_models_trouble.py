"""switchyard models pull: what goes wrong on the way, and what must not be installed."""

import os
import shutil
import socket
import unittest

from hub import NAME, TOKEN, WEIGHTS, Case, sha256


class Trouble(Case):
    # On the way.

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


if __name__ == "__main__":
    unittest.main()
