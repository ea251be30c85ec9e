#include "embed/builtin.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "base/check.h"

// builtin_data.S
extern "C" {
extern const char swy_static_weights[], swy_static_weights_end[];
extern const char swy_static_vocab[], swy_static_vocab_end[];
extern const char swy_static_config[], swy_static_config_end[];
extern const char swy_head_domain[], swy_head_domain_end[];
extern const char swy_head_task[], swy_head_task_end[];
extern const char swy_head_facts[], swy_head_facts_end[];
extern const char swy_head_difficulty[], swy_head_difficulty_end[];
extern const char swy_grounding[], swy_grounding_end[];
}

namespace swy::embed {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

struct BuiltinHead {
  std::string_view name;
  const char* begin;
  const char* end;
};
const std::array<BuiltinHead, 4> kHeads = {
    {{"domain", swy_head_domain, swy_head_domain_end},
     {"task", swy_head_task, swy_head_task_end},
     {"facts", swy_head_facts, swy_head_facts_end},
     {"difficulty", swy_head_difficulty, swy_head_difficulty_end}}};

}  // namespace

std::shared_ptr<const StaticEmbedding> builtin_static() {
  static const std::shared_ptr<const StaticEmbedding> kOnly = [] {
    const std::string_view weights = between(swy_static_weights, swy_static_weights_end);
    auto made = StaticEmbedding::parse(
        std::as_bytes(std::span(weights)), between(swy_static_vocab, swy_static_vocab_end),
        between(swy_static_config, swy_static_config_end), "the built-in static embedding");
    SWY_ASSERT(made.has_value());  // a test of the build keeps it so
    return std::make_shared<const StaticEmbedding>(std::move(*made));
  }();
  return kOnly;
}

Result<std::shared_ptr<const TextHead>> builtin_head(std::string_view name,
                                                     const HeadInputs& given) {
  std::string known;
  for (const BuiltinHead& h : kHeads) {
    if (h.name == name)
      return TextHead::parse(between(h.begin, h.end), fmt::format("the built-in head '{}'", name),
                             given);
    known.append(known.empty() ? "" : ", ").append(h.name);
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("no head '{}' comes with the program; known: {}", name, known));
}

std::string_view builtin_grounding() { return between(swy_grounding, swy_grounding_end); }

}  // namespace swy::embed
