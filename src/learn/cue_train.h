// Fits and measures the logistic models over text/cues.h on rows "class<TAB>text".
//
// When to use: `switchyard train cues`. Threading: one thread. Ownership: values.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"
#include "text/cues.h"

namespace swy::learn {

struct CueRow {
  std::size_t label = 0;  // index in the classes
  std::string text;
};
// Unknown classes are an error that names the line.
Result<std::vector<CueRow>> load_cue_rows(const std::string& path,
                                          std::span<const std::string_view> classes);

struct CueFit {
  double l2 = 0.0006;  // per row of text
  int rounds = 3000;
};
text::CueWeights fit_cues(text::CueTask task, const std::vector<const CueRow*>& rows,
                          const CueFit& options);
// "task class cue weight" lines; weights that round to zero are left out.
std::string weights_text(text::CueTask task, const text::CueWeights& weights);

struct CueScore {
  std::size_t rows = 0;
  double accuracy = 0, macro_f1 = 0;
  double ece = 0;  // of the best class's probability, 10 bins
};
CueScore score_cues(text::CueTask task, const text::CueWeights& weights,
                    const std::vector<const CueRow*>& rows);

}  // namespace swy::learn
