// threshold: a strong and a weak model, and a bar on how much the strong one is expected to gain.
//
// Formula: score = q_strong - q_weak (or q_strong alone, with score: strong); the strong model when
// score >= threshold. With `share` the threshold is the (1 - share) quantile of the scores on the
// prompts of the `calibrate` tables, so that this share of such traffic goes to the strong model
// (request-routing.md 3.5; RouteLLM, arXiv 2406.18665). Between two distinct scores the middle is
// taken; among equal ones the side that comes nearer to the share. Right because ranking prompts by
// gain and cutting anywhere is optimal for two models at fixed prices. Cost: two look-ups.
// Calibration asks the rule's estimator for at most 2,000 prompts, evenly spaced through the tables
// and never learning from the row that is asked; it happens while the configuration is read. Loses
// when traffic drifts: a threshold belongs to one estimator, one pair and one traffic (section 6,
// pitfall 10), and with an estimator that says the same of every prompt no share but 0 and 1 can be
// met (a warning says what it will be). Strong and weak default to the dearest and the cheapest
// candidate by output price. A masked or unknown one leaves the other; when neither can be chosen
// the best known of the remaining candidates is. Score, for ranking: strong score - threshold, weak
// 0. Propensity: deterministic, 1. Deviation from RouteLLM: any estimator, and a difference of
// qualities instead of a win probability. Tests: threshold_test.cc, conformance_test.cc.
#include <fmt/format.h>

#include <algorithm>

#include "route/policy/past_prompts.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr double kShareSlack = 0.05;  // a share missed by more than this is a warning

struct Options {
  std::string strong;
  std::string weak;
  std::string score = "gain";
  double threshold = kUnknownNumber;
  double share = kUnknownNumber;
  std::vector<std::string> calibrate;

  void bind(base::OptionBinder& binder) {
    binder.field("strong", strong, "the strong model; else the candidate of highest output price");
    binder.field("weak", weak, "the weak model; else the candidate of lowest output price");
    binder.field("score", score, "gain: quality of strong minus weak; strong: of strong alone");
    binder.field("threshold", threshold, {}, "score from which the strong model is called");
    binder.field("share", share, {.min = 0, .max = 1},
                 "share of strong calls on the prompts of calibrate, when no threshold is given");
    binder.field("calibrate", calibrate, "outcome tables whose prompts stand for the traffic");
  }
};

struct Pair {
  ExpertId strong;
  ExpertId weak;
};

class Threshold final : public Policy {
 public:
  Threshold(Pair pair, bool gain, double threshold)
      : pair_(pair), gain_(gain), threshold_(threshold) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    const std::size_t strong = usable(q, beliefs, pair_.strong);
    const std::size_t weak = usable(q, beliefs, pair_.weak);
    if (strong == kNobody && weak == kNobody) return choose_other(q, beliefs, out);
    if (strong == kNobody || weak == kNobody) {
      const std::size_t only = strong == kNobody ? weak : strong;
      out.score[only] = 0;
      out.probability[only] = 1;
      out.why.append(q.card(only).name);
      out.why.append(": the other of the pair is forbidden or its quality unknown");
      return;
    }
    const double score = beliefs[strong].quality - (gain_ ? beliefs[weak].quality : 0.0);
    out.score[strong] = score - threshold_;
    out.score[weak] = 0;
    const std::size_t chosen = score >= threshold_ ? strong : weak;
    out.probability[chosen] = 1;
    out.why.append(q.card(chosen).name);
    out.why.append(gain_ ? ": expected gain of " : ": expected quality of ");
    out.why.append(q.card(strong).name);
    out.why.append(" ");
    out.why.append_number(score);
    out.why.append(chosen == strong ? " reaches the threshold " : " is below the threshold ");
    out.why.append_number(threshold_);
  }

 private:
  static std::size_t usable(const Question& q, std::span<const Belief> beliefs, ExpertId id) {
    for (std::size_t i = 0; i < q.candidates.size(); ++i) {
      if (q.candidates[i] == id && !q.masked(i) && !std::isnan(beliefs[i].quality)) return i;
    }
    return kNobody;
  }

  static void choose_other(const Question& q, std::span<const Belief> beliefs, Distribution& out) {
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (!q.masked(i)) out.score[i] = beliefs[i].quality;
    }
    const std::size_t best = best_by(q, beliefs, out.score);
    if (best == kNobody) return choose_unknowing(q, "quality", out);
    out.probability[best] = 1;
    out.why.append(q.card(best).name);
    out.why.append(": neither of the pair can be chosen, it is the best of the others");
  }

  Pair pair_;
  bool gain_;
  double threshold_;
};

// ---- making one
// ------------------------------------------------------------------------------------------------------

// The candidate of highest (or lowest) output price, then input price, then lowest id.
std::optional<ExpertId> by_price(BuildContext& ctx, bool dearest) {
  std::optional<ExpertId> best;
  for (const ExpertId id : ctx.candidates()) {
    const Price& price = ctx.catalogue()[id].price;
    if (!price.known()) return std::nullopt;  // a model without price could be either
    if (!best) {
      best = id;
      continue;
    }
    const Price& other = ctx.catalogue()[*best].price;
    const std::pair mine(price.output, price.input);
    const std::pair theirs(other.output, other.input);
    if (dearest ? mine > theirs : mine < theirs) best = id;
  }
  return best;
}

