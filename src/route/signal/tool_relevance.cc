// tool_relevance: does any of the declared tools fit what the user asks for?
//
// What: value = the best cosine between the last user text and a declared tool (its name, read as
// words, and its description); label = that tool; true from the threshold on. Confidence: P(fits)
// by the logistic curve through the threshold; of a "false" its complement. False when no tool is
// declared. Unknown: no text, or an encoding not ready in time. Tools are encoded with the same
// encoder on the asking thread, so it must be an immediate one; their vectors are remembered per
// thread, since clients send the same tools again and again. Cost: one encoding of the text, a dot
// product a tool; about 15 us for each tool seen for the first time. When it loses: tools that
// differ in their parameters only; names that say nothing without a description. Source: tool
// retrieval by embedding (paper 67, SkillRouter: its first stage, with another encoder). Test:
// tool_relevance_test.cc.
#include <algorithm>
#include <unordered_map>

#include "base/hash.h"
#include "route/detail/semantic.h"

namespace swy::route {
namespace {

struct Options {
  std::string encoder = "static_embedding";
  double threshold = 0.35;
  double slope = 12;
  std::vector<std::string> any;
  void bind(base::OptionBinder& b) {
    b.field("encoder", encoder, "name of an immediate encoder");
    b.field("threshold", threshold, {-1, 1}, "cosine from which a tool fits");
    b.field("slope", slope, {0.1, 1000}, "of the confidence around the threshold");
    b.field("any", any, "tools that are looked at; empty: all that are declared");
  }
};

// "getWeather_byCity" -> "get Weather by City": letters and digits stay, the rest and changes of
// case part words.
void append_words(std::string_view name, std::string& out) {
  bool lower = false;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool word = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) != 0;
    if (!word || (upper && lower)) out += ' ';
    if (word) out += c;
    lower = word && !upper;
  }
}

class ToolRelevance final : public Signal {
 public:
  ToolRelevance(Options o, std::uint16_t id, const Encoder& encoder)
      : o_(std::move(o)), id_(id), encoder_(encoder), seed_(base::hash64(encoder.content_hash())) {}

  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r); });
  }
  [[nodiscard]] double cost_us() const override { return 25; }

 private:
  static constexpr std::size_t kRemembered = 4096;

  [[nodiscard]] Fact fact(Reading& reading) const {
    const chat::Request& r = reading.request();
    if (reading.text(chat::Scope::kLastUser).empty()) return {};
    if (r.tools.empty()) return {Truth::kFalse, 1, plugin::kNaN, {}};
    const Encoding* e = reading.encoding({id_, chat::Scope::kLastUser});
    if (e == nullptr) return {};
    if (e->state != Encoding::State::kReady) return semantic::not_ready(*e);
    double best = -1;
    std::string_view name;
    for (std::size_t i = 0; i < r.tools.size(); ++i) {
      if (!o_.any.empty() && std::find(o_.any.begin(), o_.any.end(), r.tools[i]) == o_.any.end())
        continue;
      const std::string_view description =
          i < r.tool_descriptions.size() ? r.tool_descriptions[i] : std::string_view();
      const double s = semantic::cosine(e->values, vector_of(r.tools[i], description));
      if (s <= best) continue;
      best = s;
      name = r.tools[i];
    }
    if (name.empty()) return {Truth::kFalse, 1, plugin::kNaN, {}};
    const bool fits = best >= o_.threshold;
    const double p = semantic::match_probability(best, o_.threshold, o_.slope);
    return {plugin::truth(fits), static_cast<float>(fits ? p : 1 - p), best, plugin::label(name)};
  }

  [[nodiscard]] std::span<const float> vector_of(std::string_view name,
                                                 std::string_view description) const {
    thread_local std::unordered_map<std::uint64_t, std::vector<float>> known;
    thread_local std::string text;
    text.clear();
    append_words(name, text);
    text.append(": ").append(description.substr(0, 1024));
    const std::uint64_t key = base::hash64(text, seed_);
    if (const auto it = known.find(key); it != known.end()) return it->second;
    if (known.size() >= kRemembered) known.clear();
    std::vector<float>& v = known[key];
    v.resize(encoder_.dims());
    const std::string_view one = text;
    if (!encoder_.encode({&one, 1}, v)) std::fill(v.begin(), v.end(), 0.0F);
    return v;
  }

  Options o_;
  std::uint16_t id_;
  const Encoder& encoder_;  // of the same plan
  std::uint64_t seed_;
};

}  // namespace

std::unique_ptr<Signal> make_tool_relevance(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto id = ctx.encoder(o.encoder, plugin::mark_of(node, "encoder"));
  if (!id) return nullptr;
  const Encoder& encoder = ctx.encoder(*id);
  if (!encoder.immediate()) {
    ctx.diag().error(plugin::mark_of(node, "encoder"),
                     fmt::format("tool_relevance needs an immediate encoder such as "
                                 "static_embedding; '{}' takes milliseconds a tool",
                                 o.encoder));
    return nullptr;
  }
  return std::make_unique<ToolRelevance>(std::move(o), *id, encoder);
}

}  // namespace swy::route
