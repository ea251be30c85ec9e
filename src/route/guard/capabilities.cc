// capabilities: the model must be able to do what the request asks for.
//
// What: required(request) - ignore + require must be a subset of the card's capabilities, where the
// request requires
//   tools        declared tools
//   vision, audio, files   parts of that kind
//   json_object  response_format json_object; a model with json_schema has it too
//   json_schema  response_format json_schema
//   logprobs     logprobs asked for
//   reasoning    reasoning_effort other than "none"
// Fails closed: a card that lists no capabilities is unknown and passes only when nothing is
// required. Cost: one pass over the message headers per candidate. When it loses: the card is
// believed; it is not probed. Source: none. Test: capabilities_test.cc.
#include <bit>

#include "route/detail/plugin.h"

namespace swy::route {
namespace {

struct Options {
  std::vector<std::string> require;
  std::vector<std::string> ignore;
  void bind(base::OptionBinder& b) {
    b.field("require", require, "capabilities that are required whatever the request says");
    b.field("ignore", ignore,
            "capabilities that a request may ask for without the model having them");
  }
};

std::uint32_t required_by(const chat::Request& r) {
  std::uint32_t set = 0;
  if (!r.tools.empty()) set |= kCapTools;
  if (r.images > 0) set |= kCapVision;
  if (r.audios > 0) set |= kCapAudio;
  if (r.files > 0) set |= kCapFiles;
  if (r.response_format == chat::ResponseFormat::kJsonObject) set |= kCapJsonObject;
  if (r.response_format == chat::ResponseFormat::kJsonSchema) set |= kCapJsonSchema;
  if (r.logprobs) set |= kCapLogprobs;
  if (!r.reasoning_effort.empty() && r.reasoning_effort != "none") set |= kCapReasoning;
  return set;
}

std::uint32_t offered_by(const Card& card) {
  const std::uint32_t set = card.capabilities_stated ? card.capabilities : 0;
  return (set & kCapJsonSchema) != 0 ? set | kCapJsonObject : set;
}

class Capabilities final : public Guard {
 public:
  Capabilities(std::uint32_t require, std::uint32_t ignore) : require_(require), ignore_(ignore) {
    for (std::size_t bit = 0; bit < names_.size(); ++bit) names_[bit] = capability_names(1U << bit);
  }

  [[nodiscard]] Verdict check(const Question& q, std::size_t candidate) const override {
    return verdict(q.card(candidate), (required_by(q.reading.request()) & ~ignore_) | require_);
  }

  [[nodiscard]] std::optional<Verdict> check_card(const Card& card) const override {
    Verdict v = verdict(card, require_);
    if (v.allow) return std::nullopt;
    return v;
  }

 private:
  [[nodiscard]] Verdict verdict(const Card& card, std::uint32_t required) const {
    const std::uint32_t missing = required & ~offered_by(card);
    if (missing == 0) return {};
    Verdict v{false, {card.capabilities_stated ? "lacks " : "states no capabilities, needed: "}};
    for (std::uint32_t left = missing; left != 0; left &= left - 1) {
      if (left != missing) v.why.append(", ");
      v.why.append(names_[static_cast<std::size_t>(std::countr_zero(left))]);
    }
    return v;
  }

  std::uint32_t require_;
  std::uint32_t ignore_;
  std::array<std::string, 32> names_;  // by bit; made once, because a denial must not allocate
};

// nullopt: errors were reported.
std::optional<std::uint32_t> capability_set(BuildContext& ctx, const base::Doc& node,
                                            std::string_view key,
                                            const std::vector<std::string>& names) {
  std::uint32_t set = 0;
  bool ok = true;
  for (const std::string& name : names) {
    if (const auto c = capability_from(name)) {
      set |= *c;
      continue;
    }
    ok = false;
    ctx.diag().error(plugin::mark_of(node, key),
                     fmt::format("{}: no capability is called '{}'{}", key, name,
                                 base::did_you_mean(name, known_capabilities())));
  }
  if (!ok) return std::nullopt;
  return set;
}

}  // namespace

std::unique_ptr<Guard> make_capabilities(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto require = capability_set(ctx, node, "require", o.require);
  const auto ignore = capability_set(ctx, node, "ignore", o.ignore);
  if (!require || !ignore) return nullptr;
  if ((*require & *ignore) != 0) {
    ctx.diag().error(plugin::mark_of(node, "ignore"),
                     fmt::format("required and ignored: {}", capability_names(*require & *ignore)));
    return nullptr;
  }
  return std::make_unique<Capabilities>(*require, *ignore);
}

}  // namespace swy::route
