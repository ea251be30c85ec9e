#include "learn/train_head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/rng.h"
#include "learn/contrastive.h"

namespace swy::learn {
namespace {

// Texts of three topics from small vocabularies that overlap.
Examples topics(std::size_t rows, std::uint64_t seed) {
  static const char* const kWords[3][6] = {
      {"invoice", "refund", "payment", "card", "charge", "account"},
      {"parcel", "delivery", "courier", "tracking", "late", "account"},
      {"password", "login", "reset", "browser", "late", "card"}};
  Examples out;
  std::vector<std::vector<std::string>> names;
  base::Rng rng(seed, 0, 0);
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t topic = i % 3;
    std::string text = "please help with my";
    for (int w = 0; w < 3; ++w) text.append(" ").append(kWords[topic][rng.below(6)]);
    out.rows.push_back({"row-" + std::to_string(i), text, {}, false, false});
    names.push_back({std::string(1, static_cast<char>('a' + topic))});
  }
  index_labels(names, out);
  return out;
}

std::vector<std::uint32_t> range(std::uint32_t from, std::uint32_t to) {
  std::vector<std::uint32_t> out(to - from);
  std::iota(out.begin(), out.end(), from);
  return out;
}

// Of each source another vocabulary for half of the words: the labels' own words are shared.
Examples sources(std::size_t rows, std::size_t first, std::size_t count, std::uint64_t seed) {
  static const char* const kShared[2][4] = {{"invoice", "refund", "order", "urgent"},
                                            {"parcel", "courier", "order", "urgent"}};
  Examples out;
  std::vector<std::vector<std::string>> names;
  base::Rng rng(seed, 0, 0);
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t label = i % 2, source = first + rng.below(count);
    const std::string of_source = std::to_string(source * 2 + label);
    std::string text = kShared[label][rng.below(4)];
    for (int w = 0; w < 2; ++w) {
      text += std::string(" ") + static_cast<char>('a' + source * 2 + label) + "word" +
              static_cast<char>('a' + rng.below(8));
    }
    out.rows.push_back({"row-" + of_source + "-" + std::to_string(i),
                        text,
                        {},
                        false,
                        false,
                        "source-" + std::to_string(source)});
    names.push_back({label == 0 ? "a" : "b"});
  }
  index_labels(names, out);
  return out;
}

// Unit vectors around a direction per label, with a disturbance.
std::vector<float> embeddings(const Examples& examples, std::size_t dims, double noise) {
  std::vector<float> out;
  base::Rng rng(7, 0, 0);
  for (const Example& e : examples.rows) {
    std::vector<float> v(dims);
    double squares = 0;
    for (std::size_t d = 0; d < dims; ++d) {
      const bool own = !e.labels.empty() && d % 3 == e.labels[0];
      v[d] = static_cast<float>((own ? 1.0 : 0.0) + noise * (rng.uniform() - 0.5));
      squares += static_cast<double>(v[d]) * static_cast<double>(v[d]);
    }
    for (float& x : v) x /= static_cast<float>(std::sqrt(squares));
    out.insert(out.end(), v.begin(), v.end());
  }
  return out;
}

std::shared_ptr<const embed::TextHead> served(const Result<embed::HeadData>& head) {
  EXPECT_TRUE(head) << head.error().message;
  const auto out = embed::TextHead::parse(embed::head_bytes(*head), "test", {"s", "e"});
  EXPECT_TRUE(out) << out.error().message;
  return *out;
}

TEST(TrainHead, TwentyExamplesAreEnoughToBeginWith) {
  const Examples examples = topics(320, 1);
  const TrainData data{examples, {}, {}};
  const auto head = served(train_head(data, range(0, 20), {.name = "topics"}));
  const HeadFigures f = score_head(*head, HeadUse::kCheap, data, range(20, 320));
  EXPECT_GT(f.accuracy, 0.8);
  EXPECT_EQ(f.rows, 300U);
}

TEST(TrainHead, WithGroupsConfidenceHoldsForSourcesItHasNotSeen) {
  Examples examples = sources(900, 0, 6, 5);
  const Examples strange = sources(600, 6, 5, 6);
  examples.rows.insert(examples.rows.end(), strange.rows.begin(), strange.rows.end());
  const auto over_confident = [&] {
    const TrainData data{examples, {}, {}};
    const auto head = served(train_head(data, range(0, 900), {.name = "sources"}));
    embed::Grams grams;
    embed::HeadScore score;
    double gap = 0;
    for (std::size_t i = 900; i < examples.rows.size(); ++i) {
      grams.read(examples.rows[i].text);
      head->cheap({.grams = &grams, .static_embedding = {}}, score);
      gap += static_cast<double>(score.confidence) -
             (score.best == examples.rows[i].labels[0] ? 1.0 : 0.0);
    }
    return gap / 600;
  };
  const double with = over_confident();
  for (Example& e : examples.rows) e.group.clear();
  const double without = over_confident();
  EXPECT_GT(without, 0.1);
  EXPECT_LT(std::fabs(with), 0.6 * without);
}

