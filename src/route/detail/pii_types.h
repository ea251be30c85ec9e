// Names of PII types in options, to bits. When to use: plug-ins with a `types` option. Pure.
#pragma once

#include "route/detail/plugin.h"
#include "text/pii.h"

namespace swy::route::plugin {

// All types when none is named. nullopt: errors with the nearest names were reported.
inline std::optional<std::uint32_t> pii_types(BuildContext& ctx, const base::Doc& node,
                                              std::string_view key,
                                              const std::vector<std::string>& names) {
  std::uint32_t bits = names.empty() ? text::kAllPii : 0;
  bool ok = true;
  for (const std::string& name : names) {
    if (const auto type = text::pii_type(name)) {
      bits |= text::pii_bit(*type);
      continue;
    }
    std::vector<std::string> known;
    for (std::size_t i = 0; i < text::kPiiTypes; ++i)
      known.emplace_back(to_string(static_cast<text::PiiType>(i)));
    ctx.diag().error(mark_of(node, key),
                     fmt::format("{} holds types such as EMAIL_ADDRESS, not '{}'{}", key, name,
                                 base::did_you_mean(name, known)));
    ok = false;
  }
  if (!ok) return std::nullopt;
  return bits;
}

}  // namespace swy::route::plugin
