// Containers: what was saved is what is mapped; what is damaged is refused, never read.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/hash.h"
#include "record/outcome.h"
#include "record/price_list.h"
#include "record/testing/temp_dir.h"

namespace swy::record {
namespace {

constexpr std::string_view kRows =
    R"({"id":"q1","dataset":"d","domain":"maths","prompt":"1+1? \"é\"","part":"train","tools":[{},{}],"models":{"small":{"correct":1,"tokens_in":10,"tokens_out":2,"cost":0.5e-6,"latency":0.25,"samples":4},"large":{"score":0.75,"est":true}}}
{"id":"q2","dataset":"e","prompt":"","part":"dev","models":{"large":{"correct":0,"missing":true},"third":{}}}
)";

OutcomeTable table() {
  auto t = parse_outcomes("t.jsonl", kRows);
  EXPECT_TRUE(t);
  return t ? std::move(*t) : OutcomeTable{};
}

void expect_same(const OutcomeTable& a, const OutcomeTable& b) {
  ASSERT_EQ(a.rows(), b.rows());
  ASSERT_EQ(a.models(), b.models());
  const auto same = [](float x, float y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  for (std::size_t i = 0; i < a.rows(); ++i) {
    const OutcomeRow x = a.row(i);
    const OutcomeRow y = b.row(i);
    EXPECT_TRUE(x.id == y.id && x.dataset == y.dataset && x.domain == y.domain &&
                x.part == y.part && x.prompt == y.prompt && x.tools == y.tools)
        << i;
    for (std::size_t m = 0; m < a.models().size(); ++m) {
      const Cell& c = a.cell(i, m);
      const Cell& d = b.cell(i, m);
      EXPECT_TRUE(same(c.quality, d.quality) && same(c.tokens_in, d.tokens_in) &&
                  same(c.tokens_out, d.tokens_out) && same(c.cost_usd, d.cost_usd) &&
                  same(c.latency_s, d.latency_s) && c.present == d.present &&
                  c.missing == d.missing && c.estimated == d.estimated && c.samples == d.samples)
          << i << "," << m;
    }
  }
}

TEST(OutcomeContainer, GivesBackWhatWasSaved) {
  const TempDir dir;
  const OutcomeTable t = table();
  ASSERT_TRUE(save_outcomes(t, dir / "t.swt"));
  const auto mapped = map_outcomes(dir / "t.swt");
  ASSERT_TRUE(mapped) << mapped.error().message;
  EXPECT_TRUE(mapped->mapped());
  expect_same(t, *mapped);
  const OutcomeTable copy = *mapped;
  expect_same(t, copy);
  const auto subset = mapped->subset({{"large"}, {"e"}, {}});
  ASSERT_TRUE(subset);
  EXPECT_EQ(subset->rows(), 1U);
  EXPECT_EQ(subset->row(0).id, "q2");
}

TEST(OutcomeContainer, LinesAreTheOtherWayToSaveATable) {
  const TempDir dir;
  const OutcomeTable t = table();
  ASSERT_TRUE(save_outcomes(t, dir / "t.jsonl"));
  const auto back = load_outcomes(dir / "t.jsonl");
  ASSERT_TRUE(back) << back.error().message;
  expect_same(t, *back);
}

TEST(OutcomeContainer, SavingTwiceGivesTheSameBytes) {
  const TempDir dir;
  ASSERT_TRUE(save_outcomes(table(), dir / "a.swt"));
  ASSERT_TRUE(save_outcomes(table(), dir / "b.swt"));
  EXPECT_EQ(read_text(dir / "a.swt"), read_text(dir / "b.swt"));
}

TEST(OutcomeContainer, IsLoadedByNameAloneOrTogetherWithOtherTables) {
  const TempDir dir;
  ASSERT_TRUE(save_outcomes(table(), dir / "t.swt"));
  write_text(dir / "more.jsonl", R"({"id":"q2","prompt":"","models":{"small":{"correct":1}}})"
                                 "\n");
  const auto alone = load_outcomes(dir / "t.swt");
  ASSERT_TRUE(alone);
  EXPECT_TRUE(alone->mapped());
  const std::vector<std::string> both{dir / "t.swt", dir / "more.jsonl"};
  const auto merged = load_outcomes(both);
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_FALSE(merged->mapped());
  EXPECT_EQ(merged->rows(), 2U);
  EXPECT_EQ(merged->cell(1, merged->model_index("small")).quality, 1);
  EXPECT_EQ(merged->report().merged, 1U);
}

TEST(OutcomeContainer, ATableOfNothingIsATable) {
  const TempDir dir;
  ASSERT_TRUE(save_outcomes(OutcomeTable{}, dir / "t.swt"));
  const auto mapped = map_outcomes(dir / "t.swt");
  ASSERT_TRUE(mapped) << mapped.error().message;
  EXPECT_EQ(mapped->rows(), 0U);
}

TEST(OutcomeContainer, CutOffAnywhereItIsRefused) {
  const TempDir dir;
  ASSERT_TRUE(save_outcomes(table(), dir / "t.swt"));
  const std::string whole = read_text(dir / "t.swt");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_text(dir / "cut.swt", whole.substr(0, size));
    const auto cut = map_outcomes(dir / "cut.swt");
    ASSERT_FALSE(cut) << size;
    ASSERT_EQ(cut.error().code, ErrorCode::kParse) << size;
  }
  write_text(dir / "long.swt", whole + "x");
  EXPECT_FALSE(map_outcomes(dir / "long.swt"));
}

