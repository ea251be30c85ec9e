// Grounding: reading of items, evidence on known texts, the shipped model on clear cases, the paths
// of checkpoints on tiny random ones, and hostile input.
#include "embed/grounding.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/doc.h"
#include "base/testing/allocations.h"
#include "embed/grounding/align.h"
#include "embed/grounding/items.h"
#include "embed/grounding/words.h"

namespace swy::embed {
namespace {

using grounding::Dimension;
using grounding::Item;
using grounding::Items;
using grounding::Kind;

const std::string kModel = SWY_SOURCE_DIR "/models/grounding/grounding.json";
const std::string kTiny = SWY_SOURCE_DIR "/tests/golden/encoders/";

std::vector<Item> items_of(std::string_view text) {
  Items out;
  grounding::read_items(text, out);
  return out.items;
}

TEST(GroundingItems, numbers_are_equal_however_they_are_written) {
  for (const auto& [a, b] : {std::pair{"1,200", "1200"},
                             {"seven", "7"},
                             {"5 million", "5,000,000"},
                             {"twenty-five", "25"},
                             {"7th", "7"},
                             {"2.5k", "2500"},
                             {"six hundred", "600"}}) {
    ASSERT_EQ(items_of(a).size(), 1U) << a;
    EXPECT_EQ(items_of(a)[0].key, items_of(b)[0].key) << a << " and " << b;
    EXPECT_EQ(items_of(a)[0].kind, Kind::kNumber) << a;
  }
  EXPECT_NE(items_of("1889")[0].key, items_of("1899")[0].key);
}

TEST(GroundingItems, clock_times_are_equal_with_and_without_am_and_pm) {
  for (const char* text : {"7 pm", "7pm", "7:00 PM", "19:00", "7 p.m."}) {
    ASSERT_FALSE(items_of(text).empty());
    EXPECT_EQ(items_of(text)[0].base, 19 * 60) << text;
    EXPECT_EQ(items_of(text)[0].dimension, Dimension::kClock) << text;
  }
  EXPECT_EQ(items_of("12:30 am")[0].base, 30);
}

TEST(GroundingItems, units_give_numbers_their_dimension) {
  const auto metres = items_of("330 metres")[0], kilometres = items_of("0.33 km")[0];
  EXPECT_EQ(metres.dimension, Dimension::kLength);
  EXPECT_NEAR(metres.base, kilometres.base, 1e-9);
  EXPECT_EQ(items_of("$5")[0].dimension, Dimension::kDollar);
  EXPECT_EQ(items_of("5 dollars")[0].dimension, Dimension::kDollar);
  EXPECT_EQ(items_of("18%")[0].dimension, Dimension::kPercent);
  EXPECT_EQ(items_of("kilometers")[0].key, items_of("km")[0].key);
}

TEST(GroundingItems, an_iso_date_has_the_month_of_the_written_one) {
  const auto iso = items_of("2025-03-05"), written = items_of("March 5, 2025");
  ASSERT_EQ(iso.size(), 3U);
  ASSERT_EQ(written.size(), 3U);
  EXPECT_EQ(iso[0].key, written[2].key);
  EXPECT_EQ(iso[1].key, written[0].key);
  EXPECT_EQ(iso[2].key, written[1].key);
}

TEST(GroundingItems, a_time_stamp_is_a_date_and_a_time) {
  const auto items = items_of("2025-03-05T14:12");
  ASSERT_EQ(items.size(), 4U);
  EXPECT_EQ(items[2].value, 5);
  EXPECT_EQ(items[3].key, items_of("2:12 pm")[0].key);
}

TEST(GroundingItems, names_are_told_from_words_by_capitals_inside_sentences) {
  const auto items = items_of("Yesterday Mary Hall met Peter. Nobody saw order #W1845.");
  EXPECT_EQ(items[1].kind, Kind::kName);  // Mary
  EXPECT_EQ(items[2].kind, Kind::kName);  // Hall
  EXPECT_EQ(items[3].kind, Kind::kWord);  // met
  EXPECT_EQ(items[4].kind, Kind::kName);  // Peter
  EXPECT_EQ(items[5].kind, Kind::kNegation);
  EXPECT_EQ(items.back().kind, Kind::kName);  // an identifier
}

TEST(GroundingItems, inflections_share_their_loose_form) {
  for (const auto& [a, b] : {std::pair{"walks", "walked"},
                             {"city", "cities"},
                             {"stopped", "stop"},
                             {"quick", "quickly"}}) {
    EXPECT_EQ(items_of(a)[0].loose, items_of(b)[0].loose) << a << " and " << b;
    EXPECT_NE(items_of(a)[0].key, items_of(b)[0].key) << a << " and " << b;
  }
}

TEST(GroundingItems, opposites_and_negations_are_known) {
  EXPECT_EQ(items_of("increased")[0].opposite, items_of("decreased")[0].loose);
  EXPECT_EQ(items_of("isn't")[0].kind, Kind::kNegation);
  EXPECT_EQ(items_of("isn\xE2\x80\x99t")[0].kind, Kind::kNegation);
  EXPECT_TRUE(grounding::is_function_word("the"));
  EXPECT_TRUE(grounding::is_function_word("yours"));
  EXPECT_TRUE(grounding::is_function_word("a"));
  EXPECT_TRUE(grounding::is_negation("ain't"));
  EXPECT_TRUE(grounding::is_negation("wouldn't"));
}

TEST(GroundingItems, sentences_and_items_cover_each_other) {
  const std::string text = "One. Two three! \"Four?\" Mr. X went.\n- five 5 million\n{\"a\": 1}";
  Items out;
  grounding::read_items(text, out);
  std::uint32_t next = 0;
  for (const auto& s : out.sentences) {
    if (s.first == s.last) continue;
    EXPECT_EQ(s.first, next);
    next = s.last;
  }
  EXPECT_EQ(next, out.items.size());
}

// What the aligned evidence says of the word at `word` of the answer.
grounding::Alignment aligned(std::string_view context, std::string_view answer,
                             std::string_view word, GroundingScratch& scratch) {
  EXPECT_TRUE(read_grounding({"", context, answer}, {}, scratch));
  auto& s = scratch.impl();
  for (std::size_t i = 0; i < s.tokens.size(); ++i) {
    const auto t = s.tokens[i];
    if (answer.substr(t.begin, t.end - t.begin) == word) return s.alignments[i];
  }
  ADD_FAILURE() << word;
  return {};
}

TEST(GroundingEvidence, a_changed_number_has_the_right_one_as_its_rival) {
  GroundingScratch scratch;
  const std::string context = "The tower was completed in 1889. It is 330 meters tall.";
  const auto a = aligned(context, "The tower was completed in 1899.", "1899", scratch);
  EXPECT_EQ(a.place, grounding::kNowhere);
  ASSERT_NE(a.rival, grounding::kNowhere);
  const Item& rival = scratch.impl().context_items.items[a.rival];
  EXPECT_EQ(context.substr(rival.begin, rival.end - rival.begin), "1889");
}

TEST(GroundingEvidence, a_swapped_name_agrees_less_than_its_rival) {
  GroundingScratch scratch;
  const std::string context =
      "In the morning Anna Berg repaired the engine. In the evening Paul Stone cooked the dinner.";
  const auto a = aligned(context, "So Paul Stone repaired the engine.", "Stone", scratch);
  EXPECT_NE(a.place, grounding::kNowhere);
  EXPECT_LT(a.agreement, a.rival_agreement);
}

TEST(GroundingEvidence, a_converted_unit_is_the_same_number) {
  GroundingScratch scratch;
  const auto a =
      aligned("The bridge is 2.5 km long.", "The bridge is 2500 meters long.", "2500", scratch);
  EXPECT_NE(a.place, grounding::kNowhere);
}

struct Checked {
  std::string context, answer;
  GroundingScratch scratch;
  GroundingReport report;

