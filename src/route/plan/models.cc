// Reads `models:`: one card per model.
#include <fmt/format.h>

#include "base/options.h"
#include "route/plan/compile.h"

namespace swy::route {
namespace {

struct CardOptions {
  std::string name, upstream, upstream_model, region, description;
  std::int64_t context = 0, max_output = 0, answers = 1;
  std::vector<std::string> capabilities, labels;
  base::NumberMap quality;
  const base::Doc* price = nullptr;

  void bind(base::OptionBinder& b) {
    b.field("name", name, "what clients and rules call it");
    b.field("upstream", upstream, "where it is asked: a name under `upstreams`");
    b.field("upstream_model", upstream_model, "its name there; the same name when absent");
    b.node("price", price, "USD per million tokens: input, output, cached_input");
    b.field("context", context, {1, 1e9}, "tokens, prompt and answer together");
    b.field("max_output", max_output, {1, 1e9}, "tokens of one answer");
    b.field("capabilities", capabilities,
            "tools, vision, audio, files, json_object, json_schema, logprobs, reasoning");
    b.field("quality", quality, "declared quality 0 to 1 by domain; `default` is the fallback");
    b.field("answers", answers, {1, 32},
            "it stands for so many answers of the model, the best of which is taken (an arm)");
    b.field("region", region, "where it runs, for the allow_list guard");
    b.field("labels", labels, "data labels it may see, for the allow_list guard");
    b.field("description", description, "for people");
  }
};

struct PriceOptions {
  Price price;
  void bind(base::OptionBinder& b) {
    b.field("input", price.input, {0, 1e6}, "USD per million prompt tokens");
    b.field("cached_input", price.cached_input, {0, 1e6},
            "USD per million prompt tokens read from the provider's cache");
    b.field("output", price.output, {0, 1e6}, "USD per million answer tokens");
  }
};

void read_price(const base::Doc& node, base::Diagnostics& diag, Card& card) {
  if (!node.is_map())
    return diag.error(node.mark(), "price must be a map: { input: 0.10, output: 0.40 }");
  PriceOptions o;
  base::DocBinder binder(node, diag, {});
  o.bind(binder);
  binder.finish();
  card.price = o.price;
}

void read_capabilities(const CardOptions& o, const base::Doc& node, base::Diagnostics& diag,
                       Card& card) {
  card.capabilities_stated = node.find("capabilities") != nullptr;
  for (const std::string& name : o.capabilities) {
    if (const auto c = capability_from(name)) {
      card.capabilities |= *c;
    } else {
      diag.error(node.find("capabilities")->mark(),
                 fmt::format("unknown capability '{}'{}", name,
                             base::did_you_mean(name, known_capabilities())));
    }
  }
}

void read_quality(const CardOptions& o, const base::Doc& node, base::Diagnostics& diag,
                  Card& card) {
  for (const auto& [domain, value] : o.quality) {
    if (!(value >= 0 && value <= 1)) {
      diag.error(node.find("quality")->mark(),
                 fmt::format("quality.{} must be 0 to 1, not {}", domain, value));
    }
  }
  card.quality = o.quality;
}

void read_model(const base::Doc& node, base::Diagnostics& diag, Catalogue& out) {
  if (!node.is_map())
    return diag.error(node.mark(), "a model is a map: { name: ..., upstream: ..., price: {...} }");
  CardOptions o;
  base::DocBinder binder(node, diag, {});
  o.bind(binder);
  binder.finish();
  if (o.name.empty()) return diag.error(node.mark(), "a model needs a name");
  if (out.find(o.name))
    return diag.error(node.find("name")->mark(), fmt::format("model '{}' is given twice", o.name));
  Card card;
  card.name = o.name;
  card.upstream = o.upstream;
  card.upstream_model = o.upstream_model.empty() ? o.name : o.upstream_model;
  card.answers = static_cast<std::uint32_t>(o.answers);
  card.context = o.context;
  card.max_output = o.max_output;
  card.region = o.region;
  card.labels = o.labels;
  card.description = o.description;
  read_capabilities(o, node, diag, card);
  read_quality(o, node, diag, card);
  if (o.price != nullptr) read_price(*o.price, diag, card);
  if (!card.price.known()) {
    diag.warning(node.mark(), fmt::format("model '{}' has no price: its cost is unknown; give "
                                          "price: {{ input: USD, output: USD }} "
                                          "per million tokens (0 for a free one)",
                                          card.name));
  }
  out.add(std::move(card));
}

}  // namespace

void read_models(const base::Doc& models, base::Diagnostics& diag, Catalogue& out) {
  if (!models.is_list() || models.items().empty())
    return diag.error(models.mark(), "models must be a list with at least one model");
  if (models.items().size() > 10'000) return diag.error(models.mark(), "more than 10,000 models");
  for (const base::Doc& m : models.items()) read_model(m, diag, out);
}

}  // namespace swy::route
