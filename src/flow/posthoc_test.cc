#include "flow/posthoc.h"

#include <gtest/gtest.h>

namespace swy::flow {
namespace {

Heard said(std::uint32_t candidate, const char* normal) {
  return {candidate, candidate, false, normal, 10};
}

TEST(PostHoc, UntrainedIsThePosteriorOfIndependentVoices) {
  const PostHoc posthoc(10);
  const std::vector<double> beliefs = {.5, .5, .9};
  // One voice of belief p is right with probability p.
  const std::vector<Heard> one = {said(2, "a")};
  EXPECT_NEAR(posthoc.propose(one, beliefs).posterior, .9, 1e-9);
  // Two at .5 that agree: odds 9 * 9 against 9 other answers.
  const std::vector<Heard> two = {said(0, "a"), said(1, "a")};
  EXPECT_NEAR(posthoc.propose(two, beliefs).posterior, 81.0 / 90, 1e-9);
  EXPECT_EQ(posthoc.propose(two, beliefs).voices, 2U);
  // They overrule .9 (81 against 81: the first by support is kept, the better model wins a tie).
  const std::vector<Heard> three = {said(0, "a"), said(1, "a"), said(2, "b")};
  EXPECT_EQ(posthoc.propose(three, beliefs).heard, 2U);
}

TEST(PostHoc, PassesOverWhatSaysNothing) {
  const PostHoc posthoc;
  const std::vector<double> beliefs = {.9, .5};
  std::vector<Heard> heard = {said(0, ""), said(1, "b")};
  EXPECT_EQ(posthoc.propose(heard, beliefs).heard, 1U);
  heard[1].normal.clear();
  EXPECT_EQ(posthoc.propose(heard, beliefs).heard, 0U);
  EXPECT_EQ(posthoc.propose(heard, beliefs).posterior, 0);
  heard[0].missing = true;
  EXPECT_EQ(posthoc.propose(heard, beliefs).heard, 1U);
}

TEST(PostHoc, LearnsThatAgreementIsRightMoreOften) {
  Past past;
  past.candidates = 2;
  for (int q = 0; q < 400; ++q) {
    const bool agree = q % 2 == 0;
    const bool right = agree ? q % 10 != 0 : q % 7 == 1;
    past.answers.push_back({right ? 1.0 : 0.0, 1, "a", 5});
    past.answers.push_back({0, 1, agree ? "a" : "b", 5});
    past.question_bytes.push_back(100);
    past.fold.push_back(static_cast<std::uint32_t>(q / 7) % Past::kFolds);
  }
  past.belief.assign(past.answers.size(), route::kUnknownNumber);
  PostHoc posthoc;
  const std::vector<std::uint32_t> both = {0, 1};
  const auto out = posthoc.fit(past, both);
  const std::vector<double> beliefs = {.5, .5};
  const std::vector<Heard> same = {{0, 0, false, "a", 5}, {1, 1, false, "a", 5}};
  const std::vector<Heard> differ = {{0, 0, false, "a", 5}, {1, 1, false, "b", 5}};
  EXPECT_NEAR(posthoc.score(same, posthoc.propose(same, beliefs), beliefs, 100), .8, .02);
  EXPECT_NEAR(posthoc.score(differ, posthoc.propose(differ, beliefs), beliefs, 100), .14, .03);
  EXPECT_GT(out.score[2], out.score[3]);
  EXPECT_NE(posthoc.version(), 0U);
}

}  // namespace
}  // namespace swy::flow