TEST(TrainHead, ConfidenceMeansProbabilityOnRowsItHasNotSeen) {
  const Examples examples = topics(2000, 2);
  const TrainData data{examples, {}, {}};
  const auto head = served(train_head(data, range(0, 1000), {.name = "topics"}));
  const HeadFigures f = score_head(*head, HeadUse::kCheap, data, range(1000, 2000));
  EXPECT_GT(f.accuracy, 0.9);
  EXPECT_LT(f.ece, 0.03);
}

// Labels are noise, so confidence must be that of a coin, however well a row's twin was learned.
TEST(TrainHead, AnAuxiliaryTwinDoesNotTellTheLabelOfTheRowThatCalibrates) {
  base::Rng rng(5, 0, 0);
  Examples examples;
  std::vector<std::vector<std::string>> names;
  for (std::size_t i = 0; i < 500; ++i) {
    std::string text;
    for (int w = 0; w < 4; ++w) text += "word" + std::to_string(rng.below(1000)) + "x ";
    for (char& c : text) c = c >= '0' && c <= '9' ? static_cast<char>('a' + c - '0') : c;
    const std::string id = "row-" + std::to_string(i);
    const std::string label = rng.below(2) == 0 ? "heads" : "tails";
    examples.rows.push_back({id, text, {}, false, false});
    examples.rows.push_back({id, text + "twin", {}, false, true});
    names.insert(names.end(), 2, {label});
  }
  index_labels(names, examples);
  const TrainData data{examples, {}, {}};
  const auto head = served(train_head(data, range(0, 800), {.name = "coin"}));
  const HeadFigures f = score_head(*head, HeadUse::kCheap, data, range(800, 1000));
  EXPECT_LT(f.ece, 0.15) << "accuracy " << f.accuracy;
}

TEST(TrainHead, ServingAndTrainingSeeTheSameLogits) {
  const Examples examples = topics(300, 3);
  const TrainData data{examples, {}, {}};
  const auto all = range(0, 300);
  const auto a = train_head(data, all, {.name = "topics"});
  const auto b = train_head(data, all, {.name = "topics"});
  ASSERT_TRUE(a);
  EXPECT_EQ(embed::head_bytes(*a), embed::head_bytes(*b)) << "deterministic";
  EXPECT_GT(score_head(*served(a), HeadUse::kCheap, data, all).accuracy, 0.95);
}

TEST(TrainHead, TheCascadeAsksTheEncoderSeldomAndLosesLittle) {
  const Examples examples = topics(2000, 4);
  const auto e = embeddings(examples, 24, 1.5);
  const TrainData data{examples, {}, {24, e, "e", "toy"}};
  const auto head = served(train_head(data, range(0, 1000), {.name = "topics"}));
  const auto test = range(1000, 2000);
  const HeadFigures always = score_head(*head, HeadUse::kEncoder, data, test);
  const HeadFigures cascade = score_head(*head, HeadUse::kCascade, data, test);
  EXPECT_EQ(always.encoder_share, 1);
  EXPECT_LE(cascade.encoder_share, 0.3);
  EXPECT_GE(cascade.accuracy, always.accuracy - 0.01);
}

TEST(TrainHead, PrototypeAndContrastiveHeadsLearnFromEmbeddings) {
  const Examples examples = topics(320, 5);
  const auto e = embeddings(examples, 24, 3);
  const TrainData data{examples, {24, e, "s", "toy"}, {}};
  for (const HeadType type : {HeadType::kPrototype, HeadType::kContrastive}) {
    const auto head = served(train_head(data, range(0, 20), {.name = "topics", .type = type}));
    EXPECT_GT(score_head(*head, HeadUse::kCheap, data, range(20, 320)).accuracy, 0.8);
  }
}

TEST(TrainHead, StrangeTextsAreOutOfScope) {
  Examples examples = topics(1200, 6);
  for (int i = 0; i < 100; ++i) {
    examples.rows.push_back({"oos-" + std::to_string(i),
                             "tell me a joke about penguins number " + std::to_string(i),
                             {},
                             true,
                             false});
  }
  const TrainData data{examples, {}, {}};
  const auto head = served(train_head(data, range(0, 900), {.name = "topics"}));
  EXPECT_GT(score_head(*head, HeadUse::kCheap, data, range(900, 1300)).out_of_scope_auroc, 0.95);
}

