// arch_router: a language model reads the described routes and the conversation, names one route,
// and that route's model answers.
//
// Rule: `router` is asked once for {"route": NAME} (prompts.h: routes and conversation as JSON, the
// turns of user and assistant that fit `tokens`, or "other"), for at most `router_ms`. The named
// route's model answers; "other", a name that is no route and a reply without one go to `default`.
// When the router fails, is late or forbidden, the rule's own choice answers: with the estimator
// arch_router over the signal preference that is the nearest description. The same holds where the
// route's model is forbidden or fails. Equal prompts within `reuse_s` are not asked again. Cost:
// the router's call, counted like any other, and its time before the first token. Loses when
// descriptions overlap (the listed order then matters), when names contradict descriptions, and
// against anything that has outcomes to learn from: no cost and no quality is looked at. What users
// write can talk the router over: a route is a preference, guards are the limit. Paper: Arch-Router
// (arXiv 2506.16655; request-routing.md 4.6): variant of; deviations: our words in the prompt (its
// 1.5 B model was trained on others), any model as router, quotes are read in place of repaired
// (which breaks names with apostrophes), turns are cut at 16 KiB. Tests: arch_router_test.cc,
// prompts_test.cc.
#include <fmt/format.h>

#include <algorithm>

#include "flow/plugin.h"
#include "flow/prompts.h"

namespace swy::flow {
namespace {

using route::Episode;
using route::Purpose;
using route::Step;

struct Options {
  std::string router;
  const base::Doc* routes = nullptr;
  std::string fallback;
  std::int64_t tokens = 2'048;
  double router_ms = 2'000;
  double reuse_s = 300;

  void bind(base::OptionBinder& b) {
    b.field("router", router, "model that names the route; it does not answer; required");
    b.node("routes", routes, "map of name: { when: DESCRIPTION, model: MODEL }; required");
    b.field("default", fallback, "answers when no route fits; absent: the rule's own choice");
    b.field("tokens", tokens, {64, 100'000}, "of routes and conversation, at 4 bytes each");
    b.field("router_ms", router_ms, {1, 3.6e6}, "for the router's reply");
    b.field("reuse_s", reuse_s, {0, 86'400}, "for which a reply to the same prompt is kept");
  }
};

class ArchRouter final : public route::Strategy {
 public:
  std::uint32_t router = 0;
  std::vector<DescribedRoute> routes;
  std::vector<std::uint32_t> models;  // by route: candidate
  std::optional<std::uint32_t> fallback;
  std::vector<std::uint32_t> order;  // who may answer, cheapest first
  std::size_t tokens = 0;
  double router_ms = 0, reuse_s = 0;

  [[nodiscard]] bool reads_turns() const override { return true; }

  [[nodiscard]] Step next(const Episode& e) const override {
    for (std::uint32_t i = 0; i < e.seen.size(); ++i) {
      if (e.seen[i].purpose == Purpose::kAnswer && !e.seen[i].failed)
        return route::AnswerWith{i, route::ReasonText("the route's model")};
    }
    if (e.calls_left == 0) return route::Abstain{route::ReasonText("no model gave an answer")};
    if (e.seen.empty() && e.allowed[router] != 0 && !e.turns.empty()) return ask_router(e);
    const auto [wanted, why] = named(e);
    if (wanted && may_ask(e, *wanted)) return run_one(*wanted, why);
    const auto other = following(e);
    if (!other) return route::Abstain{route::ReasonText("no model gave an answer")};
    return run_one(*other, wanted ? std::string("not the route's model: ") + why : why);
  }

 private:
  [[nodiscard]] Step ask_router(const Episode& e) const {
    route::FlowCall call;
    call.candidate = router;
    call.purpose = Purpose::kJudge;
    call.prompt = route_prompt(routes, e.turns, tokens);
    call.deadline_ms = router_ms;
    call.reuse_s = reuse_s;
    route::RunCalls run;
    run.calls.push_back(std::move(call));
    run.why = route::ReasonText("which route?");
    return run;
  }

  // The candidate that the router's reply means, nullopt: the rule's own choice; and why.
  [[nodiscard]] std::pair<std::optional<std::uint32_t>, std::string> named(const Episode& e) const {
    const auto reply = std::find_if(e.seen.begin(), e.seen.end(),
                                    [](const auto& o) { return o.purpose == Purpose::kJudge; });
    if (reply == e.seen.end() || reply->failed) return {std::nullopt, "the router did not answer"};
    const auto name = read_route(reply->text);
    for (std::size_t i = 0; name && i < routes.size(); ++i) {
      if (routes[i].name == *name) return {models[i], fmt::format("route {}", *name)};
    }
    return {fallback, name ? "no route fits" : "the router named no route"};
  }

  [[nodiscard]] std::optional<std::uint32_t> following(const Episode& e) const {
    if (e.chosen != router && may_ask(e, e.chosen)) return e.chosen;
    for (const std::uint32_t c : order) {
      if (may_ask(e, c)) return c;
    }
    // The router itself rather than nothing.
    return may_ask(e, router) ? std::optional(router) : std::nullopt;
  }
};

// False: errors were reported.
bool read_routes(const base::Doc* node, base::Mark mark, route::BuildContext& ctx,
                 ArchRouter& made) {
  constexpr std::size_t kMostRoutes = 256;
  const auto complain = [&](base::Mark where, std::string message) {
    ctx.diag().error(where, std::move(message));
    return false;
  };
  if (node == nullptr || !node->is_map() || node->members().empty())
    return complain(mark, "routes is a map of name: { when: DESCRIPTION, model: MODEL }");
  if (node->members().size() > kMostRoutes)
    return complain(node->mark(), fmt::format("more than {} routes", kMostRoutes));
  for (const auto& m : node->members()) {
    const base::Doc* when = m.value.is_map() ? m.value.find("when") : nullptr;
    const base::Doc* model = m.value.is_map() ? m.value.find("model") : nullptr;
    if (when == nullptr || !when->is_scalar() || when->text().empty() || model == nullptr ||
        !model->is_scalar() || m.value.members().size() != 2)
      return complain(m.value.mark(), "a route is { when: DESCRIPTION, model: MODEL }");
    if (m.key == "other")
      return complain(m.value.mark(), "'other' is what the router says when no route fits");
    const auto c = candidate_named(model->text(), m.value, "model", ctx);
    if (!c) return false;
    made.routes.push_back({m.key, when->text()});
    made.models.push_back(*c);
  }
  return true;
}

}  // namespace

std::unique_ptr<route::Strategy> make_arch_router(const base::Doc& node, route::BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto complain = [&](std::string_view key, std::string message) {
    ctx.diag().error(mark_of(node, key), std::move(message));
    return nullptr;
  };
  if (o.router.empty()) return complain("type", "arch_router needs a router: the name of a model");
  auto made = std::make_unique<ArchRouter>();
  const auto router = candidate_named(o.router, node, "router", ctx);
  if (!router || !read_routes(o.routes, mark_of(node, "routes"), ctx, *made)) return nullptr;
  if (!o.fallback.empty()) {
    made->fallback = candidate_named(o.fallback, node, "default", ctx);
    if (!made->fallback) return nullptr;
  }
  made->router = *router;
  made->order = by_price(ctx);
  std::erase(made->order, *router);
  if (made->order.empty()) return complain("router", "no model is left to answer");
  made->tokens = static_cast<std::size_t>(o.tokens);
  made->router_ms = o.router_ms;
  made->reuse_s = o.reuse_s;
  return made;
}

}  // namespace swy::flow
