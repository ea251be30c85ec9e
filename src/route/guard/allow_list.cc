// allow_list: which models may see this work, by what their cards say and by what the request says
// of its data.
//
// What, for the card (each list applies when it is not empty):
//   models, upstreams, region   the card's name, upstream, region is in the list
//   deny_models                 the card's name is not in it
//   labels                      the card carries every label of the list
// For the request: the field label_key may hold data labels, separated by commas: the card must
// carry every one of them; the field region_key may hold regions, separated by commas: the card's
// region must be one of them. A field that occurs several times counts every time. A request
// without the field is judged by `missing`: allow or deny. Fails closed: a card without region or
// labels does not pass where one is asked for. Cost: a few text comparisons per candidate. When it
// loses: the request's labels are what the client says; nothing is detected here. Source: none.
// Test: allow_list_test.cc.
#include <algorithm>

#include "route/detail/plugin.h"

namespace swy::route {
namespace {

enum class Missing : std::uint8_t { kAllow, kDeny };
constexpr std::array<plugin::Named<Missing>, 2> kMissing = {
    {{"allow", Missing::kAllow}, {"deny", Missing::kDeny}}};

struct Options {
  std::vector<std::string> models;
  std::vector<std::string> deny_models;
  std::vector<std::string> upstreams;
  std::vector<std::string> region;
  std::vector<std::string> labels;
  std::string label_key;
  std::string region_key;
  std::string source = "metadata";
  std::string missing = "allow";
  void bind(base::OptionBinder& b) {
    b.field("models", models, "model names that pass");
    b.field("deny_models", deny_models, "model names that do not pass");
    b.field("upstreams", upstreams, "upstreams that pass");
    b.field("region", region, "regions that pass");
    b.field("labels", labels, "data labels that a model must all carry");
    b.field("label_key", label_key,
            "request field with the data labels that a model must all carry");
    b.field("region_key", region_key, "request field with the regions that pass");
    b.field("source", source, "where label_key and region_key are looked up: metadata or header");
    b.field("missing", missing, "a request without the field: allow or deny");
  }
};

bool has(const std::vector<std::string>& list, std::string_view s) {
  return std::find(list.begin(), list.end(), s) != list.end();
}

Verdict deny(std::initializer_list<std::string_view> parts) {
  Verdict v{false, {}};
  for (std::string_view p : parts) v.why.append(p);
  return v;
}

// Calls f(item) for every non-empty item of a comma-separated text, spaces trimmed, until f returns
// false.
template <typename F>
bool every_item(std::string_view s, F&& f) {
  while (!s.empty()) {
    const std::size_t comma = std::min(s.find(','), s.size());
    std::string_view item = s.substr(0, comma);
    s.remove_prefix(std::min(comma + 1, s.size()));
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (!item.empty() && !f(item)) return false;
  }
  return true;
}

class AllowList final : public Guard {
 public:
  AllowList(Options options, plugin::Source source, Missing missing)
      : o_(std::move(options)), source_(source), missing_(missing) {}

  [[nodiscard]] Verdict check(const Question& q, std::size_t candidate) const override {
    const Card& card = q.card(candidate);
    Verdict v = by_card(card);
    if (v.allow && !o_.label_key.empty()) v = by_labels(q.reading, card);
    if (v.allow && !o_.region_key.empty()) v = by_region(q.reading, card);
    return v;
  }

  [[nodiscard]] std::optional<Verdict> check_card(const Card& card) const override {
    Verdict v = by_card(card);
    if (v.allow && (!o_.label_key.empty() || !o_.region_key.empty())) return std::nullopt;
    return v;
  }

