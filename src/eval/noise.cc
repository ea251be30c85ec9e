// Perturbations after RouterArena's robustness part (420 perturbed prompts; theirs are not
// published as rules, so these are ours: misspelling, case, punctuation, spacing, politeness). Kind
// and places are drawn by (seed, id): every router is asked the same. Numbers stay, so the question
// keeps its answer. O(length). Loses: paraphrases by a model change more than this does. Tests:
// noise_test.cc.
#include "eval/noise.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/rng.h"

namespace swy::eval {
namespace {

constexpr std::uint64_t kStage = 11;  // of the random numbers: any of its own
constexpr double kTypos = 0.04;       // share of letters that are hit
constexpr std::array<std::string_view, 4> kOpenings{"Please help me with this. ", "Hi! ",
                                                    "Quick question: ", "Hello, could you answer "};
constexpr std::array<std::string_view, 4> kEnds{" Thanks!", " Thank you.", "\n\nThanks in advance",
                                                " Please."};
// The key to the right on an English keyboard, a to z.
constexpr std::string_view kRightOf = "snvfrghjokl;,mp[wtdyibecuz";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_punctuation(char c) {
  return c == '.' || c == ',' || c == ';' || c == ':' || c == '!' || c == '?' || c == '"' ||
         c == '\'';
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string swapped(std::string text, base::Rng& rng) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (!is_letter(text[i]) || !is_letter(text[i + 1]) || rng.uniform() >= kTypos) continue;
    std::swap(text[i], text[i + 1]);
    ++i;
  }
  return text;
}

std::string slipped(std::string text, base::Rng& rng) {
  for (char& c : text) {
    if (is_letter(c) && rng.uniform() < kTypos)
      c = kRightOf[static_cast<std::size_t>(lower(c) - 'a')];
  }
  return text;
}

std::string without_punctuation(std::string text) {
  std::erase_if(text, is_punctuation);
  return text;
}

std::string spaced(std::string_view text, base::Rng& rng) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == ' ' && rng.uniform() < 0.3) out += rng.uniform() < 0.5 ? ' ' : '\n';
  }
  return out;
}

std::string once(std::string_view prompt, base::Rng& rng) {
  std::string text(prompt);
  switch (rng.below(7)) {
    case 0:
      return swapped(std::move(text), rng);
    case 1:
      return slipped(std::move(text), rng);
    case 2:
      std::transform(text.begin(), text.end(), text.begin(), lower);
      return text;
    case 3:
      return without_punctuation(std::move(text));
    case 4:
      return spaced(text, rng);
    case 5:
      return std::string(kOpenings[rng.below(kOpenings.size())]) + text;
    default:
      return text + std::string(kEnds[rng.below(kEnds.size())]);
  }
}

}  // namespace

std::string perturbed(std::string_view prompt, std::string_view id, std::uint64_t seed) {
  base::Rng rng(seed, base::hash64(id), kStage);
  std::string text = once(prompt, rng);
  // A short text may have nothing that this kind touches: another one.
  for (int i = 0; i < 20 && text == prompt; ++i) text = once(prompt, rng);
  return text;
}

}  // namespace swy::eval
