#include "upstream/script.h"

#include <gtest/gtest.h>

namespace swy::upstream {
namespace {

TEST(Script, every_fault_prints_as_it_is_written) {
  for (const char* text :
       {"none", "status:429", "status:503:7", "delay:250", "reset:0", "cut:3", "undone:2",
        "error:1", "stall:4", "stall:4:900", "loris:5", "malformed:2", "content_type", "no_usage",
        "wrong_usage", "empty", "huge:65536"}) {
    const auto fault = parse_fault(text);
    ASSERT_TRUE(fault) << text << ": " << fault.error().message;
    EXPECT_EQ(to_string(*fault), text);
  }
}

TEST(Script, a_wrong_fault_is_refused_with_its_usage_or_the_nearest_name) {
  for (const char* text : {"", "reset", "reset:", "reset:-1", "reset:x", "reset:1:2", "status:200",
                           "empty:1", "stall:1:", "loris:0", "huge:99999999999"}) {
    EXPECT_FALSE(parse_fault(text)) << text;
  }
  EXPECT_NE(parse_fault("stal:2").error().message.find("stall"), std::string::npos);
  EXPECT_NE(parse_fault("status:1").error().message.find("CODE[:RETRY_AFTER_S]"),
            std::string::npos);
}

TEST(Script, the_short_form_of_a_model_is_read) {
  const auto m = parse_model("org/model=1=80:120.5:0.25");
  ASSERT_TRUE(m);
  EXPECT_EQ(m->name, "org/model=1");
  EXPECT_EQ(m->ttft_ms, 80);
  EXPECT_EQ(m->tokens_per_s, 120.5);
  EXPECT_EQ(m->jitter, 0.25);
  for (const char* text :
       {"a", "=1:2", "a=1", "a=1:x", "a=1:2:3", "a=-1:2", "a=nan:2", "a=1:2:0:4"}) {
    EXPECT_FALSE(parse_model(text)) << text;
  }
}

ScriptOptions read(std::string_view yaml, base::Diagnostics& diag) {
  ScriptOptions options;
  const auto doc = base::parse_yaml(yaml, diag);
  if (doc) read_script(*doc, options, diag);
  return options;
}

TEST(Script, a_script_file_is_read) {
  base::Diagnostics diag("s.yaml");
  const ScriptOptions o = read(R"(
seed: 7
chunks: 20
only_listed: true
models:
  small: { ttft_ms: 80, tokens_per_s: 90, jitter: 0.2, recorded_as: sim-small }
  "*": { ttft_ms: 10 }
faults:
  - { fault: "status:429:2", model: small, probability: 0.05 }
  - { fault: "reset:3", every: 20, times: 2 }
)",
                               diag);
  EXPECT_TRUE(diag.ok()) << diag.to_text();
  EXPECT_EQ(o.seed, 7u);
  EXPECT_EQ(o.chunks, 20);
  EXPECT_TRUE(o.only_listed);
  EXPECT_EQ(o.remember, 64);
  ASSERT_EQ(o.models.size(), 2u);
  EXPECT_EQ(o.models[0].recorded_as, "sim-small");
  ASSERT_EQ(o.faults.size(), 2u);
  EXPECT_EQ(o.faults[0].fault, (Fault{FaultKind::kStatus, 429, 2}));
  EXPECT_EQ(o.faults[0].probability, 0.05);
  EXPECT_EQ(o.faults[1].every, 20);
  EXPECT_EQ(o.faults[1].times, 2);
}

TEST(Script, everything_wrong_in_a_script_file_is_said_with_its_place) {
  base::Diagnostics diag("s.yaml");
  read(R"(sead: 7
models: { small: { ttft_ms: -1 } }
faults: [ { fault: "rest:3" }, { fault: "reset:3", evry: 2 } ]
)",
       diag);
  const std::string text = diag.to_text();
  EXPECT_EQ(diag.errors(), 4u) << text;
  for (const char* part : {"s.yaml:1:1", "seed", "s.yaml:2:", "s.yaml:3:11", "reset", "every"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

}  // namespace
}  // namespace swy::upstream
