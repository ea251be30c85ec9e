// conversation: the shape of the exchange so far, without reading its words.
//
// What: value = a count that `feature` names:
//   turns            user messages
//   messages         all messages
//   assistant_turns  assistant messages
//   tool_calls       calls made by assistant messages
//   tool_results     messages that carry a tool's result
//   tool_loop        tool results after the last user message, when the last message is one: an
//   agent in its loop system_prompt    system and developer messages parts            content parts
//   of all messages images, audio, files
// True when above < count < below, both exclusive; with neither bound, when the count is more than
// 0. Unknown: a request without messages. Cost: one pass over the message headers; no text is
// touched. When it loses: clients that send history as one text. Source: none. Test:
// conversation_test.cc.
#include "route/detail/plugin.h"

namespace swy::route {
namespace {

using chat::Role;

enum class Feature : std::uint8_t {
  kTurns,
  kMessages,
  kAssistantTurns,
  kToolCalls,
  kToolResults,
  kToolLoop,
  kSystemPrompt,
  kParts,
  kImages,
  kAudio,
  kFiles,
};

constexpr std::array<plugin::Named<Feature>, 11> kFeatures = {{
    {"turns", Feature::kTurns},
    {"messages", Feature::kMessages},
    {"assistant_turns", Feature::kAssistantTurns},
    {"tool_calls", Feature::kToolCalls},
    {"tool_results", Feature::kToolResults},
    {"tool_loop", Feature::kToolLoop},
    {"system_prompt", Feature::kSystemPrompt},
    {"parts", Feature::kParts},
    {"images", Feature::kImages},
    {"audio", Feature::kAudio},
    {"files", Feature::kFiles},
}};

struct Options {
  std::string feature;
  plugin::Bounds bounds;
  void bind(base::OptionBinder& b) {
    b.field("feature", feature, "what is counted; required");
    bounds.bind(b, {0, 1e9});
  }
};

std::size_t with_role(const chat::Request& r, Role role) {
  std::size_t n = 0;
  for (const chat::Message& m : r.messages) n += m.role == role ? 1U : 0U;
  return n;
}

std::size_t tool_loop(const chat::Request& r) {
  std::size_t n = 0;
  if (r.messages.empty() || r.messages.back().role != Role::kTool) return n;
  for (auto m = r.messages.rbegin(); m != r.messages.rend() && m->role != Role::kUser; ++m) {
    n += m->role == Role::kTool ? 1U : 0U;
  }
  return n;
}

std::size_t count(const chat::Request& r, Feature feature) {
  switch (feature) {
    case Feature::kTurns:
      return with_role(r, Role::kUser);
    case Feature::kMessages:
      return r.messages.size();
    case Feature::kAssistantTurns:
      return with_role(r, Role::kAssistant);
    case Feature::kToolCalls: {
      std::size_t n = 0;
      for (const chat::Message& m : r.messages) n += m.tool_calls;
      return n;
    }
    case Feature::kToolResults:
      return with_role(r, Role::kTool);
    case Feature::kToolLoop:
      return tool_loop(r);
    case Feature::kSystemPrompt:
      return with_role(r, Role::kSystem) + with_role(r, Role::kDeveloper);
    case Feature::kParts:
      return r.parts.size();
    case Feature::kImages:
      return r.images;
    case Feature::kAudio:
      return r.audios;
    case Feature::kFiles:
      return r.files;
  }
  return 0;
}

class Conversation final : public Signal {
 public:
  Conversation(Feature feature, const plugin::Bounds& bounds)
      : feature_(feature), bounds_(bounds) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](const Reading& r) -> Fact {
      if (r.request().messages.empty()) return {};
      const auto n = static_cast<double>(count(r.request(), feature_));
      return {plugin::truth(bounds_.hold(n)), 1, n, {}};
    });
  }
  [[nodiscard]] double cost_us() const override { return 0.01; }
  // A record keeps the number of messages and attachments, not the roles.
  [[nodiscard]] bool reads_text() const override {
    return feature_ != Feature::kMessages && feature_ != Feature::kImages &&
           feature_ != Feature::kAudio && feature_ != Feature::kFiles;
  }

 private:
  Feature feature_;
  plugin::Bounds bounds_;
};

}  // namespace

std::unique_ptr<Signal> make_conversation(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto feature = plugin::choose(ctx, node, "feature", o.feature, kFeatures);
  if (!feature || !o.bounds.check(ctx, node)) return nullptr;
  return std::make_unique<Conversation>(*feature, o.bounds);
}

}  // namespace swy::route
