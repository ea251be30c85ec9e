// content: what to do when facts about the request's content are true: personal data, an attack, a
// harmful category, or whatever signal an operator names.
//
// What: the guard is triggered when one of `facts` is true, or unknown and `unknown` is closed.
// Then
//   block     denies every candidate: the request is refused with 403 and the reason
//   reroute   denies every candidate whose card does not carry the data label `private`
//   mask      denies nobody; personal data of `types` is masked in the request before it is sent to
//   a
//             model without that label, and put back in the answer
//   annotate  denies nobody; header and record say so
// A fact that is unknown while `unknown` is open lets the request pass and leaves a note in header
// and record. Cost: a look at each fact. When it loses: it is as good as its facts. Source: none.
// Test: content_test.cc.
#include <algorithm>

#include "route/detail/pii_types.h"

namespace swy::route {
namespace {

enum class Action : std::uint8_t { kBlock, kReroute, kMask, kAnnotate };
constexpr std::array<plugin::Named<Action>, 4> kActions = {{{"block", Action::kBlock},
                                                            {"reroute", Action::kReroute},
                                                            {"mask", Action::kMask},
                                                            {"annotate", Action::kAnnotate}}};
enum class Unknown : std::uint8_t { kClosed, kOpen };
constexpr std::array<plugin::Named<Unknown>, 2> kUnknown = {
    {{"closed", Unknown::kClosed}, {"open", Unknown::kOpen}}};

struct Options {
  std::vector<std::string> facts;
  std::string action = "block";
  std::string unknown = "closed";
  std::string private_label = "private";
  std::vector<std::string> types;
  double min_confidence = 0.5;
  void bind(base::OptionBinder& b) {
    b.field("facts", facts, "signals by name; one that is true triggers the guard; required");
    b.field("action", action, "block, reroute, mask or annotate");
    b.field("unknown", unknown, "a fact that cannot be had: closed (as if true) or open (passes)");
    b.field("private", private_label, "data label of models that may see the content");
    b.field("types", types, "mask: types of personal data, such as PERSON; empty: all");
    b.field("min_confidence", min_confidence, {0, 1}, "mask: a less certain span is left");
  }
};

struct Parts {
  Action action;
  Unknown unknown;
  std::string private_label;
  std::uint32_t types;
  float min_confidence;
};

class Content final : public Guard {
 public:
  Content(Parts parts, std::vector<FactId> facts, std::vector<std::string> names)
      : p_(std::move(parts)), facts_(std::move(facts)), names_(std::move(names)) {}

  [[nodiscard]] Verdict check(const Question& q, std::size_t candidate) const override {
    if (p_.action != Action::kBlock && p_.action != Action::kReroute) return {};
    const State s = state(q.scratch);
    if (!s.triggered) return {};
    if (p_.action == Action::kReroute && is_private(q.card(candidate))) return {};
    Verdict v{false, {}, true};
    tell(s, q.scratch, v.why);
    if (p_.action == Action::kReroute) v.why.append(", and the model is not private");
    return v;
  }

  [[nodiscard]] std::span<const FactId> needs() const override { return facts_; }

  [[nodiscard]] Demand demand(const Scratch& scratch, const Card& chosen) const override {
    Demand d;
    const State s = state(scratch);
    if (!s.triggered) {
      if (s.open) d.note = ReasonText("open: unknown fact passed");
      return d;
    }
    d.note = ReasonText(plugin::name_of(p_.action, kActions));
    d.note.append(": ");
    tell(s, scratch, d.note);
    if (p_.action != Action::kMask) return d;
    if (is_private(chosen)) {
      d.note.append(", not masked for a private model");
      return d;
    }
    d.mask = p_.types;
    d.mask_confidence = p_.min_confidence;
    return d;
  }

 private:
  struct State {
    bool triggered = false;
    bool open = false;     // some fact was unknown and passed
    std::size_t fact = 0;  // which one triggered
  };

  [[nodiscard]] State state(const Scratch& scratch) const {
    State s;
    for (std::size_t i = 0; i < facts_.size(); ++i) {
      const Fact& f = scratch.facts[facts_[i]];
      const bool unknown = f.truth == Truth::kUnknown;
      if (f.truth == Truth::kTrue || (unknown && p_.unknown == Unknown::kClosed)) {
        s.triggered = true;
        s.fact = i;
        return s;
      }
      s.open = s.open || unknown;
    }
    return s;
  }

  template <typename Text>
  void tell(const State& s, const Scratch& scratch, Text& out) const {
    const Fact& f = scratch.facts[facts_[s.fact]];
    out.append(names_[s.fact]);
    out.append(f.truth == Truth::kUnknown ? " is unknown" : " is true");
    if (f.truth == Truth::kTrue && !f.label.empty()) {
      out.append(" (");
      out.append(f.label.view());
      out.append(")");
    }
  }

  [[nodiscard]] bool is_private(const Card& card) const {
    return std::find(card.labels.begin(), card.labels.end(), p_.private_label) != card.labels.end();
  }

  Parts p_;
  std::vector<FactId> facts_;
  std::vector<std::string> names_;
};

// False: errors were reported.
bool check_labels(const Options& o, Action action, const base::Doc& node, BuildContext& ctx) {
  const bool given = node.is_map() && node.find("types") != nullptr;
  if (action != Action::kMask && given) {
    ctx.diag().error(plugin::mark_of(node, "types"), "types are read by action: mask only");
    return false;
  }
  const auto& cards = ctx.catalogue().cards();
  const bool any = std::any_of(cards.begin(), cards.end(), [&](const Card& c) {
    return std::find(c.labels.begin(), c.labels.end(), o.private_label) != c.labels.end();
  });
  if (action == Action::kReroute && !any) {
    ctx.diag().error(plugin::mark_of(node, "private"),
                     fmt::format("no model carries the data label '{}', so reroute would refuse "
                                 "everything: give a model labels: [{}], or use action: block",
                                 o.private_label, o.private_label));
    return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<Guard> make_content(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto action = plugin::choose(ctx, node, "action", o.action, kActions);
  const auto unknown = plugin::choose(ctx, node, "unknown", o.unknown, kUnknown);
  const auto types = plugin::pii_types(ctx, node, "types", o.types);
  bool ok = action && unknown && types && check_labels(o, *action, node, ctx);
  if (o.facts.empty()) {
    ctx.diag().error(plugin::mark_of(node, "facts"), "content needs facts: give names of signals");
    ok = false;
  }
  std::vector<FactId> facts;
  for (const std::string& name : o.facts) {
    if (const auto id = ctx.signal(name)) {
      facts.push_back(*id);
      continue;
    }
    ctx.diag().error(plugin::mark_of(node, "facts"),
                     fmt::format("facts: no signal is called '{}'{}", name,
                                 base::did_you_mean(name, ctx.signal_names())));
    ok = false;
  }
  if (!ok) return nullptr;
  return std::make_unique<Content>(
      Parts{*action, *unknown, o.private_label, *types, static_cast<float>(o.min_confidence)},
      std::move(facts), o.facts);
}

}  // namespace swy::route
