// live: latency and failure share as recent traffic shows them.
//
// Formula: latency_ms = ttft + ms_per_token * out, with out the expected answer length (option
// output_tokens, capped by the request and the card); p_fail = the decayed share of failed calls.
// Right because the exponentially weighted means of the fleet (fleet/live.h) follow a provider's
// state within about ten calls. Cost: O(candidates), no probing: it reads the copy of the table
// that belongs to the decision, so a replay sees the same numbers. Unknown: everything below
// min_calls effective observations, and latency when time to first token or per token was never
// seen. latency_p95_ms stays NaN always: means alone do not say it. Loses after an idle hour: the
// numbers do not age by time, only by calls; and it does not look at requests in flight. Source:
// vLLM-SR's latency-aware selector (request-routing.md 4.1), in absolute units. Deviation: unknown
// stays unknown instead of dropping the model. Test: live_test.cc.
#include "route/estimator/expected_output.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  std::int64_t output_tokens = 400;
  double min_calls = 5;

  void bind(base::OptionBinder& binder) {
    binder.field("output_tokens", output_tokens, {.min = 0, .max = 1e9},
                 "tokens an answer is assumed to have");
    binder.field("min_calls", min_calls, {.min = 0},
                 "effective number of calls below which nothing is believed");
  }
};

class LiveEstimator final : public Estimator {
 public:
  explicit LiveEstimator(const Options& o)
      : output_tokens_(static_cast<double>(o.output_tokens)), min_calls_(o.min_calls) {}

  void estimate(const Question& q, std::span<Belief> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (q.candidates[i] >= q.live.size()) continue;
      const fleet::LiveStats& stats = q.live[q.candidates[i]];
      if (stats.calls < min_calls_) continue;
      const double tokens = expected_output(q.reading.request(), q.card(i), output_tokens_);
      out[i].latency_ms = stats.ttft_ms + stats.ms_per_token * tokens;
      out[i].p_fail = stats.fail_share;
    }
  }
  [[nodiscard]] bool reads_live() const override { return true; }

 private:
  double output_tokens_;
  double min_calls_;
};

}  // namespace

std::unique_ptr<Estimator> make_live(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  return std::make_unique<LiveEstimator>(options);
}

}  // namespace swy::route
