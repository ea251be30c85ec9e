// classifier: the label that a trained head gives the text.
//
// What: label = the head's likeliest label; value = its calibrated probability; true when it is one
// of `any`. Confidence: probability that the truth is right. Cheap stage first, the encoder only
// when that is unsure (detail/headed.cc). Unknown: no text, a confidence below min_confidence, or
// an encoding not ready in time. Cost: 30 us for the cheap stage. When it loses: labels that the
// training texts do not show; texts unlike them (watch the head's out-of-scope figure). Source:
// linear heads over n-grams and sentence embeddings; confidence by isotonic or Platt calibration
// (embed/head.h). Test: classifier_test.cc.
#include "route/detail/headed.h"

namespace swy::route {

std::unique_ptr<Signal> make_classifier(const base::Doc& node, BuildContext& ctx) {
  return headed::make(node, ctx, "");
}

}  // namespace swy::route
