// knowledge: the label that a knowledge base gives a text, by its nearest entries.
//
// What: the base is a file of JSON lines {"text": ..., "label": ...}. The `neighbours` nearest
// entries vote, each with its cosine; label = the winner, value = the cosine of its nearest entry.
// True when the cosine reaches the threshold and the label is one of `any`; a text further away
// belongs to no label and is false. Confidence: P(the base knows it), by the logistic curve through
// the threshold, times the share of `any` among the votes; of a "false" its complement. Threshold
// and slope were fitted for the static embedding (docs/guide/signals.md). Unknown: no text, or an
// encoding not ready in time. Cost: one encoding and a dot product an entry (20,000 entries at
// most). When it loses: labels that differ in one word of long texts; noisy entries with one
// neighbour. Source: k nearest neighbours (Cover and Hart 1967); knowledge-base signal of vLLM
// Semantic Router (paper 57). Test: knowledge_test.cc.
#include <algorithm>
#include <filesystem>
#include <numeric>

#include "base/json.h"
#include "record/gzip_reader.h"
#include "route/detail/semantic.h"

namespace swy::route {
namespace {

struct Options {
  std::string file;
  std::string encoder = "static_embedding";
  std::int64_t neighbours = 5;
  double threshold = 0.75;
  double slope = 19;
  std::vector<std::string> any;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("file", file, "JSON lines with text and label, plain or gzip; required");
    b.field("encoder", encoder, "name of an encoder");
    b.field("neighbours", neighbours, {1, 100}, "entries that vote");
    b.field("threshold", threshold, {-1, 1}, "cosine below which no label is given");
    b.field("slope", slope, {0.1, 1000}, "of the confidence around the threshold");
    b.field("any", any, "labels that make it true; empty: every label");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

class Knowledge final : public Signal {
 public:
  Knowledge(Options o, chat::Scope scope, semantic::Examples entries)
      : o_(std::move(o)), scope_(scope), entries_(std::move(entries)) {}

  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r); });
  }
  [[nodiscard]] double cost_us() const override {
    return 20 + 0.05 * static_cast<double>(entries_.all().size());
  }

 private:
  [[nodiscard]] Fact fact(Reading& reading) const {
    if (reading.text(scope_).empty()) return {};
    const Encoding* e = reading.encoding(entries_.key(scope_));
    if (e == nullptr) return {};
    if (e->state != Encoding::State::kReady) return semantic::not_ready(*e);
    return vote(e->values);
  }

  [[nodiscard]] Fact vote(std::span<const float> vector) const {
    thread_local std::vector<float> all, votes;
    thread_local std::vector<std::uint32_t> order;
    entries_.similarities(vector, all);
    order.resize(all.size());
    std::iota(order.begin(), order.end(), 0U);
    const std::size_t k = std::min(static_cast<std::size_t>(o_.neighbours), order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                      [](std::uint32_t a, std::uint32_t b) {
                        return all[a] != all[b] ? all[a] > all[b] : a < b;
                      });
    votes.assign(entries_.groups().size(), 0.0F);
    float sum = 0;
    for (std::size_t i = 0; i < k; ++i) {
      const float weight = std::max(all[order[i]], 0.0F);
      votes[entries_.all()[order[i]].group] += weight;
      sum += weight;
    }
    const auto winner =
        static_cast<std::uint32_t>(std::max_element(votes.begin(), votes.end()) - votes.begin());
    float nearest = -1;
    for (std::size_t i = k; i-- > 0;) {
      if (entries_.all()[order[i]].group == winner) nearest = all[order[i]];
    }
    double share = o_.any.empty() ? 1 : 0;
    for (std::size_t g = 0; !o_.any.empty() && sum > 0 && g < votes.size(); ++g) {
      share += wanted(entries_.groups()[g]) ? static_cast<double>(votes[g] / sum) : 0;
    }
    const std::string& label = entries_.groups()[winner];
    const bool known = nearest >= o_.threshold;
    const bool holds = known && wanted(label);
    const double p = share * semantic::match_probability(nearest, o_.threshold, o_.slope);
    return {plugin::truth(holds), static_cast<float>(holds ? p : 1 - p), nearest,
            known ? plugin::label(label) : ShortText()};
  }

  [[nodiscard]] bool wanted(const std::string& label) const {
    return o_.any.empty() || std::find(o_.any.begin(), o_.any.end(), label) != o_.any.end();
  }

  Options o_;
  chat::Scope scope_;
  semantic::Examples entries_;
};

// False: an error was reported.
bool read_base(BuildContext& ctx, const std::string& path, base::Mark mark,
               semantic::Grouped& out) {
  auto file = record::GzipReader::open(path);
  if (!file) return ctx.diag().error(mark, file.error().message), false;
  base::JsonDoc doc;
  for (;;) {
    const auto line = file->next();
    if (!line) return ctx.diag().error(mark, line.error().message), false;
    if (!*line) break;
    const auto row = doc.parse(**line);
    const std::string text(row ? row->string_or("text", "") : "");
    const std::string label(row ? row->string_or("label", "") : "");
    if (text.empty() || label.empty()) {
      ctx.diag().error(
          mark, fmt::format("{}: expected {{\"text\": ..., \"label\": ...}}", file->where()));
      return false;
    }
    const auto known = std::find(out.groups.begin(), out.groups.end(), label);
    const auto group = static_cast<std::uint32_t>(known - out.groups.begin());
    if (known == out.groups.end()) out.groups.push_back(label);
    out.examples.push_back({text, group});
  }
  if (out.examples.empty()) ctx.diag().error(mark, fmt::format("{} is empty", path));
  return !out.examples.empty();
}

}  // namespace

std::unique_ptr<Signal> make_knowledge(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  if (o.file.empty()) ctx.diag().error(node.mark(), "knowledge needs a file");
  if (!scope || o.file.empty()) return nullptr;
  semantic::Grouped grouped;
  if (!read_base(ctx, (std::filesystem::path(ctx.directory()) / o.file).string(),
                 plugin::mark_of(node, "file"), grouped))
    return nullptr;
  auto entries =
      semantic::Examples::encode(ctx, o.encoder, std::move(grouped.groups),
                                 std::move(grouped.examples), plugin::mark_of(node, "encoder"));
  if (!entries) return nullptr;
  return std::make_unique<Knowledge>(std::move(o), *scope, std::move(*entries));
}

}  // namespace swy::route
