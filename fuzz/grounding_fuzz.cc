// Grounding on arbitrary texts, and its model file on arbitrary bytes: total, and verdicts lie in
// the answer in order.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "embed/grounding_features.h"
#include "embed/grounding_model.h"

namespace {

using namespace swy::embed;

// A stage that listens to every feature, so that no evidence is left unread.
GroundingStage stage() {
  GroundingStage s;
  s.word = {kLexicalFeatures, std::vector<float>(kLexicalFeatures, 0.5F), {0}, {1}, -2};
  s.around = {kAroundFeatures, std::vector<float>(kAroundFeatures, 0.5F), {0}, {1}, 0};
  return s;
}

void check(std::string_view question, std::string_view context, std::string_view answer) {
  static GroundingScratch scratch;
  static GroundingBuffers buffers;
  static const GroundingStage kStage = stage();
  SWY_ASSERT(read_grounding({question, context, answer}, {}, scratch).has_value());
  std::uint32_t at = 0;
  for (const auto token : scratch.tokens()) {
    SWY_ASSERT(at <= token.begin && token.begin < token.end && token.end <= answer.size());
    at = token.end;
  }
  SWY_ASSERT(scratch.features().rows() == scratch.tokens().size());
  for (const float f : scratch.features().all()) SWY_ASSERT(f >= -1.01F && f <= 10.0F);
  score_words(kStage, scratch.features(), scratch.sentences(), buffers);
  std::vector<GroundingRun> runs;
  find_runs(buffers.words, scratch.sentences(), 0.5F, runs);
  std::uint32_t next = 0;
  for (const GroundingRun& run : runs) {
    SWY_ASSERT(next <= run.first && run.first < run.last);
    SWY_ASSERT(run.last <= buffers.words.size() && run.score >= 0 && run.score <= 1);
    next = run.last;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view s(reinterpret_cast<const char*>(data), size);
  if (const auto model = read_model(s, "fuzz")) SWY_ASSERT(check_model(*model).has_value());
  const std::size_t first = s.find('\0');
  const std::string_view context = s.substr(0, first);
  const std::string_view answer = first == std::string_view::npos ? s : s.substr(first + 1);
  check(context.substr(0, context.size() / 4), context, answer);
  return 0;
}
