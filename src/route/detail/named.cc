#include "route/detail/named.h"

#include <fmt/format.h>

namespace swy::route {
namespace {

void refuse(std::string_view kind, std::string_view name, std::string_view option, base::Mark mark,
            const std::vector<std::string>& known, BuildContext& ctx) {
  ctx.diag().error(mark, fmt::format("{}: there is no {} '{}'{}", option, kind, name,
                                     base::did_you_mean(name, known)));
}

}  // namespace

std::optional<ExpertId> model_named(std::string_view name, std::string_view option, base::Mark mark,
                                    BuildContext& ctx) {
  const auto id = ctx.catalogue().find(name);
  if (!id) refuse("model", name, option, mark, ctx.catalogue().names(), ctx);
  return id;
}

std::optional<FactId> signal_named(std::string_view name, std::string_view option, base::Mark mark,
                                   BuildContext& ctx) {
  const auto id = ctx.signal(name);
  if (!id) refuse("signal", name, option, mark, ctx.signal_names(), ctx);
  return id;
}

}  // namespace swy::route
