// agreement: ask cheap models; when enough of them say the same, that is the answer, else the
// strong model is asked.
//
// Rule: the cheap answers are brought into one form (extract.h); as soon as `agree` of them are
// equal the answer stands. What can no longer come to `agree` is not asked. With one cheap model
// and `samples` it is self-consistency. Right because models of different origin seldom make the
// same mistake: on MMLU-Pro two cheap models that agree are right far more often than either of
// them (routing-benchmarks.md 4.4). Cost: the cheap calls always, the strong one for the rest.
// Loses where models share their errors (agreement-but-wrong: no later step can see it), where
// answers never match as texts (code), and where the strong model is not much dearer. A failed call
// agrees with nobody. Papers: MoT consistency (arXiv 2310.03094), agreement-based cascades (ABC,
// arXiv 2407.02348): variants of, since their bodies were not read. Tests: agreement_test.cc.
#include <fmt/format.h>

#include <algorithm>

#include "flow/plugin.h"

namespace swy::flow {
namespace {

using route::Episode;
using route::Step;

struct Options {
  std::vector<std::string> cheap;
  std::string strong;
  std::int64_t agree = 2;
  std::int64_t samples = 1;
  bool together = false;
  std::string form = "auto";

  void bind(base::OptionBinder& b) {
    b.field("cheap", cheap, "asked first, in this order; absent: all but `strong`, cheapest first");
    b.field("strong", strong, "asked when they do not agree; absent: the dearest candidate");
    b.field("agree", agree, {1, 64}, "equal answers that are enough");
    b.field("samples", samples, {1, 32}, "answers of each cheap model");
    b.field("together", together,
            "ask all cheap models at once: faster, and dearer where the first ones agree");
    b.field("form", form, "what is compared: auto, letter, number, text, json");
  }
};

class Agreement final : public route::Strategy {
 public:
  Agreement(std::vector<std::uint32_t> cheap, std::uint32_t strong, const Options& o,
            AnswerForm form)
      : cheap_(std::move(cheap)),
        strong_(strong),
        agree_(static_cast<std::size_t>(o.agree)),
        samples_(static_cast<std::uint32_t>(o.samples)),
        together_(o.together),
        form_(form) {}

  [[nodiscard]] Step next(const Episode& e) const override {
    const std::vector<Heard> heard = heard_of(e, form_);
    std::size_t most = 0;
    std::size_t leader = 0;
    for (std::size_t i = 0; i < heard.size(); ++i) {
      const std::size_t voices = voices_of(heard, i);
      if (voices <= most) continue;
      most = voices;
      leader = i;
    }
    const bool escalated = std::any_of(heard.begin(), heard.end(),
                                       [&](const Heard& h) { return h.candidate == strong_; });
    if (most >= agree_ && !escalated) {
      return route::AnswerWith{
          heard[leader].seen,
          route::ReasonText(fmt::format("{} of {} answers agree", most, heard.size()))};
    }
    if (escalated) return after_strong(heard, e);
    return ask(heard, most, e);
  }

 private:
  [[nodiscard]] Step after_strong(const std::vector<Heard>& heard, const Episode& e) const {
    for (const Heard& h : heard) {
      if (h.candidate == strong_ && !h.missing)
        return route::AnswerWith{h.seen, route::ReasonText("no agreement: the strong model's")};
    }
    return settle(heard, PostHoc(), e);
  }

  [[nodiscard]] Step ask(const std::vector<Heard>& heard, std::size_t most,
                         const Episode& e) const {
    if (e.calls_left == 0) return settle(heard, PostHoc(), e);
    route::RunCalls run;
    std::size_t left = 0;
    for (std::uint32_t sample = 0; sample < samples_; ++sample) {
      for (const std::uint32_t c : cheap_) {
        if (e.allowed[c] == 0 || was_asked(e, c, sample)) continue;
        ++left;
        run.calls.push_back({c, sample, route::Purpose::kAnswer, "", false});
      }
    }
    if (most + left >= agree_) {
      if (!together_) {
        // Only as many as agreement needs: more are asked when these do not agree.
        run.calls.resize(std::min(run.calls.size(), std::max<std::size_t>(agree_ - most, 1)));
      }
      run.why = route::ReasonText(fmt::format("{} agree, {} are enough", most, agree_));
      return run;
    }
    if (e.allowed[strong_] != 0) return run_one(strong_, "no agreement: escalated");
    // No quorum is possible and there is no strong model: one more opinion, if there is none yet.
    if (most == 0 && left > 0) {
      run.calls.resize(1);
      run.why = route::ReasonText("too few models are allowed for agreement");
      return run;
    }
    return settle(heard, PostHoc(), e);
  }

  static bool was_asked(const Episode& e, std::uint32_t candidate, std::uint32_t sample) {
    return std::any_of(e.seen.begin(), e.seen.end(), [&](const route::Observation& o) {
      return o.candidate == candidate && o.sample == sample;
    });
  }

  std::vector<std::uint32_t> cheap_;
  std::uint32_t strong_;
  std::size_t agree_;
  std::uint32_t samples_;
  bool together_;
  AnswerForm form_;
};

}  // namespace

std::unique_ptr<route::Strategy> make_agreement(const base::Doc& node, route::BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto form = form_named(o.form, node, ctx);
  std::vector<std::uint32_t> cheap = by_price(ctx);
  std::optional<std::uint32_t> strong = cheap.back();
  if (!o.strong.empty()) strong = candidate_named(o.strong, node, "strong", ctx);
  if (!form || !strong) return nullptr;
  if (!o.cheap.empty()) {
    auto named = candidates_named(o.cheap, node, "cheap", ctx);
    if (!named) return nullptr;
    cheap = std::move(*named);
  }
  std::erase(cheap, *strong);
  if (cheap.size() * static_cast<std::size_t>(o.samples) < static_cast<std::size_t>(o.agree)) {
    ctx.diag().error(mark_of(node, "agree"),
                     fmt::format("{} answers of cheap models can never be {} that agree; name more "
                                 "models or samples",
                                 cheap.size() * static_cast<std::size_t>(o.samples), o.agree));
    return nullptr;
  }
  return std::make_unique<Agreement>(std::move(cheap), *strong, o, *form);
}

}  // namespace swy::flow
