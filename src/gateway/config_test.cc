#include "gateway/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "switchyard/registry.h"

namespace swy::gateway {
namespace {

const std::string kHashA(64, 'a');
const std::string kModels =
    "models:\n"
    "  - { name: small, upstream: local, price: { input: 1, output: 2 } }\n"
    "routes:\n"
    "  auto:\n"
    "    - { name: any, models: [small], policy: first }\n";
const std::string kUpstreams = "upstreams:\n  local: { url: http://127.0.0.1:9/v1 }\n";

struct Parsed {
  base::Diagnostics diag{"c.yaml"};
  std::shared_ptr<const Config> config;
};

Parsed parse(const std::string& text) {
  static const route::Registry registry = route::builtin_registry();
  Parsed p;
  p.config = parse_config(text, "dir/c.yaml", registry, p.diag);
  return p;
}

// The finding as "line:col: message"; "" when there is none that contains `part`.
std::string finding(const std::string& text, std::string_view part) {
  const Parsed p = parse(text);
  for (const auto& d : p.diag.all()) {
    if (d.message.find(part) == std::string::npos) continue;
    return std::to_string(d.mark.line) + ":" + std::to_string(d.mark.column) + ": " + d.message;
  }
  return "";
}

TEST(GatewayConfig, WhatIsNotGivenHasTheDocumentedDefaults) {
  const Parsed p = parse(kUpstreams + kModels);
  ASSERT_NE(p.config, nullptr) << p.diag.to_text();
  EXPECT_EQ(p.config->address, "127.0.0.1");
  EXPECT_EQ(p.config->port, 8080);
  EXPECT_EQ(p.config->workers, 1);
  EXPECT_EQ(p.config->max_body_bytes, 32 * 1024 * 1024);
  EXPECT_TRUE(p.config->keys.empty());
  EXPECT_TRUE(p.config->records.path.empty());
  const Upstream& u = p.config->upstreams.at(0);
  EXPECT_EQ(u.base_path, "/v1");
  EXPECT_TRUE(u.client.tls.verify);
  EXPECT_EQ(u.client.first_byte_timeout_ns, 120'000 * net::kMillisecond);
  EXPECT_EQ(p.config->upstream_of, std::vector<std::uint16_t>{0});
}

TEST(GatewayConfig, RecordsAreRelativeToTheFile) {
  const Parsed p = parse("records: { path: records, bodies: true }\n" + kUpstreams + kModels);
  ASSERT_NE(p.config, nullptr) << p.diag.to_text();
  EXPECT_EQ(p.config->records.path, "dir/records");
  EXPECT_TRUE(p.config->records.bodies);
}

TEST(GatewayConfig, EveryFindingNamesItsLineAndColumn) {
  const std::string rest = kUpstreams + kModels;
  EXPECT_EQ(finding("workers: none\n" + rest, "workers").substr(0, 6), "1:10: ");
  EXPECT_EQ(finding("listn: x\n" + rest, "did you mean listen").substr(0, 5), "1:1: ");
  EXPECT_EQ(finding("listen: { address: nowhere }\n" + rest, "host:port").substr(0, 6), "1:20: ");
  EXPECT_EQ(finding("listen: { address: \"a:70000\" }\n" + rest, "host:port").substr(0, 6),
            "1:20: ");
  EXPECT_EQ(finding("records: {}\n" + rest, "needs a path").substr(0, 5), "1:10:");
  EXPECT_EQ(finding("keys: { a: b }\n" + rest, "keys must be a list").substr(0, 5), "1:7: ");
  EXPECT_EQ(finding("keys:\n  - { name: a, hash: secret }\n" + rest, "lower-case hex").substr(0, 6),
            "2:22: ");
  EXPECT_EQ(finding("upstreams: [x]\n" + kModels, "must be a map").substr(0, 6), "1:12: ");
  EXPECT_EQ(finding("upstreams:\n  local: { url: ftp://x }\n" + kModels, "http://").substr(0, 6),
            "2:17: ");
  EXPECT_EQ(finding("upstreams:\n  local: { url: \"http://a\", dialect: openaj }\n" + kModels,
                    "did you mean openai")
                .substr(0, 6),
            "2:38: ");
  EXPECT_EQ(finding("upstreams:\n  local: { url: \"http://a\", credential: sk-1 }\n" + kModels,
                    "does not belong")
                .substr(0, 6),
            "2:41: ");
  EXPECT_EQ(finding("upstreams:\n  locl: { url: \"http://a\" }\n" + kModels, "did you mean locl")
                .substr(0, 6),
            "4:30: ");
  EXPECT_EQ(
      finding("upstreams:\n  local: { url: \"http://a\", ca_file: no.pem }\n" + kModels, "no.pem")
          .substr(0, 6),
      "2:38: ");
}

TEST(GatewayConfig, AKeyHashIsCheckedAndKeptAsHexDigits) {
  const std::string rest = kUpstreams + kModels;
  const Parsed p =
      parse("keys:\n  - { name: a, hash: \"sha256:" + kHashA + "\", role: admin }\n" + rest);
  ASSERT_NE(p.config, nullptr) << p.diag.to_text();
  EXPECT_EQ(p.config->keys.at(0).hash, kHashA);
  EXPECT_EQ(p.config->keys.at(0).role, "admin");
  const std::string second = "  - { name: b, hash: \"sha256:" + kHashA + "\" }\n";
  EXPECT_NE(finding("keys:\n  - { name: a, hash: \"sha256:" + kHashA + "\" }\n" + second + rest,
                    "same hash"),
            "");
  EXPECT_NE(
      finding("keys:\n  - { name: a, hash: \"sha256:" + std::string(64, 'A') + "\" }\n" + rest,
              "lower-case"),
      "");
  EXPECT_NE(finding("keys:\n  - { hash: \"sha256:" + kHashA + "\" }\n" + rest, "needs a name"), "");
}

TEST(GatewayConfig, WithoutKeysItListensOnLoopbackWhateverTheHost) {
  const std::string rest = kUpstreams + kModels;
  for (const std::string host : {"0.0.0.0", "*", "", "10.1.2.3", "[::]"}) {
    const Parsed open = parse("listen: { address: \"" + host + ":80\" }\n" + rest);
    ASSERT_NE(open.config, nullptr) << open.diag.to_text();
    EXPECT_EQ(open.config->address, "127.0.0.1") << host;
    EXPECT_EQ(open.diag.warnings(), 1U) << host;
  }
  const Parsed local = parse("listen: { address: \"[::1]:80\" }\n" + rest);
  EXPECT_EQ(local.config->address, "::1");
  EXPECT_EQ(local.diag.warnings(), 0U);
  const Parsed keyed =
      parse("listen: { address: \"*:80\" }\nkeys:\n  - { name: a, hash: \"sha256:" + kHashA +
            "\" }\n" + rest);
  EXPECT_EQ(keyed.config->address, "0.0.0.0");
}

TEST(GatewayConfig, ACredentialComesFromTheEnvironmentOrTheClientAndAMissingOneIsANote) {
  ::setenv("SWY_TEST_CREDENTIAL", "s3cret", 1);
  const auto with = [&](const std::string& credential) {
    return parse("upstreams:\n  local: { url: \"http://a\", credential: \"" + credential +
                 "\" }\n" + kModels);
  };
  EXPECT_EQ(with("env:SWY_TEST_CREDENTIAL").config->upstreams.at(0).authorization, "Bearer s3cret");
  EXPECT_TRUE(with("client").config->upstreams.at(0).client_credential);
  const Parsed missing = with("env:SWY_TEST_NOT_SET");
  ASSERT_NE(missing.config, nullptr);
  EXPECT_EQ(missing.config->upstreams.at(0).authorization, "");
  EXPECT_EQ(missing.diag.all().at(0).level, base::Diagnostic::Level::kNote);
}

TEST(GatewayConfig, PoolsAreKeptOnlyWhenNothingAboutTheConnectionChanged) {
  const Upstream a = parse(kUpstreams + kModels).config->upstreams.at(0);
  EXPECT_TRUE(same_connection(a, a));
  const auto differs = [&](auto change) {
    Upstream b = a;
    change(b);
    return !same_connection(a, b);
  };
  EXPECT_TRUE(differs([](Upstream& u) { u.origin.port = 10; }));
  EXPECT_TRUE(differs([](Upstream& u) { u.client.tls.verify = false; }));
  EXPECT_TRUE(differs([](Upstream& u) { u.client.tls.ca_file = "x"; }));
  EXPECT_TRUE(differs([](Upstream& u) { u.client.body_timeout_ns = 1; }));
  EXPECT_FALSE(differs([](Upstream& u) { u.authorization = "Bearer x"; }));
}

TEST(GatewayConfig, AMissingFileIsAnError) {
  base::Diagnostics diag("none.yaml");
  EXPECT_EQ(load_config("/nonexistent/none.yaml", route::builtin_registry(), diag), nullptr);
  EXPECT_FALSE(diag.ok());
}

}  // namespace
}  // namespace swy::gateway
