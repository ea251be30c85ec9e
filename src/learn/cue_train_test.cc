#include "learn/cue_train.h"

#include <gtest/gtest.h>

namespace swy::learn {
namespace {

struct Wanted {
  text::CueTask task;
  double accuracy, ece;
};

// Even rows train, odd rows measure: the figures of docs/reference/signals.md. The weights in
// models/cues.txt come from the same even rows.
TEST(CueTraining, TheHeldOutHalvesAreJudgedAsDocumented) {
  for (const Wanted w :
       {Wanted{text::CueTask::kJailbreak, 0.87, 0.09}, Wanted{text::CueTask::kSafety, 0.87, 0.08},
        Wanted{text::CueTask::kFeedback, 0.95, 0.08},
        Wanted{text::CueTask::kModality, 0.93, 0.07}}) {
    const auto rows = load_cue_rows(
        std::string(SWY_SOURCE_DIR "/tests/data/cues/") + std::string(to_string(w.task)) + ".tsv",
        text::cue_classes(w.task));
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_GE(rows->size(), 150U);
    std::size_t right = 0;
    std::size_t n = 0;
    std::vector<const CueRow*> even;
    std::vector<const CueRow*> odd;
    for (std::size_t i = 0; i < rows->size(); ++i) (i % 2 == 0 ? even : odd).push_back(&(*rows)[i]);
    for (const CueRow* r : odd) {  // the shipped weights
      text::Cues cues;
      text::find_cues(r->text, cues);
      right += text::judge(w.task, cues).best == r->label ? 1U : 0U;
      ++n;
    }
    const CueScore s = score_cues(w.task, fit_cues(w.task, even, {}), odd);
    EXPECT_GE(s.accuracy, w.accuracy) << to_string(w.task);
    EXPECT_LE(s.ece, w.ece) << to_string(w.task);
    EXPECT_NEAR(static_cast<double>(right) / static_cast<double>(n), s.accuracy, 0.02)
        << to_string(w.task) << ": models/cues.txt is not what training gives";
  }
}

TEST(CueTraining, AnUnknownClassIsAnErrorWithItsLine) {
  const auto rows = load_cue_rows(SWY_SOURCE_DIR "/tests/data/cues/modality.tsv",
                                  text::cue_classes(text::CueTask::kSafety));
  ASSERT_FALSE(rows);
  EXPECT_NE(rows.error().message.find("modality.tsv:1"), std::string::npos);
}

}  // namespace
}  // namespace swy::learn
