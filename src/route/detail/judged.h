// What the signals over text/cues.h share: threshold, expected share, and the fact a judgement
// makes.
//
// When to use: inside signal files of this module. Threading: plain values. Ownership: none kept.
#pragma once

#include <algorithm>

#include "route/detail/plugin.h"
#include "text/cues.h"

namespace swy::route::plugin {

// A judgement between "nothing of this" (class 0) and the classes that make the fact true.
// value = the probability of those together; label = the likeliest of them when true, else the name
// of class 0; confidence = the probability that truth is right.
inline Fact judged(text::CueTask task, const text::CueJudgement& j, std::uint32_t wanted,
                   double threshold) {
  const auto classes = text::cue_classes(task);
  double p = 0;
  std::size_t likeliest = 0;
  for (std::size_t c = 1; c < classes.size(); ++c) {
    if ((wanted >> c & 1U) == 0) continue;
    p += static_cast<double>(j.probability[c]);
    if (likeliest == 0 || j.probability[c] > j.probability[likeliest]) likeliest = c;
  }
  const bool holds = p >= threshold;
  return {truth(holds), static_cast<float>(holds ? p : 1 - p), p,
          label(holds ? classes[likeliest] : classes[0])};
}

// An empty text: whatever is looked for is not in it.
inline Fact nothing_there(text::CueTask task) {
  return {Truth::kFalse, 1, 0, label(text::cue_classes(task)[0])};
}

// Bits of the named classes; every one but the first when none is named. 0: errors were reported.
inline std::uint32_t classes_of(BuildContext& ctx, const base::Doc& node, text::CueTask task,
                                const std::vector<std::string>& names) {
  const auto classes = text::cue_classes(task);
  const std::vector<std::string> known(classes.begin() + 1, classes.end());
  std::uint32_t bits = names.empty() ? (1U << classes.size()) - 2 : 0;
  bool ok = true;
  for (const std::string& name : names) {
    const auto it = std::find(classes.begin() + 1, classes.end(), name);
    if (it != classes.end()) {
      bits |= 1U << static_cast<unsigned>(it - classes.begin());
      continue;
    }
    ok = false;
    ctx.diag().error(mark_of(node, "any"),
                     fmt::format("any holds some of {}, not '{}'{}", list_names(known), name,
                                 base::did_you_mean(name, known)));
  }
  return ok ? bits : 0;
}

}  // namespace swy::route::plugin
