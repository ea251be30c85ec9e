#include "flow/plugin.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace swy::flow {

std::optional<std::uint32_t> candidate_named(const std::string& name, const base::Doc& node,
                                             std::string_view key, route::BuildContext& ctx) {
  std::vector<std::string> known;
  const auto candidates = ctx.candidates();
  for (std::uint32_t i = 0; i < candidates.size(); ++i) {
    known.push_back(ctx.catalogue()[candidates[i]].name);
    if (known.back() == name) return i;
  }
  ctx.diag().error(mark_of(node, key), fmt::format("{}: '{}' is no candidate of the rule{}", key,
                                                   name, base::did_you_mean(name, known)));
  return std::nullopt;
}

std::optional<std::vector<std::uint32_t>> candidates_named(const std::vector<std::string>& names,
                                                           const base::Doc& node,
                                                           std::string_view key,
                                                           route::BuildContext& ctx) {
  std::vector<std::uint32_t> out;
  for (const std::string& name : names) {
    const auto c = candidate_named(name, node, key, ctx);
    if (!c) return std::nullopt;
    out.push_back(*c);
  }
  return out;
}

std::vector<std::uint32_t> by_price(route::BuildContext& ctx) {
  const auto candidates = ctx.candidates();
  std::vector<std::uint32_t> order(candidates.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto price = [&](std::uint32_t i) {
    const Price& p = ctx.catalogue()[candidates[i]].price;
    return p.known() ? 1000 * p.input + 300 * p.output : HUGE_VAL;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return price(a) < price(b); });
  return order;
}

std::optional<AnswerForm> form_named(const std::string& name, const base::Doc& node,
                                     base::Diagnostics& diag) {
  constexpr std::array<std::pair<std::string_view, AnswerForm>, 5> kForms = {
      {{"auto", AnswerForm::kAuto},
       {"letter", AnswerForm::kLetter},
       {"number", AnswerForm::kNumber},
       {"text", AnswerForm::kText},
       {"json", AnswerForm::kJson}}};
  for (const auto& [known, form] : kForms) {
    if (known == name) return form;
  }
  diag.error(mark_of(node, "form"),
             fmt::format("form must be auto, letter, number, text or json, not '{}'", name));
  return std::nullopt;
}

std::vector<Heard> heard_of(const route::Episode& episode, AnswerForm form) {
  std::vector<Heard> out;
  for (std::uint32_t i = 0; i < episode.seen.size(); ++i) {
    const route::Observation& o = episode.seen[i];
    if (o.purpose != route::Purpose::kAnswer) continue;
    const bool missing = o.failed || o.text.empty();
    out.push_back({o.candidate, i, o.failed, missing ? "" : normal_answer(o.text, form),
                   static_cast<double>(missing ? 0 : o.text.size())});
  }
  return out;
}

std::vector<double> qualities(const route::Episode& episode) {
  std::vector<double> out;
  out.reserve(episode.beliefs.size());
  for (const route::Belief& b : episode.beliefs) out.push_back(b.quality);
  return out;
}

bool asked(const route::Episode& episode, std::uint32_t candidate) {
  return std::any_of(episode.seen.begin(), episode.seen.end(), [&](const route::Observation& o) {
    return o.candidate == candidate && o.purpose == route::Purpose::kAnswer;
  });
}

bool may_ask(const route::Episode& episode, std::uint32_t candidate) {
  return episode.allowed[candidate] != 0 && !asked(episode, candidate);
}

std::size_t voices_of(std::span<const Heard> heard, std::size_t i) {
  if (heard[i].missing || heard[i].normal.empty()) return 0;
  return static_cast<std::size_t>(std::count_if(heard.begin(), heard.end(), [&](const Heard& h) {
    return !h.missing && h.normal == heard[i].normal;
  }));
}

std::optional<std::size_t> plurality(std::span<const Heard> heard) {
  std::optional<std::size_t> best;
  std::size_t most = 0;
  for (std::size_t i = 0; i < heard.size(); ++i) {
    const std::size_t voices = voices_of(heard, i);
    if (voices <= most) continue;
    most = voices;
    best = i;
  }
  return best;
}

route::RunCalls run_one(std::uint32_t candidate, std::string_view why) {
  route::RunCalls out;
  out.calls.push_back({candidate, 0, route::Purpose::kAnswer, "", false});
  out.why = route::ReasonText(why);
  return out;
}

route::Step settle(std::span<const Heard> heard, const PostHoc& posthoc,
                   const route::Episode& episode) {
  if (!heard.empty()) {
    const std::vector<double> beliefs = qualities(episode);
    const Proposal p = posthoc.propose(heard, beliefs);
    if (!heard[p.heard].missing) {
      return route::AnswerWith{
          heard[p.heard].seen, route::ReasonText("nothing more can be asked: best of those heard"),
          posthoc.score(heard, p, beliefs, static_cast<double>(episode.question.size()))};
    }
  }
  return route::Abstain{route::ReasonText("no model gave an answer")};
}

}  // namespace swy::flow
