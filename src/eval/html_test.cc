#include "eval/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "eval/testing/tables.h"

namespace swy::eval {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Report reported(const std::string& rows, const std::vector<std::string>& routers) {
  const auto pool = make_pool(testing::table_from(rows), {});
  EXPECT_TRUE(pool);
  EvalOptions options;
  options.routers = routers;
  options.bootstrap = 30;
  options.noise = 20;
  auto report = evaluate(*pool, options, route::builtin_registry());
  EXPECT_TRUE(report) << (report ? "" : report.error().message);
  return report.value_or(Report{});
}

// Every opened element is closed, in order. Attributes may hold anything but < and >.
std::string unbalanced(const std::string& html) {
  std::vector<std::string> open;
  std::size_t at = 0;
  while ((at = html.find('<', at)) != std::string::npos) {
    const std::size_t end = html.find('>', at);
    if (end == std::string::npos) return "unclosed <";
    const std::string tag = html.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag[0] == '!' || tag.back() == '/') continue;
    if (tag[0] != '/') {
      open.push_back(tag.substr(0, tag.find_first_of(" \n")));
    } else if (open.empty() || open.back() != tag.substr(1)) {
      return tag;
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back();
}

TEST(Html, APageIsWellFormedAndNeedsNothingElse) {
  const std::string html =
      to_html(reported(testing::synthetic_rows(500, 3), {"knn", "prior"}), "x");
  EXPECT_EQ(unbalanced(html), "");
  for (const char* forbidden :
       {"<script", "<link", "<img", "src=", "@import", "url(", ">nan", ">inf"})
    EXPECT_THAT(html, Not(HasSubstr(forbidden)));
  for (const char* section :
       {"What you would serve", "Curves", "Who beats whom", "Calibration", "By domain",
        "Confusion with the oracle", "Which questions are missed", "Time and robustness",
        "prefers-color-scheme:dark"})
    EXPECT_THAT(html, HasSubstr(section));
}

TEST(Html, NamesOfModelsAndTheCommandAreText) {
  std::string rows = testing::synthetic_rows(400, 3);
  const std::string evil = "<m&0'>";
  for (std::size_t at = rows.find("\"m0\""); at != std::string::npos; at = rows.find("\"m0\"", at))
    rows.replace(at, 4, "\"" + evil + "\"");
  const std::string html = to_html(reported(rows, {"knn"}), "switchyard eval --data '<a>' && b");
  EXPECT_EQ(unbalanced(html), "");
  EXPECT_THAT(html, Not(HasSubstr(evil)));
  EXPECT_THAT(html, HasSubstr("&lt;m&amp;0'&gt;"));
  EXPECT_THAT(html, HasSubstr("<pre>switchyard eval --data '&lt;a&gt;' &amp;&amp; b</pre>"));
}

TEST(Html, WithoutCostsThereIsAPageWithoutCurves) {
  std::string rows;
  for (int i = 0; i < 200; ++i) {
    rows += fmt::format(
        R"({{"id":"q{0}","prompt":"p{0}","models":{{"a":{{"correct":1}},"b":{{"correct":{1}}}}}}})"
        "\n",
        i, i % 2);
  }
  const std::string html = to_html(reported(rows, {"knn+utility"}), "");
  EXPECT_EQ(unbalanced(html), "");
  EXPECT_THAT(html, Not(HasSubstr("Curves")));
  EXPECT_THAT(html, Not(HasSubstr("<pre>")));
}

TEST(Html, AConfusionTableOfALargePoolFoldsTheRareModels) {
  const std::string html = to_html(reported(testing::synthetic_rows(400, 20), {"knn"}), "");
  EXPECT_THAT(html, HasSubstr("<span>others</span>"));
  EXPECT_EQ(unbalanced(html), "");
}

}  // namespace
}  // namespace swy::eval
