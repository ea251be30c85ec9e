// preference: which of the described routes does the text ask for?
//
// What: routes are data: a name and a description in plain words each. label = the route whose
// description lies nearest; value = its cosine. True when the cosine reaches the threshold and the
// route is one of `any`; below the threshold the text asks for none of them, label "other".
// Confidence: P(a route is meant), by the logistic curve through the threshold, times the share of
// `any` in a softmax over all routes with `temperature` in cosines; of a "false" its complement.
// Threshold and slope were fitted for the static embedding (docs/guide/signals.md). Unknown: no
// text, or an encoding not ready in time. Cost: one encoding and a dot product a description. When
// it loses: descriptions that overlap; texts much longer than a description. A language model that
// reads the descriptions does better and costs a thousand times as much. Source: variant of
// Arch-Router (paper 109): its route policies as data, with an encoder in the place of its 1.5 B
// model. Test: preference_test.cc.
#include <algorithm>
#include <cmath>

#include "route/detail/semantic.h"

namespace swy::route {
namespace {

struct Options {
  const base::Doc* routes = nullptr;
  std::string encoder = "static_embedding";
  double threshold = 0.5;
  double slope = 12;
  double temperature = 0.05;
  std::vector<std::string> any;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.node("routes", routes, "map of name: description (or several descriptions); required");
    b.field("encoder", encoder, "name of an encoder");
    b.field("threshold", threshold, {-1, 1}, "cosine below which no route is meant");
    b.field("slope", slope, {0.1, 1000}, "of the confidence around the threshold");
    b.field("temperature", temperature, {0.001, 10}, "of the routes' shares; in cosines");
    b.field("any", any, "routes that make it true; empty: every route");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

class Preference final : public Signal {
 public:
  Preference(Options o, chat::Scope scope, semantic::Examples routes)
      : o_(std::move(o)), scope_(scope), routes_(std::move(routes)) {}

  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r); });
  }
  [[nodiscard]] double cost_us() const override { return 20; }

 private:
  [[nodiscard]] Fact fact(Reading& reading) const {
    if (reading.text(scope_).empty()) return {};
    const Encoding* e = reading.encoding(routes_.key(scope_));
    if (e == nullptr) return {};
    if (e->state != Encoding::State::kReady) return semantic::not_ready(*e);
    thread_local std::vector<float> all, best;
    routes_.similarities(e->values, all);
    best.assign(routes_.groups().size(), -1.0F);
    for (std::size_t i = 0; i < all.size(); ++i) {
      float& b = best[routes_.all()[i].group];
      b = std::max(b, all[i]);
    }
    const auto top = std::max_element(best.begin(), best.end());
    double sum = 0, asked = 0;
    for (std::size_t g = 0; g < best.size(); ++g) {
      const double share = std::exp((best[g] - *top) / o_.temperature);
      sum += share;
      asked += wanted(routes_.groups()[g]) ? share : 0;
    }
    const std::string& name = routes_.groups()[static_cast<std::size_t>(top - best.begin())];
    const bool meant = *top >= o_.threshold;
    const bool holds = meant && wanted(name);
    const double p = semantic::match_probability(*top, o_.threshold, o_.slope) * asked / sum;
    return {plugin::truth(holds), static_cast<float>(holds ? p : 1 - p), *top,
            plugin::label(meant ? std::string_view(name) : "other")};
  }

  [[nodiscard]] bool wanted(const std::string& route) const {
    return o_.any.empty() || std::find(o_.any.begin(), o_.any.end(), route) != o_.any.end();
  }

  Options o_;
  chat::Scope scope_;
  semantic::Examples routes_;
};

}  // namespace

std::unique_ptr<Signal> make_preference(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  if (o.routes != nullptr && !o.routes->is_map()) {
    ctx.diag().error(o.routes->mark(), "routes is a map of name: description");
    return nullptr;
  }
  auto grouped = semantic::read_examples(ctx, node, o.routes, "routes");
  if (!scope || !grouped) return nullptr;
  for (const std::string& name : o.any) {
    if (std::find(grouped->groups.begin(), grouped->groups.end(), name) != grouped->groups.end())
      continue;
    ctx.diag().error(
        plugin::mark_of(node, "any"),
        fmt::format("no route is called '{}'{}", name, base::did_you_mean(name, grouped->groups)));
    return nullptr;
  }
  auto routes =
      semantic::Examples::encode(ctx, o.encoder, std::move(grouped->groups),
                                 std::move(grouped->examples), plugin::mark_of(node, "encoder"));
  if (!routes) return nullptr;
  return std::make_unique<Preference>(std::move(o), *scope, std::move(*routes));
}

}  // namespace swy::route
