#include "learn/pii_train.h"

#include <gtest/gtest.h>

#include "record/testing/shared_data.h"

namespace swy::learn {
namespace {

std::vector<PiiRow> toy() {
  std::vector<PiiRow> rows;
  const std::vector<std::string> names = {"Anna", "Bert",  "Carla", "Dora",
                                          "Emil", "Frida", "Gustav"};
  for (const std::string& n : names) {
    PiiRow r;
    r.text = "my name is " + n + ", hello";
    r.spans = {{text::PiiType::kPerson, 11, static_cast<std::uint32_t>(11 + n.size()), 1}};
    rows.push_back(r);
    rows.push_back({"what is the name of this town, please", 1, false, {}});
  }
  return rows;
}

TEST(PiiTraining, LearnsAToySetAndFindsANameItHasNotSeen) {
  const std::vector<PiiRow> rows = toy();
  std::vector<const PiiRow*> all;
  for (const PiiRow& r : rows) all.push_back(&r);
  std::size_t lost = 0;
  const auto model =
      text::PiiModel::parse(text::PiiModel::pack(train_pii(all, {.epochs = 30}), lost));
  ASSERT_TRUE(model);
  text::PiiOptions options;
  options.model = &*model;
  options.min_confidence = 0;
  EXPECT_EQ(score_pii(all, options).all.f1(), 1);
  std::vector<text::PiiSpan> found;
  text::detect_pii("my name is Zenobia, hello", options, found);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].begin, 11U);
  EXPECT_EQ(found[0].end, 18U);
}

TEST(PiiTraining, TheSameRowsGiveTheSameBytes) {
  const std::vector<PiiRow> rows = toy();
  std::vector<const PiiRow*> all;
  for (const PiiRow& r : rows) all.push_back(&r);
  std::size_t lost = 0;
  EXPECT_EQ(text::PiiModel::pack(train_pii(all, {.epochs = 3}), lost),
            text::PiiModel::pack(train_pii(all, {.epochs = 3}), lost));
}

// The figures of docs/reference/signals.md, on the development part.
TEST(PiiOnSyntheticText, TheBuiltInModelReachesItsTarget) {
  const auto data = record::shared_data();
  if (!data) GTEST_SKIP() << "no real data: set SWY_DATA or put it in ../shared/data";
  const auto rows = load_pii_rows(*data + "/pii/presidio_synth_v2.jsonl.gz");
  ASSERT_TRUE(rows) << rows.error().message;
  std::vector<const PiiRow*> dev;
  for (const PiiRow& r : *rows) {
    if (r.dev) dev.push_back(&r);
  }
  const PiiReport report = score_pii(dev, {});
  EXPECT_GE(report.all.f1(), 0.92);
  EXPECT_GE(report.all.relaxed_f1(), 0.95);
  EXPECT_LE(report.ece, 0.03);
}

}  // namespace
}  // namespace swy::learn
