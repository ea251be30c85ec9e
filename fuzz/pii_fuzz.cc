// Any bytes: spans of personal data lie within the text, in order, without overlap, at most as many
// as allowed; masking and restoring gives the text back, for any split.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "text/cues.h"
#include "text/pii_mask.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace swy::text;  // NOLINT(google-build-using-namespace): one function
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<PiiSpan> spans;
  detect_pii(text, {.min_confidence = 0}, spans);
  SWY_ASSERT(spans.size() <= PiiOptions().max_spans);
  std::size_t end = 0;
  for (const PiiSpan& s : spans) {
    SWY_ASSERT(s.begin >= end && s.begin < s.end && s.end <= size);
    SWY_ASSERT(s.confidence >= 0 && s.confidence <= 1);
    end = s.end;
  }
  PiiVault vault;
  vault.avoid(text);
  std::string masked;
  vault.mask(text, spans, masked);
  std::string back;
  vault.restore(masked, back);
  SWY_ASSERT(back == text);
  PiiRestorer restorer;
  std::string pieces;
  const std::size_t step = size == 0 ? 1 : data[0] % 16 + 1;
  for (std::size_t at = 0; at < masked.size(); at += step) {
    restorer.push(vault, std::string_view(masked).substr(at, step), false, pieces);
  }
  restorer.push(vault, {}, true, pieces);
  SWY_ASSERT(pieces == back);
  Cues cues;
  find_cues(text, cues);
  for (std::size_t t = 0; t < kCueTasks; ++t) {
    const CueJudgement j = judge(static_cast<CueTask>(t), cues);
    SWY_ASSERT(j.best < cue_classes(static_cast<CueTask>(t)).size());
  }
  return 0;
}
