// similarity: does the text mean the same as one of the configured examples?
//
// What: value = cosine with the nearest example (or the mean of the `top` nearest of a group),
// label = that example's group, or the example itself when there are no groups; true from the
// threshold on. Confidence: P(match) by the logistic curve through the threshold; of a "false" its
// complement. Unknown: no text in scope, or an encoding that was not ready in time. Cost: one
// encoding (shared by all signals with the same encoder and scope) and a dot product an example.
// When it loses: negations and opposites lie close together; a threshold fits one encoder only
// (docs/guide/signals.md has curves for both). Source: embedding signals of vLLM Semantic Router
// (paper 57); SetFit-style few examples. Test: similarity_test.cc.
#include <algorithm>
#include <functional>

#include "route/detail/semantic.h"

namespace swy::route {
namespace {

struct Options {
  const base::Doc* examples = nullptr;
  std::string encoder = "static_embedding";
  double threshold = 0.7;
  double slope = 12;
  std::int64_t top = 1;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.node("examples", examples, "texts, or a map of group: texts; required");
    b.field("encoder", encoder, "name of an encoder");
    b.field("threshold", threshold, {-1, 1}, "cosine from which a text matches");
    b.field("slope", slope, {0.1, 1000}, "of the confidence around the threshold");
    b.field("top", top, {1, 100}, "nearest examples of a group that are averaged");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

class Similarity final : public Signal {
 public:
  Similarity(const Options& o, chat::Scope scope, semantic::Examples examples)
      : threshold_(o.threshold),
        slope_(o.slope),
        top_(static_cast<std::size_t>(o.top)),
        scope_(scope),
        examples_(std::move(examples)) {}

  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r); });
  }
  [[nodiscard]] double cost_us() const override { return 20; }

 private:
  struct Best {
    double similarity = -1;
    std::size_t group = 0, example = 0;
  };

  [[nodiscard]] Fact fact(Reading& reading) const {
    if (reading.text(scope_).empty()) return {};
    const Encoding* e = reading.encoding(examples_.key(scope_));
    if (e == nullptr) return {};
    if (e->state != Encoding::State::kReady) return semantic::not_ready(*e);
    const Best best = nearest(e->values);
    const double p = semantic::match_probability(best.similarity, threshold_, slope_);
    const bool match = best.similarity >= threshold_;
    const bool grouped = !examples_.groups()[best.group].empty();
    return {plugin::truth(match), static_cast<float>(match ? p : 1 - p), best.similarity,
            plugin::label(grouped ? examples_.groups()[best.group]
                                  : examples_.all()[best.example].text)};
  }

  [[nodiscard]] Best nearest(std::span<const float> vector) const {
    thread_local std::vector<float> all;
    examples_.similarities(vector, all);
    Best best;
    // Examples of a group stand together.
    for (std::size_t from = 0, to = 0; from < all.size(); from = to) {
      const std::uint32_t group = examples_.all()[from].group;
      while (to < all.size() && examples_.all()[to].group == group) ++to;
      const auto nearest = std::max_element(all.begin() + static_cast<std::ptrdiff_t>(from),
                                            all.begin() + static_cast<std::ptrdiff_t>(to));
      const auto example = static_cast<std::size_t>(nearest - all.begin());
      const double s = mean_of_top(std::span(all).subspan(from, to - from));
      if (s > best.similarity) best = {s, group, example};
    }
    return best;
  }

  // Reorders.
  [[nodiscard]] double mean_of_top(std::span<float> s) const {
    const std::size_t n = std::min(top_, s.size());
    std::partial_sort(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(n), s.end(),
                      std::greater<>());
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += s[i];
    return sum / static_cast<double>(n);
  }

  double threshold_, slope_;
  std::size_t top_;
  chat::Scope scope_;
  semantic::Examples examples_;
};

}  // namespace

std::unique_ptr<Signal> make_similarity(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  auto grouped = semantic::read_examples(ctx, node, o.examples, "examples");
  if (!scope || !grouped) return nullptr;
  auto examples =
      semantic::Examples::encode(ctx, o.encoder, std::move(grouped->groups),
                                 std::move(grouped->examples), plugin::mark_of(node, "encoder"));
  if (!examples) return nullptr;
  return std::make_unique<Similarity>(o, *scope, std::move(*examples));
}

}  // namespace swy::route
