// Cue groups and the judgements over them.
//
// What: one automaton over all phrases of all groups (text/phrases.h), whole words, case ignored;
// n_g = how many phrases of group g end somewhere, at most 3. P(class) = softmax of a linear
// function of ln(1 + n_g). The weights were fitted with a ridge on the even rows of tests/data/cues
// and are measured on the odd ones (docs/reference/signals.md has the figures). Cost: one pass;
// some 10 us for 1 KB. When it loses: paraphrase, irony, any language but English, long texts that
// mention many things. Source: none. Test: cues_test.cc.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "base/check.h"
#include "text/cues.h"
#include "text/cues/lists.h"
#include "text/phrases.h"

// NOLINTNEXTLINE(hicpp-no-assembler): the only way to embed a file without generating source
asm(".section .rodata\n"
    "swy_cues_begin:\n"
    ".incbin \"" SWY_SOURCE_DIR
    "/models/cues.txt\"\n"
    "swy_cues_end:\n"
    ".byte 0\n"
    ".previous\n");
extern "C" {
extern const char swy_cues_begin;  // NOLINT(readability-identifier-naming)
extern const char swy_cues_end;    // NOLINT(readability-identifier-naming)
}

namespace swy::text {
namespace {

constexpr std::size_t kGroupCount = cues::kGroups.size();
constexpr std::size_t kAll = kGroupCount + cues::kShapes;
static_assert(kAll <= kMaxCues);

constexpr std::array<std::string_view, 2> kJailbreak = {"benign", "attack"};
constexpr std::array<std::string_view, 8> kSafety = {"none",   "violence", "weapons", "self_harm",
                                                     "sexual", "hate",     "crime",   "drugs"};
constexpr std::array<std::string_view, 4> kFeedback = {"none", "satisfied", "dissatisfied",
                                                       "reask"};
constexpr std::array<std::string_view, 4> kModality = {"text", "image", "audio", "both"};
constexpr std::array<std::string_view, kCueTasks> kTaskNames = {"jailbreak", "safety", "feedback",
                                                                "modality"};

struct Lists {
  std::vector<std::string> phrases;
  std::vector<std::uint8_t> group;  // by phrase
};

Lists split() {
  Lists l;
  for (std::size_t g = 0; g < kGroupCount; ++g) {
    std::string_view rest = cues::kGroups[g].phrases;
    while (!rest.empty()) {
      const std::size_t n = std::min(rest.find('|'), rest.size());
      l.phrases.emplace_back(rest.substr(0, n));
      l.group.push_back(static_cast<std::uint8_t>(g));
      rest.remove_prefix(std::min(n + 1, rest.size()));
    }
  }
  return l;
}

struct Automaton {
  Lists lists = split();
  PhraseSet set = [this] {
    auto s = PhraseSet::build(lists.phrases, {});
    SWY_ASSERT(s.has_value());
    return std::move(*s);
  }();
};

const Automaton& automaton() {
  static const Automaton a;
  return a;
}

void look(std::string_view text, Cues& out) {
  const auto set = [&](cues::Shape s, bool on) { out.count[kGroupCount + s] = on ? 1 : 0; };
  std::size_t spaces = 0;
  bool exclaims = false;
  bool asks = false;
  for (const char c : text) {
    spaces += c == ' ' || c == '\n' ? 1U : 0U;
    exclaims = exclaims || c == '!';
    asks = asks || c == '?';
  }
  std::array<char, 6> head{};
  for (std::size_t i = 0; i < std::min(text.size(), head.size()); ++i) {
    head[i] = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] | 0x20) : text[i];
  }
  const std::string_view h(head.data(), head.size());
  constexpr std::array<std::string_view, 8> kWh = {"what ",  "who ", "when ", "where ",
                                                   "which ", "how ", "why ",  "is "};
  set(cues::kAsks, asks);
  set(cues::kStartsWh, std::any_of(kWh.begin(), kWh.end(),
                                   [&](std::string_view w) { return h.substr(0, w.size()) == w; }));
  set(cues::kVeryShort, spaces < 4);
  set(cues::kShort, spaces < 8);
  set(cues::kLong, spaces > 40);
  set(cues::kVeryLong, spaces > 150);
  set(cues::kExclaims, exclaims);
}

