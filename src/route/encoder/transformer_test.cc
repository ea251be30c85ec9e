#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

std::string errors_of(std::string_view yaml) {
  PluginLab lab;
  base::Diagnostics diag("x");
  const auto doc = base::parse_yaml(yaml, diag);
  EXPECT_TRUE(doc) << diag.to_text();
  EXPECT_EQ(make_transformer(*doc, lab), nullptr);
  return lab.errors();
}

TEST(TransformerEncoder, NamesWhatIsMissing) {
  EXPECT_NE(errors_of("{ type: transformer }").find("give path"), std::string::npos);
  const std::string missing = errors_of("{ type: transformer, path: no/such/folder }");
  EXPECT_NE(missing.find("no/such/folder"), std::string::npos) << missing;
  EXPECT_NE(errors_of("{ type: transformer, path: x, precision: int4 }").find("int8"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