TEST(TrainHead, MultilabelHeadsHaveAProbabilityPerLabel) {
  Examples examples = topics(600, 7);
  for (std::size_t i = 0; i + 1 < examples.rows.size(); i += 3) {
    examples.rows[i].text += " and " + examples.rows[i + 1].text;
    examples.rows[i].labels.push_back(examples.rows[i + 1].labels[0]);
  }
  const TrainData data{examples, {}, {}};
  const auto head =
      served(train_head(data, range(0, 400), {.name = "topics", .one_vs_rest = true}));
  EXPECT_TRUE(head->multilabel());
  embed::Grams grams;
  embed::HeadScore score;
  grams.read("please help with my refund payment and my parcel delivery");
  head->cheap({.grams = &grams, .static_embedding = {}}, score);
  EXPECT_GT(score.probabilities[0], 0.5F);
  EXPECT_GT(score.probabilities[1], 0.5F);
  EXPECT_LT(score.probabilities[2], 0.5F);
}

TEST(TrainHead, ALabelWithOneExampleIsNamed) {
  Examples examples = topics(20, 8);
  const TrainData data{examples, {}, {}};
  const auto head = train_head(data, std::vector<std::uint32_t>{0, 1, 2, 3, 4}, {.name = "x"});
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(head.error().message.find("\"c\""), std::string::npos);
  EXPECT_FALSE(train_head(data, range(0, 20), {.name = "x", .type = HeadType::kPrototype}));
}

TEST(Contrastive, ProjectingSeparatesWhatPrototypesConfuse) {
  // The label shows in two of 32 directions; the others are loud.
  constexpr std::size_t kDims = 32;
  std::vector<float> rows;
  std::vector<std::uint32_t> labels;
  base::Rng rng(3, 0, 0);
  for (std::uint32_t i = 0; i < 240; ++i) {
    std::vector<float> v(kDims);
    double squares = 0;
    for (std::size_t d = 0; d < kDims; ++d) {
      v[d] = static_cast<float>(2 * rng.uniform() - 1);
      if (d == i % 2) v[d] += 1.5F;
      squares += static_cast<double>(v[d]) * static_cast<double>(v[d]);
    }
    for (float& x : v) x /= static_cast<float>(std::sqrt(squares));
    rows.insert(rows.end(), v.begin(), v.end());
    labels.push_back(i % 2);
  }
  const auto within = [&](const Prototypes& p) {  // right of the second half
    int right = 0;
    for (std::size_t r = 120; r < 240; ++r) {
      std::vector<float> z(rows.begin() + static_cast<std::ptrdiff_t>(r * kDims),
                           rows.begin() + static_cast<std::ptrdiff_t>((r + 1) * kDims));
      if (p.projected != 0) {
        std::vector<float> y(p.projected, 0);
        for (std::size_t k = 0; k < y.size(); ++k) {
          for (std::size_t d = 0; d < kDims; ++d) y[k] += p.projection[k * kDims + d] * z[d];
        }
        z = y;
      }
      float score[2] = {};
      for (std::size_t c = 0; c < 2; ++c) {
        for (std::size_t k = 0; k < z.size(); ++k) score[c] += p.weights[c * z.size() + k] * z[k];
      }
      right += (score[1] > score[0]) == (labels[r] == 1) ? 1 : 0;
    }
    return right;
  };
  const EmbeddedRows half{std::span(rows).first(120 * kDims), kDims, std::span(labels).first(120),
                          2};
  const int prototypes = within(fit_prototypes(half));
  const int contrastive = within(fit_contrastive(half, {.projected = 16, .keep = 0.01}));
  EXPECT_GT(prototypes, 90);
  EXPECT_GE(contrastive, prototypes - 3);
}

TEST(Examples, ErrorsNameTheLineAndTheKey) {
  const auto path = (std::filesystem::temp_directory_path() / "swy_examples_test.jsonl").string();
  const auto read = [&](const std::string& lines) {
    std::ofstream(path) << lines;
    auto out = read_examples(path, {});
    std::filesystem::remove(path);
    return out;
  };
  const auto good = read(
      "{\"text\":\"a\",\"label\":\"x\"}\n\n{\"text\":\"b\",\"label\":\"y\"}\n"
      "{\"text\":\"c\",\"oos\":true}\n");
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->labels, (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(good->rows[2].out_of_scope);
  const auto multi =
      read("{\"text\":\"a\",\"label\":[\"x\",\"y\"]}\n{\"text\":\"b\",\"label\":[]}");
  ASSERT_TRUE(multi);
  EXPECT_TRUE(multi->multilabel);
  const auto bad = read("{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\"b\"}\n");
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find(":2"), std::string::npos) << bad.error().message;
  EXPECT_NE(bad.error().message.find("label"), std::string::npos);
  EXPECT_FALSE(read("{\"text\":\"a\",\"label\":\"x\"}\n"));
  EXPECT_FALSE(read("not json\n"));
}

TEST(Examples, TheSplitDependsOnIdAndSeedAlone) {
  EXPECT_EQ(split_point("a", 1), split_point("a", 1));
  EXPECT_NE(split_point("a", 1), split_point("a", 2));
  int low = 0;
  for (int i = 0; i < 1000; ++i) low += split_point(std::to_string(i), 1) < 0.2 ? 1 : 0;
  EXPECT_NEAR(low, 200, 40);
}

}  // namespace
}  // namespace swy::learn
