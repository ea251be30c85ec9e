// Cues: how often a text uses phrases of some sixty named groups ("ignore the instructions",
// "thanks", "draw", "how many"), and what a few small logistic models make of them.
//
// When to use: signals that must be cheap and explainable: a judgement is a sum of weights, each of
// which belongs to a group with a name. One pass finds the groups for all judgements together.
// Threading: pure functions over immutable tables. Ownership: values; no allocation after the first
// call of a thread. English only: other languages give few cues, and so a judgement near its prior.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace swy::text {

inline constexpr std::size_t kMaxCues = 80;

// Occurrences of each group, at most 3; the last ones are what the text looks like (short,
// asks...).
struct Cues {
  std::array<std::uint8_t, kMaxCues> count{};
  std::uint32_t bytes = 0;
};

// The groups' names, in order. A judgement's `top` points into it.
std::span<const std::string_view> cue_names();

// The group's place in Cues::count. REQUIRES: there is a group of that name.
std::size_t cue_index(std::string_view name);

// Reads at most the first kMaxCueBytes.
inline constexpr std::size_t kMaxCueBytes = std::size_t{64} << 10U;
void find_cues(std::string_view text, Cues& out);

enum class CueTask : std::uint8_t { kJailbreak, kSafety, kFeedback, kModality };
inline constexpr std::size_t kCueTasks = 4;
std::string_view to_string(CueTask task);

// The classes of a task by name, the one that means "nothing of this" first.
std::span<const std::string_view> cue_classes(CueTask task);

inline constexpr std::size_t kMaxCueClasses = 8;
struct CueJudgement {
  std::array<float, kMaxCueClasses> probability{};  // by class; sums to 1
  std::size_t best = 0;                             // the likeliest class
  std::size_t top = 0;  // index of the cue that spoke most for `best`, or cue_names().size(): none
};

// softmax(b + sum_g w_g f(n_g)), f(n) = ln(1 + n). The weights are those of models/cues.txt.
CueJudgement judge(CueTask task, const Cues& cues);

// What the judgement is when the class "nothing of this" is expected with probability `prior`
// instead of its share in training, about a half in every set. 0 < prior < 1.
inline constexpr float kTrainedPrior = 0.5F;
void expect(CueJudgement& judgement, CueTask task, float prior);
// Takes in another model's opinion of the same classes (an encoder's head): the weighted geometric
// mean of both distributions. weight 0: the cues alone, 1: the opinion alone.
// REQUIRES: opinion.size() == cue_classes(task).size().
void second_opinion(CueJudgement& judgement, CueTask task, std::span<const float> opinion,
                    float weight);

// What a trainer writes and judge() reads: one row of weights per class, kMaxCues and the offset.
struct CueWeights {
  std::array<std::array<float, kMaxCues + 1>, kMaxCueClasses> row{};
};
CueJudgement judge_with(CueTask task, const CueWeights& weights, const Cues& cues);

}  // namespace swy::text
