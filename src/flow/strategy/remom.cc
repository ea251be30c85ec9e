// remom: rounds of many answers, each round reading the last, ending in one.
//
// Rule: `breadth: [b1, .. bR]` and a last 1. Round r makes b_r calls, shared evenly over the rule's
// models (32 over 3 are 11, 11, 10) or all to the first; from the second round on a call sees the
// answers of the round before, cut to their last `reference_bytes`, as numbered references. The
// answer of the last call stands. Cost: the sum of the schedule plus 1 ([32, 4]: 37 calls), with
// prompts that grow by what they quote. Loses on everything that one good answer settles: it is the
// dearest strategy here, and where most references are wrong the synthesis follows them. A call
// that fails is left out of the references; a round without an answer ends in the best heard so
// far. Paper: ReMoM of vLLM Semantic Router (request-routing.md 4.1; after its looper): variant of;
// its "weighted" distribution equals "equal" there and is left out, temperature is the client's.
// Tests: remom_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "flow/plugin.h"
#include "flow/prompts.h"

namespace swy::flow {
namespace {

using route::Episode;
using route::Step;

struct Options {
  std::vector<std::string> breadth = {"4"};
  std::string distribute = "equal";
  std::int64_t reference_bytes = 4'000;

  void bind(base::OptionBinder& b) {
    b.field("breadth", breadth, "calls of each round; a last one of 1 call follows");
    b.field("distribute", distribute, "equal: over all models; first_only: to the first");
    b.field("reference_bytes", reference_bytes, {16, 100'000}, "of an answer that is quoted");
  }
};

class Remom final : public route::Strategy {
 public:
  Remom(std::vector<std::size_t> schedule, bool first_only, std::size_t most)
      : schedule_(std::move(schedule)), first_only_(first_only), most_(most) {}

  [[nodiscard]] Step next(const Episode& e) const override {
    std::vector<std::string> references;
    std::optional<std::uint32_t> last;
    for (std::uint32_t i = 0; i < e.seen.size(); ++i) {
      if (e.seen[i].failed) continue;
      last = i;
      if (e.seen[i].round + 1 == e.round) references.push_back(e.seen[i].text);
    }
    const bool over = e.round == schedule_.size() || (e.round > 0 && references.empty());
    if (over || e.calls_left == 0) {
      if (!last) return route::Abstain{route::ReasonText("no model gave an answer")};
      return route::AnswerWith{*last, route::ReasonText(fmt::format("after {} rounds", e.round))};
    }
    return round(e, references);
  }

 private:
  [[nodiscard]] Step round(const Episode& e, const std::vector<std::string>& references) const {
    std::vector<std::uint32_t> models;
    for (std::uint32_t c = 0; c < e.allowed.size(); ++c) {
      if (e.allowed[c] != 0 && (!first_only_ || models.empty())) models.push_back(c);
    }
    std::string prompt;
    if (e.round > 0) prompt = synthesis_prompt(e.question, references, most_);
    route::RunCalls run;
    std::vector<std::uint32_t> samples(e.allowed.size(), 0);
    for (const route::Observation& o : e.seen) ++samples[o.candidate];
    for (std::size_t i = 0; i < schedule_[e.round]; ++i) {
      const std::uint32_t c = models[i % models.size()];
      run.calls.push_back({c, samples[c]++, route::Purpose::kAnswer, prompt, false});
    }
    run.why = route::ReasonText(fmt::format("round {} of {}", e.round + 1, schedule_.size()));
    return run;
  }

  std::vector<std::size_t> schedule_;
  bool first_only_;
  std::size_t most_;
};

}  // namespace

std::unique_ptr<route::Strategy> make_remom(const base::Doc& node, route::BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  std::vector<std::size_t> schedule;
  for (const std::string& text : o.breadth) {
    const auto n = base::Doc::scalar(text).as_integer();
    if (!n || *n < 1 || *n > 64) {
      ctx.diag().error(mark_of(node, "breadth"), "breadth is a list of whole numbers from 1 to 64");
      return nullptr;
    }
    schedule.push_back(static_cast<std::size_t>(*n));
  }
  if (o.distribute != "equal" && o.distribute != "first_only") {
    ctx.diag().error(mark_of(node, "distribute"), "distribute must be equal or first_only");
    return nullptr;
  }
  schedule.push_back(1);
  const std::size_t calls = std::accumulate(schedule.begin(), schedule.end(), std::size_t{0});
  const base::Doc* limit = node.is_map() ? node.find("max_calls") : nullptr;
  const std::int64_t allowed =
      limit == nullptr ? route::FlowLimits{}.max_calls : limit->as_integer().value_or(0);
  if (static_cast<std::int64_t>(calls) > allowed) {
    ctx.diag().error(
        mark_of(node, "breadth"),
        fmt::format("the schedule makes {} calls, max_calls allows {}", calls, allowed));
    return nullptr;
  }
  return std::make_unique<Remom>(std::move(schedule), o.distribute == "first_only",
                                 static_cast<std::size_t>(o.reference_bytes));
}

}  // namespace swy::flow