  Checked(std::string c, std::string a) : context(std::move(c)), answer(std::move(a)) {
    const auto g = Grounding::load({.model = kModel});
    EXPECT_TRUE(g) << (g ? "" : g.error().message);
    if (g) {
      EXPECT_TRUE((*g)->check({"", context, answer}, scratch, report));
    }
  }
  [[nodiscard]] std::string said(const GroundingVerdict& v) const {
    return answer.substr(v.said.begin, v.said.end - v.said.begin);
  }
  [[nodiscard]] std::string found(const GroundingVerdict& v) const {
    return context.substr(v.found.begin, v.found.end - v.found.begin);
  }
  [[nodiscard]] const GroundingVerdict* worst() const {
    const GroundingVerdict* out = nullptr;
    for (const auto& v : report.verdicts) {
      if (v.support == Support::kSupported) continue;
      if (out == nullptr || v.p_unsupported > out->p_unsupported) out = &v;
    }
    return out;
  }
};

const char* const kTower =
    "The Eiffel Tower is located in Paris, France. It was completed in 1889 for the World's Fair. "
    "The tower is 330 meters tall.";

TEST(Grounding, an_answer_in_the_context_s_words_is_supported) {
  const Checked c(kTower, "The Eiffel Tower was completed in 1889. The tower is 330 meters tall.");
  EXPECT_EQ(c.worst(), nullptr);
  EXPECT_LT(c.report.p_unsupported, 0.5F);
  ASSERT_EQ(c.report.verdicts.size(), 2U);
  const auto e = c.report.verdicts[1].evidence;
  EXPECT_NE(c.context.substr(e.begin, e.end - e.begin).find("330 meters"), std::string::npos);
}

TEST(Grounding, a_changed_year_is_contradicted_and_both_years_are_named) {
  const Checked c(kTower, "The Eiffel Tower was completed in 1899 for the World's Fair.");
  ASSERT_NE(c.worst(), nullptr);
  EXPECT_EQ(c.worst()->support, Support::kContradicted);
  EXPECT_EQ(c.said(*c.worst()), "1899");
  EXPECT_EQ(c.found(*c.worst()), "1889");
  EXPECT_GT(c.report.p_unsupported, 0.5F);
}

TEST(Grounding, an_invented_sentence_is_not_found) {
  const Checked c(kTower, "The tower is 330 meters tall. Pets are welcome in every restaurant.");
  ASSERT_NE(c.worst(), nullptr);
  EXPECT_EQ(c.worst()->support, Support::kNotFound);
  EXPECT_GE(c.worst()->span.begin, 29U);
}

TEST(Grounding, nothing_is_compared_with_an_empty_answer_or_context) {
  EXPECT_EQ(Checked("", "").report.verdicts.size(), 0U);
  EXPECT_EQ(Checked(kTower, "").report.p_unsupported, 0);
  const Checked c("", "The tower was built in 1889 by Gustave Eiffel.");
  EXPECT_GT(c.report.p_unsupported, 0.5F);
  EXPECT_EQ(c.report.verdicts[0].evidence, text::ByteSpan{});
}

TEST(Grounding, verdicts_are_in_order_and_inside_the_answer) {
  const Checked c(kTower,
                  "In 1889 it opened. 330 meters! Lyon, 1777; \xFF\xFE caf\xC3\xA9 \xE5\x8C\x97.");
  std::uint32_t at = 0;
  for (const auto& v : c.report.verdicts) {
    EXPECT_LE(at, v.span.begin);
    EXPECT_LT(v.span.begin, v.span.end);
    EXPECT_LE(v.span.end, c.answer.size());
    EXPECT_GE(v.p_unsupported, 0);
    EXPECT_LE(v.p_unsupported, 1);
    at = v.span.end;
  }
}

TEST(Grounding, a_million_repeats_take_bounded_time) {
  std::string same, quotes;
  while (same.size() < (1U << 20U)) same += "1889 tower ";
  while (quotes.size() < (3U << 20U)) quotes += "a.\n";
  const auto start = std::chrono::steady_clock::now();
  const Checked a(same, same);
  const Checked b(quotes, same);
  EXPECT_TRUE(b.report.truncated);
  EXPECT_FALSE(a.report.verdicts.empty());
  // Some 0.5 s each in a release build; a quadratic step would take hours.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(120));
}

TEST(Grounding, a_second_check_of_the_same_size_does_not_allocate_for_each_word) {
  const auto g = Grounding::load({.model = kModel});
  ASSERT_TRUE(g);
  GroundingScratch scratch;
  GroundingReport report;
  const GroundingText text{"", kTower, "The Eiffel Tower was completed in 1889, in Paris."};
  ASSERT_TRUE((*g)->check(text, scratch, report));
  const std::size_t before = base::testing::allocation_count();
  ASSERT_TRUE((*g)->check(text, scratch, report));
  EXPECT_LE(base::testing::allocation_count() - before, 4U);  // the list of verdicts
}

TEST(Grounding, the_first_stage_is_a_threshold_on_somebody_s_probability) {
  const auto g = Grounding::load({.model = kModel, .check_above = 0.3F});
  ASSERT_TRUE(g);
  EXPECT_TRUE((*g)->needs_check(0.3F));
  EXPECT_FALSE((*g)->needs_check(0.29F));
}

// A copy of a tiny checkpoint whose labels have other names.
std::string relabelled(const std::string& name, std::initializer_list<const char*> labels) {
  const std::string to = ::testing::TempDir() + "grounding_" + name;
  std::filesystem::remove_all(to);
  std::filesystem::copy(kTiny + name, to);
  std::string config = *base::read_file(to + "/config.json");
  std::size_t i = 0;
  for (const char* label : labels) {
    const std::string old = "\"LABEL_" + std::to_string(i++) + "\"";
    for (std::size_t at = config.find(old); at != std::string::npos; at = config.find(old)) {
      config.replace(at, old.size(), std::string("\"") + label + "\"");
    }
  }
  std::ofstream(to + "/config.json") << config;
  return to;
}

std::shared_ptr<const Encoder> load(const std::string& folder) {
  EncoderOptions options;
  options.precision = Precision::kF32;
  auto e = Encoder::load(folder, options);
  EXPECT_TRUE(e) << (e ? "" : e.error().message);
  return e ? *e : nullptr;
}

TEST(Grounding, a_detector_the_model_does_not_know_speaks_for_itself) {
  for (const char* name : {"bert_token", "modernbert_token"}) {
    GroundingOptions o{.model = kModel};
    o.detector = load(relabelled(name, {"supported", "hallucinated"}));
    ASSERT_NE(o.detector, nullptr);
    const auto g = Grounding::load(o);
    ASSERT_TRUE(g) << g.error().message;
    GroundingScratch scratch;
    GroundingReport report;
    std::string answer = "The tower was completed in 1899.";
    for (int i = 0; i < 6; ++i) answer += " It is tall and it is old and it is there.";
    ASSERT_TRUE((*g)->check({"When?", kTower, answer}, scratch, report));
    EXPECT_EQ(report.input, GroundingInput::kDetector);
    EXPECT_FALSE(report.calibrated);
    std::size_t judged = 0;
    for (std::size_t i = 0; i < scratch.tokens().size(); ++i) {
      judged += scratch.features().row(i)[kAllFeatures - 1] != 0 ? 1 : 0;
    }
    EXPECT_GT(judged, 5U) << name;
    answer.assign(kMaxNeuralBytes + 1, 'a');
    ASSERT_TRUE((*g)->check({"When?", kTower, answer}, scratch, report));
    EXPECT_EQ(report.input, GroundingInput::kLexical);
  }
}

TEST(Grounding, a_word_s_detector_logit_is_that_of_its_token_in_the_pair) {
  const auto e = load(relabelled("bert_token", {"supported", "hallucinated"}));
  GroundingScratch scratch;
  const std::string context = "a b c", answer = "b a";
  ASSERT_TRUE(read_grounding({"", context, answer},
                             {.detector = e.get(), .detector_prompt = "{context}"}, scratch));
  text::Encoding pair;
  e->tokenizer().encode_pair(context, answer, {.offsets = true}, pair);
  const Sequence sequence{pair.ids, pair.type_ids};
  Workspace ws;
  math::Matrix logits;
  ASSERT_TRUE(e->tag_ids({&sequence, 1}, ws, logits));
  const auto row = logits.row(pair.second.begin);
  double others = 0;
  for (std::size_t i = 0; i < row.size(); ++i) others += i == 1 ? 0 : std::exp(row[i]);
  EXPECT_NEAR(scratch.features().row(0)[kAllFeatures - 1], row[1] - std::log(others), 1e-4);
}

TEST(Grounding, an_entailment_checkpoint_is_asked_about_runs_without_support) {
  GroundingOptions o{.model = kModel};
  o.entailment = load(relabelled("bert_sequence", {"entailment", "neutral", "contradiction"}));
  ASSERT_NE(o.entailment, nullptr);
  const auto g = Grounding::load(o);
  ASSERT_TRUE(g) << g.error().message;
  GroundingScratch scratch;
  GroundingReport report;
  const std::string answer = "The tower was completed in 1899. The tower is 330 meters tall.";
  ASSERT_TRUE((*g)->check({"", kTower, answer}, scratch, report));
  std::size_t asked = 0;
  for (const auto& v : report.verdicts) {
    if (v.p_entailed < 0) continue;
    ++asked;
    EXPECT_LE(v.p_entailed + v.p_contradicted, 1.001F);
  }
  EXPECT_GE(asked, 1U);
  o.entailed_above = 0;  // whatever it says counts as entailed
  const auto trusting = Grounding::load(o);
  ASSERT_TRUE(trusting);
  ASSERT_TRUE((*trusting)->check({"", kTower, answer}, scratch, report));
  for (const auto& v : report.verdicts) EXPECT_EQ(v.support, Support::kSupported);
}

TEST(Grounding, checkpoints_that_do_not_fit_are_named_at_load) {
  GroundingOptions o{.model = kModel};
  o.encoder = load(kTiny + "bert_embed");
  auto g = Grounding::load(o);
  ASSERT_FALSE(g);
  EXPECT_NE(g.error().message.find("bert_embed"), std::string::npos);
  o = {.model = kModel};
  o.detector = load(kTiny + "bert_embed");
  EXPECT_FALSE(Grounding::load(o));
  o = {.model = kModel};
  o.entailment = load(kTiny + "bert_sequence");  // labels without names
  g = Grounding::load(o);
  ASSERT_FALSE(g);
  EXPECT_NE(g.error().message.find("entail"), std::string::npos);
}

TEST(Grounding, token_states_of_a_word_are_most_like_themselves) {
  const auto e = load(kTiny + "bert_embed");
  GroundingScratch scratch;
  const std::string same = "a b c";
  ASSERT_TRUE(read_grounding({"", same, same}, {.encoder = e.get()}, scratch));
  for (std::size_t i = 0; i < scratch.tokens().size(); ++i) {
    EXPECT_NEAR(scratch.features().row(i)[kLexicalFeatures + 1], 1, 1e-4) << i;
  }
}

TEST(GroundingModel, the_file_reads_back_as_it_was_written) {
  const std::string text = *base::read_file(kModel);
  EXPECT_LE(text.size(), std::size_t{1} << 20U);
  const auto model = read_model(text, "m");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model_text(*model), text);
}

TEST(GroundingModel, damaged_files_are_refused_with_their_name) {
  const std::string text = *base::read_file(kModel);
  for (const auto& [from, to] : {std::pair{"\"grounding\"", "\"other\""},
                                 {"\"version\":1", "\"version\":2"},
                                 {"\"rival\"", "\"rivals\""},
                                 {"\"hidden\":[", "\"hidden\":[null,"},
                                 {"\"threshold\":0", "\"threshold\":7"},
                                 {"\"lexical\"", "\"x\""}}) {
    std::string bad = text;
    ASSERT_NE(bad.find(from), std::string::npos) << from;
    bad.replace(bad.find(from), std::string(from).size(), to);
    const auto model = read_model(bad, "file.json");
    ASSERT_FALSE(model) << to;
    EXPECT_EQ(model.error().message.find("file.json"), 0U) << model.error().message;
  }
  for (std::size_t cut = 0; cut < text.size(); cut += 997) {
    EXPECT_FALSE(read_model(std::string_view(text).substr(0, cut), "m"));
  }
}

TEST(GroundingModel, runs_join_over_weak_words_but_not_over_sentences) {
  const std::vector<float> p = {0.9F, 0.3F, 0.8F, 0.1F, 0.7F, 0.9F};
  const std::vector<std::uint32_t> sentences = {0, 0, 0, 0, 0, 1};
  std::vector<GroundingRun> runs;
  find_runs(p, sentences, 0.5F, runs);
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(runs[0].first, 0U);
  EXPECT_EQ(runs[0].last, 3U);
  EXPECT_EQ(runs[1].first, 4U);
  EXPECT_EQ(runs[2].first, 5U);
}

}  // namespace
}  // namespace swy::embed
