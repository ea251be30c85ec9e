// prefix: how much of the prompt a provider's prompt cache can hold from before.
//
// What: value = estimated tokens of the part that comes first and seldom changes:
//   history  everything before the last user message, and the tool declarations: what the turn
//   before
//            already sent, and with a cache is billed at the cached price
//   system   the leading system and developer messages, and the tool declarations: what all
//            conversations of an application share
// True when above < value < below, both exclusive; with neither bound, when it is more than 0.
// Unknown: a request without messages. confidence: 1; the estimate's error is that of
// src/text/tokens.h. Cost: the token estimate of that part. When it loses: a system prompt that
// holds the date is never cached; nothing is known here of what the provider still has. Source:
// none. Test: prefix_test.cc.
#include "route/detail/plugin.h"
#include "text/tokens.h"

namespace swy::route {
namespace {

constexpr std::int64_t kTokensPerMessage = 4;  // as Reading::tokens_in

enum class Part : std::uint8_t { kHistory, kSystem };
constexpr std::array<plugin::Named<Part>, 2> kParts = {
    {{"history", Part::kHistory}, {"system", Part::kSystem}}};

struct Options {
  std::string part = "history";
  plugin::Bounds bounds;
  void bind(base::OptionBinder& b) {
    b.field("part", part, "history (before the last user message) or system (and tools)");
    bounds.bind(b, {0, 1e12});
  }
};

// How many messages from the first on belong to the part.
std::size_t messages_of(const chat::Request& r, Part part) {
  std::size_t n = 0;
  if (part == Part::kSystem) {
    while (n < r.messages.size() && (r.messages[n].role == chat::Role::kSystem ||
                                     r.messages[n].role == chat::Role::kDeveloper))
      ++n;
    return n;
  }
  for (std::size_t i = r.messages.size(); i-- > 0;) {
    if (r.messages[i].role == chat::Role::kUser) return i;
  }
  return 0;
}

class Prefix final : public Signal {
 public:
  Prefix(Part part, const plugin::Bounds& bounds) : part_(part), bounds_(bounds) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](const Reading& reading) -> Fact {
      const chat::Request& r = reading.request();
      if (r.messages.empty()) return {};
      const std::size_t n = messages_of(r, part_);
      std::int64_t tokens = static_cast<std::int64_t>(r.tool_bytes / 4);
      for (std::size_t i = 0; i < n; ++i) {
        const chat::Message& m = r.messages[i];
        tokens += kTokensPerMessage;
        for (std::uint32_t p = m.first_part; p < m.first_part + m.parts; ++p)
          tokens += text::estimate_tokens(r.parts[p].text);
      }
      const auto value = static_cast<double>(tokens);
      return {plugin::truth(bounds_.hold(value)), 1, value, {}};
    });
  }
  [[nodiscard]] double cost_us() const override { return 4; }

 private:
  Part part_;
  plugin::Bounds bounds_;
};

}  // namespace

std::unique_ptr<Signal> make_prefix(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto part = plugin::choose(ctx, node, "part", o.part, kParts);
  if (!part || !o.bounds.check(ctx, node)) return nullptr;
  return std::make_unique<Prefix>(*part, o.bounds);
}

}  // namespace swy::route
