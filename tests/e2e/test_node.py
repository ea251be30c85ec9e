"""Runs node/clients.test.cjs, the official OpenAI client for Node, against a gateway."""

import os
import re
import shutil
import subprocess
import unittest

import kit
from kit import Gateway, Upstream, config, sha256

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.join(kit.CLIENTS, "node", "node_modules")


@unittest.skipUnless(shutil.which("node"), "there is no node here")
@unittest.skipUnless(os.path.isdir(os.path.join(MODULES, "openai")),
                     "the official Node client is not installed: tests/e2e/setup.sh DIR")
class NodeClient(unittest.TestCase):
    def test_the_official_node_client_works_unmodified(self):
        upstream = Upstream("--chunks", "12")
        self.addCleanup(upstream.stop)
        slow = Upstream("--models", "*=5:100", "--chunks", "10000", fast=False)
        self.addCleanup(slow.stop)
        rules = """\
  auto:
    - { name: otherwise, models: [small, large], policy: first }
  tiny:
    - { name: only, models: [small], policy: first }
"""
        keys = f'keys:\n  - {{ name: a, hash: "{sha256("right")}", role: user }}'
        gateway = Gateway(config(upstream, keys=keys, rules=rules))
        self.addCleanup(gateway.stop)
        slow_gateway = Gateway(config(slow, keys=keys))
        self.addCleanup(slow_gateway.stop)
        done = subprocess.run(
            ["node", "--test", os.path.join(HERE, "node", "clients.test.cjs")],
            env={**os.environ, "NODE_PATH": MODULES, "GATEWAY": gateway.url("/v1"),
                 "SLOW_GATEWAY": slow_gateway.url("/v1"), "UPSTREAM": upstream.url(),
                 "SLOW_UPSTREAM": slow.url(), "ABORT_MS": "2000" if kit.LOADED else "200"},
            capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        passed = int(re.search(r"pass (\d+)", done.stdout).group(1))
        self.assertGreaterEqual(passed, 12, done.stdout)
        kit.measured("Node client", f"{passed} tests passed; " + "; ".join(
            re.findall(r"measured: (.*)", done.stdout)))


if __name__ == "__main__":
    unittest.main()
