"""switchyard models: what a pull brings, redirects, the store."""

import json
import os
import shutil
import ssl
import subprocess
import tempfile
import unittest

from hub import COMMIT, FILES, NAME, TOKEN, Case, sha256
from kit import PATIENCE, PROGRAM


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
