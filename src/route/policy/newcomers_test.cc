#include <gtest/gtest.h>

#include <fstream>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

// m1 observed twice, m2 four times, m3 named and never observed.
std::string table() {
  std::string file = ::testing::TempDir() + "newcomers.jsonl";
  std::ofstream out(file);
  for (int i = 0; i < 4; ++i) {
    out << R"({"id":"q)" << i << R"(","prompt":"what","models":{"m2":{"score":1},"m3":{"cost":1})";
    if (i < 2) out << R"(,"m1":{"score":0.5})";
    out << "}}\n";
  }
  return file;
}

TEST(Newcomers, TakeTheirShareUntilTheyWereSeenOftenEnough) {
  const std::string file = table();
  PolicyLab lab("{ type: newcomers, table: " + file +
                ", share: 0.1, until: 4, inner: { type: utility, cost: 0 } }");
  const Weighed w = lab.weigh({belief(0.9), belief(0.2), belief(0.3), belief(0.1)});
  EXPECT_NEAR(w.probability[0], 0.9, 1e-12);
  EXPECT_NEAR(w.probability[1], 0.1, 1e-12);
  EXPECT_EQ(w.probability[2], 0);  // seen four times
  EXPECT_EQ(w.probability[3], 0);  // never observed: nobody probed it
  EXPECT_NE(w.why.find("; 10.0 % to new models: m1 seen 2 times"), std::string::npos) << w.why;

  PolicyLab longer("{ type: newcomers, table: " + file +
                   ", share: 0.1, until: 5, inner: { type: utility, cost: 0 } }");
  const Weighed both = longer.weigh({belief(0.9), belief(0.2), belief(0.3), belief(0.1)});
  EXPECT_NEAR(both.probability[1], 0.05, 1e-12);
  EXPECT_NEAR(both.probability[2], 0.05, 1e-12);
}

TEST(Newcomers, WithoutOneThatIsAllowedTheInnerPolicyDecidesAlone) {
  PolicyLab lab("{ type: newcomers, table: " + table() +
                ", share: 0.5, until: 4, inner: { type: utility, cost: 0 } }");
  const Weighed masked = lab.weigh({belief(0.9), belief(0.2), belief(0.3)}, {false, true, false});
  EXPECT_EQ(masked.probability[0], 1);
  EXPECT_EQ(masked.why.find("new models"), std::string::npos) << masked.why;
  PolicyLab nobody("{ type: newcomers, table: nowhere, inner: first }");
  EXPECT_EQ(nobody.weigh({belief(0.1), belief(0.9)}).only(), 0);
}

TEST(Newcomers, NeedAPolicyAndATable) {
  EXPECT_NE(PolicyLab::findings("newcomers").find("say which policy decides"), std::string::npos);
  EXPECT_NE(PolicyLab::findings("{ type: newcomers, inner: first }").find("table: probes/"),
            std::string::npos);
  EXPECT_NE(PolicyLab::findings("{ type: newcomers, table: none.jsonl, inner: first }")
                .find("does not exist"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
