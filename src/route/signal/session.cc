// session: which model served this session before.
//
// What: label = the previous model's name. True when it is one of `previous`; with an empty list,
// when there is one. False for a session that has none yet. Unknown: a request without a session
// id. Cost: a few comparisons. When it loses: a client that opens a session per request never has a
// previous model. Source: none. Test: session_test.cc.
#include <algorithm>

#include "route/detail/plugin.h"

namespace swy::route {
namespace {

struct Options {
  std::vector<std::string> previous;
  void bind(base::OptionBinder& b) {
    b.field("previous", previous, "model names that pass; empty: any previous model");
  }
};

class Session final : public Signal {
 public:
  Session(std::vector<std::string> names, std::vector<ExpertId> previous)
      : names_(std::move(names)), previous_(std::move(previous)) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](const Reading& r) { return fact(r.work()); });
  }
  [[nodiscard]] double cost_us() const override { return 0.01; }
  [[nodiscard]] bool reads_text() const override { return false; }

 private:
  [[nodiscard]] Fact fact(const Work& w) const {
    if (w.session.empty()) return {};
    if (w.previous == kNoExpert) return {Truth::kFalse, 1, plugin::kNaN, {}};
    if (w.previous >= names_.size()) return {};  // an id of another configuration
    const bool in = previous_.empty() ||
                    std::find(previous_.begin(), previous_.end(), w.previous) != previous_.end();
    return {plugin::truth(in), 1, plugin::kNaN, plugin::label(names_[w.previous])};
  }

  std::vector<std::string>
      names_;  // by ExpertId; a copy, because the catalogue belongs to the plan being built
  std::vector<ExpertId> previous_;
};

}  // namespace

std::unique_ptr<Signal> make_session(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto previous = plugin::models(ctx, node, "previous", o.previous);
  if (!previous) return nullptr;
  return std::make_unique<Session>(ctx.catalogue().names(), *previous);
}

}  // namespace swy::route