std::array<CueWeights, kCueTasks> read_weights(std::string_view text) {
  std::array<CueWeights, kCueTasks> all{};
  while (!text.empty()) {
    const std::size_t n = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, n);
    text.remove_prefix(std::min(n + 1, text.size()));
    const auto word = [&] {
      const std::size_t k = std::min(line.find(' '), line.size());
      const std::string_view w = line.substr(0, k);
      line.remove_prefix(std::min(k + 1, line.size()));
      return w;
    };
    const std::string_view task = word();
    const auto t = std::find(kTaskNames.begin(), kTaskNames.end(), task);
    if (task.empty() || t == kTaskNames.end()) continue;
    const auto index = static_cast<std::size_t>(t - kTaskNames.begin());
    const auto classes = cue_classes(static_cast<CueTask>(index));
    const auto c = std::find(classes.begin(), classes.end(), word());
    const std::string_view cue = word();
    const auto names = cue_names();
    const auto g = std::find(names.begin(), names.end(), cue);
    if (c == classes.end() || (g == names.end() && cue != "offset")) continue;
    float value = 0;
    std::from_chars(line.data(), line.data() + line.size(), value);
    const auto at = cue == "offset" ? kMaxCues : static_cast<std::size_t>(g - names.begin());
    all[index].row[static_cast<std::size_t>(c - classes.begin())][at] = value;
  }
  return all;
}

}  // namespace

std::span<const std::string_view> cue_names() {
  static const auto names = [] {
    std::array<std::string_view, kAll> n;
    for (std::size_t i = 0; i < kGroupCount; ++i) n[i] = cues::kGroups[i].name;
    std::copy(cues::kShapeNames.begin(), cues::kShapeNames.end(), n.begin() + kGroupCount);
    return n;
  }();
  return names;
}

std::size_t cue_index(std::string_view name) {
  const auto names = cue_names();
  const auto it = std::find(names.begin(), names.end(), name);
  SWY_ASSERT(it != names.end());
  return static_cast<std::size_t>(it - names.begin());
}

std::string_view to_string(CueTask task) { return kTaskNames[static_cast<std::size_t>(task)]; }

std::span<const std::string_view> cue_classes(CueTask task) {
  switch (task) {
    case CueTask::kJailbreak:
      return kJailbreak;
    case CueTask::kSafety:
      return kSafety;
    case CueTask::kFeedback:
      return kFeedback;
    case CueTask::kModality:
      return kModality;
  }
  return {};
}

void find_cues(std::string_view text, Cues& out) {
  out = {};
  out.bytes = static_cast<std::uint32_t>(text.size());
  text = text.substr(0, kMaxCueBytes);
  const Automaton& a = automaton();
  a.set.for_each(text, [&](const PhraseMatch& m) {
    std::uint8_t& n = out.count[a.lists.group[m.phrase]];
    n = static_cast<std::uint8_t>(std::min(n + 1, 3));
  });
  look(text, out);
}

CueJudgement judge_with(CueTask task, const CueWeights& weights, const Cues& cues) {
  constexpr std::array<float, 4> kLog = {0, 0.6931472F, 1.0986123F, 1.3862944F};  // ln(1 + n)
  const std::size_t classes = cue_classes(task).size();
  CueJudgement j;
  float top = -1e30F;
  for (std::size_t c = 0; c < classes; ++c) {
    const auto& row = weights.row[c];
    float z = row[kMaxCues];
    for (std::size_t g = 0; g < kAll; ++g) z += row[g] * kLog[cues.count[g]];
    j.probability[c] = z;
    if (z > top) {
      top = z;
      j.best = c;
    }
  }
  float sum = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    j.probability[c] = std::exp(j.probability[c] - top);
    sum += j.probability[c];
  }
  for (std::size_t c = 0; c < classes; ++c) j.probability[c] /= sum;
  j.top = kAll;
  float most = 0;
  for (std::size_t g = 0; g < kAll; ++g) {
    const float part = weights.row[j.best][g] * kLog[cues.count[g]];
    if (part > most) {
      most = part;
      j.top = g;
    }
  }
  return j;
}

namespace {
void normalise(CueJudgement& j, std::size_t classes) {
  float sum = 0;
  j.best = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    sum += j.probability[c];
    if (j.probability[c] > j.probability[j.best]) j.best = c;
  }
  for (std::size_t c = 0; c < classes && sum > 0; ++c) j.probability[c] /= sum;
}
}  // namespace

void expect(CueJudgement& j, CueTask task, float prior) {
  j.probability[0] *= prior / (1 - prior) * (1 - kTrainedPrior) / kTrainedPrior;
  normalise(j, cue_classes(task).size());
}

void second_opinion(CueJudgement& j, CueTask task, std::span<const float> opinion, float weight) {
  const std::size_t classes = cue_classes(task).size();
  SWY_ASSERT(opinion.size() == classes);
  for (std::size_t c = 0; c < classes; ++c) {
    j.probability[c] = std::pow(std::max(j.probability[c], 1e-6F), 1 - weight) *
                       std::pow(std::max(opinion[c], 1e-6F), weight);
  }
  normalise(j, classes);
}

CueJudgement judge(CueTask task, const Cues& cues) {
  static const auto all =
      read_weights({&swy_cues_begin, static_cast<std::size_t>(&swy_cues_end - &swy_cues_begin)});
  return judge_with(task, all[static_cast<std::size_t>(task)], cues);
}

}  // namespace swy::text
