// prism: how sure one is of the best candidate decides how many are asked: one, two or all.
//
// Rule: p over the candidates, sorted. p1 >= sure and p1 - p2 >= ahead: the first alone. p1 >= sure
// otherwise: the first two; when they agree that, else the first one's (two can never overturn it).
// p1 < sure: all, and the answer with most voices; a tie, or none with an answer: the first one's.
// p: what the rule's policy says (`from: policy`), or softmax(quality / temperature) of what its
// estimator believes (`from: quality`). Cost: one, two or all calls. Loses where p is flat: with n
// candidates p1 >= 1/n, so `sure` at or below 1/n never explores. Paper: PRISM
// (reml-group/PRISM, released code; withdrawn paper, request-routing.md 4.12): variant of, its
// adapter's training was not found, so any estimator of this program stands in. Tests:
// prism_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "flow/plugin.h"

namespace swy::flow {
namespace {

using route::Episode;
using route::Step;

struct Options {
  double sure = 0.35;
  double ahead = 0.1;
  std::string from = "quality";
  double temperature = 0.1;
  std::string form = "auto";

  void bind(base::OptionBinder& b) {
    b.field("sure", sure, {0, 1}, "probability of the first below which all are asked");
    b.field("ahead", ahead, {0, 1}, "lead of the first over the second below which both are asked");
    b.field("from", from, "quality: of the estimator's beliefs; policy: the rule's probabilities");
    b.field("temperature", temperature, {1e-6, 1e6}, "of the softmax over qualities");
    b.field("form", form, "what is compared: auto, letter, number, text, json");
  }
};

class Prism final : public route::Strategy {
 public:
  Prism(Options o, AnswerForm form) : o_(std::move(o)), form_(form) {}

  [[nodiscard]] Step next(const Episode& e) const override {
    const std::vector<double> p = probabilities(e);
    std::vector<std::uint32_t> order(p.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return p[a] > p[b]; });
    std::erase_if(order, [&](std::uint32_t c) { return e.allowed[c] == 0; });
    const std::size_t breadth = breadth_of(p, order);
    if (e.round == 0 && e.calls_left > 0) {
      route::RunCalls run;
      for (std::size_t i = 0; i < breadth; ++i)
        run.calls.push_back({order[i], 0, route::Purpose::kAnswer, "", false});
      run.why = route::ReasonText(fmt::format("p {:.3f}: {} asked", p[order[0]], breadth));
      return run;
    }
    return conclude(e, order, breadth);
  }

 private:
  [[nodiscard]] std::size_t breadth_of(const std::vector<double>& p,
                                       const std::vector<std::uint32_t>& order) const {
    const double first = p[order[0]];
    const double second = order.size() > 1 ? p[order[1]] : 0;
    constexpr double kRounding = 1e-12;
    if (first < o_.sure - kRounding) return order.size();
    return first - second >= o_.ahead - kRounding ? 1 : std::min<std::size_t>(2, order.size());
  }

  [[nodiscard]] std::vector<double> probabilities(const Episode& e) const {
    if (o_.from == "policy") return {e.probability.begin(), e.probability.end()};
    std::vector<double> p;
    double best = -HUGE_VAL;
    for (const route::Belief& b : e.beliefs) best = std::fmax(best, b.quality);
    double sum = 0;
    for (std::size_t i = 0; i < e.beliefs.size(); ++i) {
      const double q = e.beliefs[i].quality;
      const bool known = !std::isnan(q) && e.allowed[i] != 0;
      p.push_back(known ? std::exp((q - best) / o_.temperature) : 0);
      sum += p.back();
    }
    if (sum > 0) {
      for (double& v : p) v /= sum;
    }
    return p;
  }

  [[nodiscard]] Step conclude(const Episode& e, const std::vector<std::uint32_t>& order,
                              std::size_t breadth) const {
    const std::vector<Heard> heard = heard_of(e, form_);
    const auto of_first = std::find_if(heard.begin(), heard.end(), [&](const Heard& h) {
      return h.candidate == order[0] && !h.missing;
    });
    if (breadth > 2 || of_first == heard.end()) {
      const auto best = plurality(heard);
      if (best && most_alone(heard, *best))
        return route::AnswerWith{heard[*best].seen, route::ReasonText("most voices")};
    }
    if (of_first == heard.end()) return settle(heard, PostHoc(), e);
    return route::AnswerWith{of_first->seen, route::ReasonText("the first one's")};
  }

  // No other answer has as many voices.
  static bool most_alone(const std::vector<Heard>& heard, std::size_t best) {
    const std::size_t most = voices_of(heard, best);
    return std::none_of(heard.begin(), heard.end(), [&](const Heard& h) {
      return h.normal != heard[best].normal &&
             voices_of(heard, static_cast<std::size_t>(&h - heard.data())) == most;
    });
  }

  Options o_;
  AnswerForm form_;
};

}  // namespace

std::unique_ptr<route::Strategy> make_prism(const base::Doc& node, route::BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto form = form_named(o.form, node, ctx);
  if (!form) return nullptr;
  if (o.from != "quality" && o.from != "policy") {
    ctx.diag().error(mark_of(node, "from"), "from must be quality or policy");
    return nullptr;
  }
  if (o.sure <= 1.0 / static_cast<double>(ctx.candidates().size()))
    ctx.diag().note(mark_of(node, "sure"),
                    "the first of so many is never less sure: all are never asked");
  return std::make_unique<Prism>(std::move(o), *form);
}

}  // namespace swy::flow
