"""Upstreams over TLS: whom the gateway trusts."""

import os
import shutil
import subprocess
import tempfile
import unittest

from kit import Gateway, Upstream, chat_body, config, until


@unittest.skipUnless(shutil.which("openssl"), "there is no openssl here")
class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="swy-e2e-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        for name, subject in (("right", "IP:127.0.0.1"), ("other", "IP:127.0.0.1"),
                              ("elsewhere", "DNS:elsewhere.example")):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test",
                 "-addext", f"subjectAltName={subject}", "-keyout", cls.path(f"{name}.key"),
                 "-out", cls.path(f"{name}.pem")], check=True, capture_output=True)
        cls.upstream = cls.serve("right")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.directory, name)

    @classmethod
    def serve(cls, name):
        upstream = Upstream("--tls-cert", cls.path(f"{name}.pem"), "--tls-key",
                            cls.path(f"{name}.key"))
        cls.addClassCleanup(upstream.stop)
        return upstream

    def gateway(self, upstream, options):
        gateway = Gateway(config(f"https://127.0.0.1:{upstream.port}/v1", upstream_options=options))
        self.addCleanup(gateway.stop)
        return gateway

    def test_a_trusted_upstream_is_asked_over_tls(self):
        gateway = self.gateway(self.upstream, f', ca_file: "{self.path("right.pem")}"')
        for stream in (False, True):
            self.assertEqual(gateway.chat(chat_body(stream=stream)).status, 200)
        answer = gateway.chat(chat_body(stream=True), fault="cut:3")
        self.assertIn("error", answer.events()[-1])

    def test_a_ca_file_is_found_relative_to_the_configuration(self):
        gateway = Gateway(config(f"https://127.0.0.1:{self.upstream.port}/v1",
                                 upstream_options=", ca_file: right.pem"), directory=self.directory)
        self.addCleanup(gateway.stop)
        self.assertEqual(gateway.chat().status, 200)

    def test_an_upstream_that_the_ca_does_not_vouch_for_is_502(self):
        gateway = self.gateway(self.upstream, f', ca_file: "{self.path("other.pem")}"')
        for stream in (False, True):
            answer = gateway.chat(chat_body(stream=stream))
            self.assertEqual(answer.status, 502)
            self.assertRegex(answer.error()["message"], "(?i)certificate")

    def test_without_a_ca_file_a_self_signed_upstream_is_502(self):
        self.assertEqual(self.gateway(self.upstream, "").chat().status, 502)

    def test_a_certificate_for_another_host_is_502(self):
        upstream = self.serve("elsewhere")
        gateway = self.gateway(upstream, f', ca_file: "{self.path("elsewhere.pem")}"')
        self.assertEqual(gateway.chat().status, 502)

    def test_verify_false_trusts_anybody(self):
        self.assertEqual(self.gateway(self.upstream, ", verify: false").chat().status, 200)

    def test_a_reload_that_changes_the_ca_takes_effect(self):
        gateway = self.gateway(self.upstream, ", verify: false")
        self.assertEqual(gateway.chat().status, 200)
        gateway.write(config(f"https://127.0.0.1:{self.upstream.port}/v1",
                             upstream_options=f', ca_file: "{self.path("other.pem")}"'))
        until(lambda: gateway.ready()["generation"] == 2, "reloaded")
        self.assertEqual(gateway.chat().status, 502)

    def test_plain_http_to_a_tls_port_and_the_reverse_are_errors(self):
        plain = Upstream()
        self.addCleanup(plain.stop)
        # The plain server waits for the rest of what it takes for a request line, and gives up on
        # that itself when the machine is slow.
        for url, status in ((f"http://127.0.0.1:{self.upstream.port}/v1", {502}),
                            (f"https://127.0.0.1:{plain.port}/v1", {502, 504})):
            gateway = Gateway(config(url, upstream_options=", verify: false, connect_ms: 300"))
            self.addCleanup(gateway.stop)
            self.assertIn(gateway.chat().status, status)


if __name__ == "__main__":
    unittest.main()
