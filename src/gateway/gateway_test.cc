// Keys, URLs and the process around workers. What a client sees is tested in tests/e2e.
#include "gateway/gateway.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <set>
#include <thread>

#include "gateway/keys.h"
#include "gateway/url.h"
#include "switchyard/registry.h"

namespace swy::gateway {
namespace {

TEST(KeyRing, FindsAKeyByWhatTheClientSends) {
  const auto key = [](std::string name, std::string_view text) {
    return Key{std::move(name), hash_key(text).substr(7), "user"};
  };
  const KeyRing ring({key("alice", "k-alice"), key("bob", "k-bob")});
  EXPECT_FALSE(ring.open());
  ASSERT_NE(ring.find("Bearer k-alice"), nullptr);
  EXPECT_EQ(ring.find("Bearer k-alice")->name, "alice");
  EXPECT_EQ(ring.find("bearer k-bob  ")->name, "bob");
  for (const std::string_view wrong : {"", "Bearer", "Bearer ", "k-alice", "Basic k-alice",
                                       "Bearer k-alic", "Bearer k-alice2", "Bearer  k-alice"}) {
    EXPECT_EQ(ring.find(wrong), nullptr) << wrong;
  }
}

TEST(KeyRing, WithoutKeysIsOpenAndKnowsNobody) {
  const KeyRing ring({});
  EXPECT_TRUE(ring.open());
  EXPECT_EQ(ring.find("Bearer x"), nullptr);
}

TEST(Keys, AreLongDistinctAndHashedAsConfigured) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string k = new_key();
    EXPECT_EQ(k.size(), 47U);
    EXPECT_TRUE(seen.insert(k).second);
  }
  EXPECT_EQ(
      hash_key("a"),
      "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");  // FIPS 180-4,
                                                                                   // "a"
}

TEST(Url, HasOriginAndPathWithoutATrailingSlash) {
  const auto u = parse_url("https://api.example.com/v1/");
  ASSERT_TRUE(u);
  EXPECT_EQ(u->origin, (http::Origin{"api.example.com", 443, true}));
  EXPECT_EQ(u->path, "/v1");
  EXPECT_EQ(parse_url("http://h:9000")->origin, (http::Origin{"h", 9000, false}));
  EXPECT_EQ(parse_url("http://h")->path, "");
  EXPECT_EQ(parse_url("http://h:1///")->path, "");
  EXPECT_EQ(parse_url("http://[::1]:9000/v1")->origin, (http::Origin{"::1", 9000, false}));
  EXPECT_EQ(parse_url("http://[::1]/v1")->origin, (http::Origin{"::1", 80, false}));
}

TEST(Url, WhatIsNotAnHttpOriginIsRefused) {
  for (const std::string_view bad :
       {"", "h", "ftp://h", "http://", "http:///v1", "http://h:", "http://h:0", "http://h:70000",
        "http://h:1x", "http://u@h", "http://h?q", "http://h#f", "http://h /v1", "http://:80",
        "HTTP//h", "http://[]:80", "http://[::1", "http://::1]:80", "http://[::1]x:80"}) {
    EXPECT_FALSE(parse_url(bad)) << bad;
  }
}

class GatewayProcess : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "swy_gateway_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    file_ = pattern + "/c.yaml";
  }
  void write(const std::string& top) {
    std::ofstream(file_)
        << "listen: { address: \"127.0.0.1:0\" }\n"
        << top
        << "upstreams:\n  local: { url: http://127.0.0.1:1/v1 }\n"
           "models:\n  - { name: small, upstream: local, price: { input: 1, output: 2 } }\n"
           "routes:\n  auto:\n    - { name: any, models: [small], policy: first }\n";
  }
  GatewayOptions options() {
    return {.config_file = file_, .watch = false, .handle_signals = false};
  }

  std::string file_;
  const route::Registry registry_ = route::builtin_registry();
};

TEST_F(GatewayProcess, StartsServesAndStopsWithAnyNumberOfWorkers) {
  for (const int workers : {1, 3}) {
    write("workers: " + std::to_string(workers) + "\n");
    base::Diagnostics diag(file_);
    Gateway g(options(), registry_, system_clock());
    ASSERT_TRUE(g.start(diag)) << diag.to_text();
    EXPECT_NE(g.port(), 0);
    std::thread stopper([&g] { g.stop(); });
    g.run();
    stopper.join();
  }
}

TEST_F(GatewayProcess, ThatWasStartedButNeverRunEndsCleanly) {
  write("");
  base::Diagnostics diag(file_);
  Gateway g(options(), registry_, system_clock());
  EXPECT_TRUE(g.start(diag)) << diag.to_text();
}

TEST_F(GatewayProcess, ABadConfigurationAndABadEnvironmentAreDifferentErrors) {
  write("wokers: 1\n");
  base::Diagnostics diag(file_);
  Gateway bad(options(), registry_, system_clock());
  const auto s = bad.start(diag);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(diag.to_text().find("c.yaml:2:1: error: "), std::string::npos) << diag.to_text();

  write("records: { path: c.yaml }\n");  // a file, not a directory
  base::Diagnostics fine(file_);
  Gateway blocked(options(), registry_, system_clock());
  const auto t = blocked.start(fine);
  ASSERT_FALSE(t);
  EXPECT_NE(t.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(fine.ok());
}

TEST_F(GatewayProcess, ABrokenReloadLeavesTheRunningConfigurationInForce) {
  write("seed: 1\n");
  base::Diagnostics diag(file_);
  Gateway g(options(), registry_, system_clock());
  ASSERT_TRUE(g.start(diag));
  write("seed: -1\n");
  g.reload();
  EXPECT_EQ(g.config().seed, 1U);
  write("seed: 7\n");
  g.reload();
  EXPECT_EQ(g.config().seed, 7U);
}

}  // namespace
}  // namespace swy::gateway