TEST(OutcomeContainer, WithAnyByteChangedItIsRefused) {
  const TempDir dir;
  ASSERT_TRUE(save_outcomes(table(), dir / "t.swt"));
  const std::string whole = read_text(dir / "t.swt");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    write_text(dir / "bad.swt", bad);
    const auto t = map_outcomes(dir / "bad.swt");
    ASSERT_FALSE(t) << "byte " << at;
    ASSERT_EQ(t.error().code, ErrorCode::kParse) << at;
  }
}

// A container with its hashes made to fit what it holds, as whoever forges one would do.
std::string forged(std::string bytes) {
  const auto put = [&](std::size_t at, std::uint64_t v) { std::memcpy(&bytes[at], &v, 8); };
  put(56, base::hash64(std::string_view(bytes).substr(72)));  // less than one block
  std::uint64_t sum = 0x9E3779B97F4A7C15ULL;
  for (std::size_t at = 0; at < 64; at += 8) {
    std::uint64_t w = 0;
    std::memcpy(&w, &bytes[at], 8);
    sum = (sum ^ w) * 0xBF58476D1CE4E5B9ULL;
  }
  put(64, sum);
  return bytes;
}

TEST(OutcomeContainer, AForgedByteIsNeverReadOutsideTheFile) {
  const TempDir dir;
  ASSERT_TRUE(save_outcomes(table(), dir / "t.swt"));
  const std::string whole = read_text(dir / "t.swt");
  ASSERT_EQ(forged(whole), whole);
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0xFF);
    write_text(dir / "bad.swt", forged(bad));
    const auto t = map_outcomes(dir / "bad.swt");
    if (!t) {
      ++refused;
      continue;
    }
    std::size_t bytes = 0;  // whatever it says, it is all inside
    for (std::size_t i = 0; i < t->rows(); ++i)
      bytes += t->row(i).prompt.size() + t->row(i).id.size();
    EXPECT_LE(bytes, 4 * whole.size());
    for (std::size_t i = 0; i < t->rows(); ++i) {
      for (const Cell& c : t->cells(i)) {
        EXPECT_FALSE(c.quality < 0 || c.quality > 1);
        EXPECT_FALSE(c.cost_usd < 0 || c.tokens_in < 0 || c.tokens_out < 0 || c.latency_s < 0);
      }
    }
  }
  EXPECT_GT(refused, 100U);
}

TEST(OutcomeContainer, OfAnotherVersionItSaysSo) {
  const TempDir dir;
  ASSERT_TRUE(save_outcomes(table(), dir / "t.swt"));
  std::string old = read_text(dir / "t.swt");
  old[7] = '1';
  write_text(dir / "t.swt", old);
  const auto t = map_outcomes(dir / "t.swt");
  ASSERT_FALSE(t);
  EXPECT_NE(t.error().message.find("another version; import it again"), std::string::npos);
}

TEST(OutcomeContainer, OtherFilesAndMissingOnesAreSaidToBeSo) {
  const TempDir dir;
  write_text(dir / "t.swt", std::string(200, 'x'));
  const auto other = map_outcomes(dir / "t.swt");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("no outcome container"), std::string::npos);
  EXPECT_EQ(map_outcomes(dir / "none.swt").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(save_outcomes(table(), dir / "no/such/dir.swt").error().code, ErrorCode::kIo);
}

TEST(OutcomeContainer, PricesAreAppliedToACopyAndNeverToTheFile) {
  const TempDir dir;
  ASSERT_TRUE(save_outcomes(table(), dir / "t.swt"));
  const std::string before = read_text(dir / "t.swt");
  const auto prices = PriceList::parse(R"({"SMALL":{"in_per_mtok":1,"out_per_mtok":5}})");
  ASSERT_TRUE(prices);
  LoadOptions options;
  options.prices = &*prices;
  const auto t = load_outcomes(dir / "t.swt", options);
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_NEAR(static_cast<double>(t->cell(0, 0).cost_usd), 20e-6, 1e-12);
  EXPECT_EQ(t->report().repriced, 1U);
  EXPECT_EQ(t->report().not_repriced, (std::vector<std::string>{"large", "third"}));
  EXPECT_EQ(read_text(dir / "t.swt"), before);
}

TEST(OutcomeSamples, SeveralAnswersAreTheirMeanAndTheirNumber) {
  const auto t = parse_outcomes(
      "t.jsonl",
      R"({"id":"a","prompt":"p","models":{"m":{"samples":[1,0,1,true]},"n":{"score":0.3,"samples":10},"o":{"correct":1},"p":{}}})");
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_NEAR(static_cast<double>(t->cell(0, 0).quality), .75, 1e-6);
  EXPECT_EQ(t->cell(0, 0).samples, 4);
  EXPECT_NEAR(static_cast<double>(t->cell(0, 1).quality), .3, 1e-6);
  EXPECT_EQ(t->cell(0, 1).samples, 10);
  EXPECT_EQ(t->cell(0, 2).samples, 1);
  EXPECT_EQ(t->cell(0, 3).samples, 0);
  for (const char* bad : {"[2]", "0", "\"x\"", "-1"}) {
    const auto wrong = parse_outcomes(
        "t.jsonl",
        fmt::format(R"({{"id":"a","prompt":"p","models":{{"m":{{"samples":{}}}}}}})", bad));
    ASSERT_FALSE(wrong) << bad;
    EXPECT_NE(wrong.error().message.find("models.m.samples"), std::string::npos);
  }
}

}  // namespace
}  // namespace swy::record
