// tools: which tools the request declares and how it lets the model choose among them.
//
// What: value = number of declared tools; label = the tool choice in force: none, auto, required or
// named. A request that says nothing chooses auto when it declares tools and none otherwise, as the
// chat API defines it. True when all that is configured holds: one of `declared` is among the
// tools, at least `min` are declared, the choice is one of `choice`. With nothing configured: when
// any tool is declared. Unknown: never; a request without tools says that it has none. Cost: one
// comparison per declared tool and configured name. When it loses: tool names that differ between
// clients. Source: none. Test: tools_test.cc.
#include <algorithm>

#include "route/detail/plugin.h"

namespace swy::route {
namespace {

using chat::ToolChoice;

constexpr std::array<plugin::Named<ToolChoice>, 4> kChoices = {{{"none", ToolChoice::kNone},
                                                                {"auto", ToolChoice::kAuto},
                                                                {"required", ToolChoice::kRequired},
                                                                {"named", ToolChoice::kNamed}}};

struct Options {
  std::vector<std::string> declared;
  std::int64_t min = 0;
  std::vector<std::string> choice;
  void bind(base::OptionBinder& b) {
    b.field("declared", declared, "tool names, any of which must be declared");
    b.field("min", min, {0, 100000}, "at least so many tools must be declared");
    b.field("choice", choice, "tool choices that pass: none, auto, required, named");
  }
};

ToolChoice choice_in_force(const chat::Request& r) {
  if (r.tool_choice != ToolChoice::kUnset) return r.tool_choice;
  return r.tools.empty() ? ToolChoice::kNone : ToolChoice::kAuto;
}

class Tools final : public Signal {
 public:
  Tools(Options options, std::vector<ToolChoice> choices)
      : declared_(std::move(options.declared)),
        min_(static_cast<std::size_t>(options.min)),
        choices_(std::move(choices)) {
    // Bare `type: tools` asks whether there are any.
    if (declared_.empty() && choices_.empty() && min_ == 0) min_ = 1;
  }
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](const Reading& r) { return fact(r.request()); });
  }
  [[nodiscard]] double cost_us() const override { return 0.02; }
  [[nodiscard]] bool reads_text() const override { return false; }

 private:
  [[nodiscard]] Fact fact(const chat::Request& r) const {
    const ToolChoice choice = choice_in_force(r);
    const bool named =
        declared_.empty() || std::any_of(r.tools.begin(), r.tools.end(), [&](std::string_view t) {
          return std::find(declared_.begin(), declared_.end(), t) != declared_.end();
        });
    const bool chosen =
        choices_.empty() || std::find(choices_.begin(), choices_.end(), choice) != choices_.end();
    const bool holds = named && chosen && r.tools.size() >= min_;
    return {plugin::truth(holds), 1, static_cast<double>(r.tools.size()),
            plugin::name_of(choice, kChoices)};
  }

  std::vector<std::string> declared_;
  std::size_t min_;
  std::vector<ToolChoice> choices_;
};

}  // namespace

std::unique_ptr<Signal> make_tools(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (!plugin::no_empty(ctx, node, "declared", o.declared)) return nullptr;
  std::vector<ToolChoice> choices;
  for (const std::string& name : o.choice) {
    const auto c = plugin::choose(ctx, node, "choice", name, kChoices);
    if (!c) return nullptr;
    choices.push_back(*c);
  }
  return std::make_unique<Tools>(std::move(o), std::move(choices));
}

}  // namespace swy::route