std::optional<ExpertId> resolve(const std::string& option, const std::string& name, bool dearest,
                                base::Mark mark, BuildContext& ctx) {
  const auto candidates = ctx.candidates();
  if (name.empty()) {
    const auto id = by_price(ctx, dearest);
    if (!id) {
      ctx.diag().error(mark, fmt::format("threshold: say which model is {0} (option {0}); without "
                                         "a price of every candidate it cannot be guessed",
                                         option));
    }
    return id;
  }
  const auto id = ctx.catalogue().find(name);
  if (id && std::find(candidates.begin(), candidates.end(), *id) != candidates.end()) return id;
  std::vector<std::string> known;
  for (const ExpertId c : candidates) known.push_back(ctx.catalogue()[c].name);
  ctx.diag().error(mark, fmt::format("{}: '{}' is not among the rule's models{}", option, name,
                                     base::did_you_mean(name, known)));
  return std::nullopt;
}

std::optional<Pair> resolve_pair(const Options& options, base::Mark mark, BuildContext& ctx) {
  const auto strong = resolve("strong", options.strong, true, mark, ctx);
  const auto weak = resolve("weak", options.weak, false, mark, ctx);
  if (!strong || !weak) return std::nullopt;
  if (*strong == *weak) {
    ctx.diag().error(mark, "threshold: strong and weak are the same model; name two");
    return std::nullopt;
  }
  return Pair{*strong, *weak};
}

// Scores of the calibration prompts, where both qualities are known.
std::vector<double> score_prompts(const PastPrompts& past, Pair pair, bool gain,
                                  BuildContext& ctx) {
  const auto candidates = ctx.candidates();
  const auto at = [&](ExpertId id) {
    return static_cast<std::size_t>(std::find(candidates.begin(), candidates.end(), id) -
                                    candidates.begin());
  };
  std::vector<double> scores;
  for (std::size_t i = 0; i < past.prompts; ++i) {
    const double score = past.belief(i, at(pair.strong)).quality -
                         (gain ? past.belief(i, at(pair.weak)).quality : 0.0);
    if (!std::isnan(score)) scores.push_back(score);
  }
  return scores;
}

double share_at(const std::vector<double>& sorted, double threshold) {
  const auto first = std::lower_bound(sorted.begin(), sorted.end(), threshold);
  return static_cast<double>(sorted.end() - first) / static_cast<double>(sorted.size());
}

// The threshold at which `score >= threshold` holds for the wanted share of the scores. REQUIRES:
// scores not empty, sorted.
double threshold_for(const std::vector<double>& sorted, double share) {
  const std::size_t n = sorted.size();
  const auto calls = static_cast<std::size_t>(std::lround(share * static_cast<double>(n)));
  if (calls == 0) return std::numeric_limits<double>::infinity();
  if (calls >= n) return -std::numeric_limits<double>::infinity();
  const double below = sorted[n - calls - 1];
  const double above = sorted[n - calls];
  if (below < above) return below + (above - below) / 2;
  // Equal scores stand on both sides of the cut: take all of them or none.
  const double next = std::nextafter(above, std::numeric_limits<double>::infinity());
  const double with = std::abs(share_at(sorted, above) - share);
  const double without = std::abs(share_at(sorted, next) - share);
  return with <= without ? above : next;
}

std::optional<double> calibrate(const Options& options, Pair pair, base::Mark mark,
                                BuildContext& ctx) {
  if (std::isnan(options.share) || options.calibrate.empty()) {
    ctx.diag().error(mark,
                     "threshold: give threshold: NUMBER, or share: 0.5 with calibrate: [outcome "
                     "tables] to have it found");
    return std::nullopt;
  }
  const auto past = ask_past(options.calibrate, mark, ctx);
  if (!past) return std::nullopt;
  std::vector<double> scores = score_prompts(*past, pair, options.score == "gain", ctx);
  if (scores.empty()) {
    ctx.diag().error(mark,
                     "calibrate: on none of the prompts is the quality of both models known; give "
                     "the rule an estimator that knows it (prior, knn), or threshold: NUMBER");
    return std::nullopt;
  }
  std::sort(scores.begin(), scores.end());
  const double threshold = threshold_for(scores, options.share);
  const double reached = share_at(scores, threshold);
  const std::string found =
      fmt::format("threshold {:.6f} calls {} for {:.1f} % of {} prompts", threshold,
                  ctx.catalogue()[pair.strong].name, 100 * reached, scores.size());
  if (std::abs(reached - options.share) > kShareSlack) {
    ctx.diag().warning(mark, fmt::format("{}, not {:.1f} %: too many prompts have the same score",
                                         found, 100 * options.share));
  } else {
    ctx.diag().note(mark, found);
  }
  return threshold;
}

}  // namespace

std::unique_ptr<Policy> make_threshold(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  if (options.score != "gain" && options.score != "strong") {
    ctx.diag().error(node.mark(),
                     fmt::format("score: '{}' should be gain or strong", options.score));
    return nullptr;
  }
  const auto pair = resolve_pair(options, node.mark(), ctx);
  if (!pair) return nullptr;
  double threshold = options.threshold;
  if (std::isnan(threshold)) {
    const auto found = calibrate(options, *pair, node.mark(), ctx);
    if (!found) return nullptr;
    threshold = *found;
  }
  return std::make_unique<Threshold>(*pair, options.score == "gain", threshold);
}

}  // namespace swy::route
