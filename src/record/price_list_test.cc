#include "record/price_list.h"

#include <gtest/gtest.h>

#include "record/testing/shared_data.h"
#include "record/testing/temp_dir.h"

namespace swy::record {
namespace {

TEST(PriceList, FindsTheExactNameFirstAndThenAnyCase) {
  const auto list = PriceList::parse(R"({"Org/Model-A":{"in_per_mtok":1,"out_per_mtok":2},
    "org/model-a":{"in_per_mtok":3,"out_per_mtok":4},"free":{"in_per_mtok":0,"out_per_mtok":0,"basis":"N"}})");
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->find("Org/Model-A")->in_per_mtok, 1);
  EXPECT_EQ(list->find("org/model-a")->out_per_mtok, 4);
  EXPECT_EQ(list->find("ORG/MODEL-A")->in_per_mtok, 1);
  EXPECT_EQ(list->find("Free")->out_per_mtok, 0);
  EXPECT_FALSE(list->find("model-a"));
  EXPECT_FALSE(list->find(""));
  EXPECT_EQ(list->size(), 3U);
}

TEST(PriceList, NamesTheModelWithoutAPrice) {
  for (const char* bad : {R"({"m":{"in_per_mtok":1}})",
                          R"({"m":{"in_per_mtok":-1,"out_per_mtok":1}})", R"({"m":7})"}) {
    const auto list = PriceList::parse(bad);
    ASSERT_FALSE(list) << bad;
    EXPECT_NE(list.error().message.find("\"m\""), std::string::npos);
  }
  EXPECT_FALSE(PriceList::parse("[]"));
  EXPECT_FALSE(PriceList::parse("{"));
}

TEST(PriceList, NamesTheFileInErrors) {
  const TempDir temp;
  write_text(temp / "p.json", "{\n \"m\": {}\n}\n");
  EXPECT_NE(PriceList::load(temp / "p.json").error().message.find("p.json"), std::string::npos);
  EXPECT_EQ(PriceList::load(temp / "q.json").error().code, ErrorCode::kNotFound);
}

TEST(PriceList, LoadsTheRealPrices) {
  const auto data = shared_data();
  if (!data) GTEST_SKIP() << "no real data: set SWY_DATA or put it in ../shared/data";
  const auto list = PriceList::load(*data + "/prices/prices.json");
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_GT(list->size(), 100U);
  ASSERT_TRUE(list->find("Athene-70B"));
  EXPECT_EQ(list->find("Athene-70B")->in_per_mtok, 0.9);
}

}  // namespace
}  // namespace swy::record