 private:
  [[nodiscard]] Verdict by_card(const Card& card) const {
    if (!o_.models.empty() && !has(o_.models, card.name))
      return deny({"not among the allowed models"});
    if (has(o_.deny_models, card.name)) return deny({"among the denied models"});
    if (!o_.upstreams.empty() && !has(o_.upstreams, card.upstream)) {
      return deny({"upstream ", card.upstream, " is not allowed"});
    }
    if (!o_.region.empty() && !has(o_.region, card.region)) return deny_region(card);
    for (const std::string& label : o_.labels) {
      if (!has(card.labels, label)) return deny_label(label, card);
    }
    return {};
  }

  [[nodiscard]] Verdict by_labels(const Reading& reading, const Card& card) const {
    Verdict v;
    const bool found = each_item_of(reading, o_.label_key, [&](std::string_view label) {
      if (!has(card.labels, label)) v = deny_label(label, card);
      return v.allow;
    });
    return found ? v : absent(o_.label_key);
  }

  [[nodiscard]] Verdict by_region(const Reading& reading, const Card& card) const {
    bool in = false;
    const bool found = each_item_of(reading, o_.region_key, [&](std::string_view region) {
      in = region == card.region;
      return !in;
    });
    if (!found) return absent(o_.region_key);
    return in ? Verdict{} : deny_region(card);
  }

  // Calls f(item) for the items of every field of that name until f returns false. Returns whether
  // there was an item.
  template <typename F>
  bool each_item_of(const Reading& reading, std::string_view key, F&& f) const {
    bool found = false;
    const auto item = [&](std::string_view s) {
      found = true;
      return f(s);
    };
    plugin::each_field(reading, source_, key,
                       [&](std::string_view value) { return every_item(value, item); });
    return found;
  }

  [[nodiscard]] Verdict absent(std::string_view key) const {
    if (missing_ == Missing::kAllow) return {};
    return deny({"the request does not state ", key});
  }
  static Verdict deny_region(const Card& card) {
    if (card.region.empty()) return deny({"the model's region is not stated"});
    return deny({"region ", card.region, " is not allowed"});
  }
  static Verdict deny_label(std::string_view label, const Card& card) {
    return deny(
        {card.labels.empty() ? "states no data labels, needed: " : "may not see data labelled ",
         plugin::label(label).view()});
  }

  Options o_;
  plugin::Source source_;
  Missing missing_;
};

// False: errors were reported.
bool check_names(const Options& o, const base::Doc& node, BuildContext& ctx) {
  const std::size_t before = ctx.diag().errors();
  plugin::models(ctx, node, "models", o.models);
  plugin::models(ctx, node, "deny_models", o.deny_models);
  std::vector<std::string> upstreams;
  for (const Card& c : ctx.catalogue().cards()) upstreams.push_back(c.upstream);
  for (const std::string& name : o.upstreams) {
    if (has(upstreams, name)) continue;
    ctx.diag().error(plugin::mark_of(node, "upstreams"),
                     fmt::format("upstreams: no model is at an upstream called '{}'{}", name,
                                 base::did_you_mean(name, upstreams)));
  }
  plugin::no_empty(ctx, node, "region", o.region);
  plugin::no_empty(ctx, node, "labels", o.labels);
  if (o.models.empty() && o.deny_models.empty() && o.upstreams.empty() && o.region.empty() &&
      o.labels.empty() && o.label_key.empty() && o.region_key.empty()) {
    ctx.diag().error(node.mark(),
                     "allow_list allows everything: give a list, label_key or region_key");
  }
  return ctx.diag().errors() == before;
}

}  // namespace

std::unique_ptr<Guard> make_allow_list(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto source = plugin::choose(ctx, node, "source", o.source, plugin::kSources);
  const auto missing = plugin::choose(ctx, node, "missing", o.missing, kMissing);
  if (!check_names(o, node, ctx) || !source || !missing) return nullptr;
  if (*source == plugin::Source::kHeader) {
    plugin::to_lower(o.label_key);
    plugin::to_lower(o.region_key);
  }
  return std::make_unique<AllowList>(std::move(o), *source, *missing);
}

}  // namespace swy::route
