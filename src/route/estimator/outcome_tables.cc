#include "route/estimator/outcome_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "record/table_files.h"

namespace swy::route {

std::optional<record::OutcomeTable> load_tables(std::span<const std::string> paths, base::Mark mark,
                                                BuildContext& ctx) {
  std::vector<std::string> found;
  for (const std::string& path : paths) {
    const std::filesystem::path full = std::filesystem::path(ctx.directory()) / path;
    std::error_code ignored;  // what cannot be looked at does not exist for us
    if (std::filesystem::is_regular_file(full, ignored)) {
      found.push_back(full.string());
    } else if (std::filesystem::is_directory(full, ignored)) {
      if (record::table_files(full.string(), false)) {
        found.push_back(full.string());
      } else {
        ctx.diag().note(mark, fmt::format("{} holds no outcome table yet", path));
      }
    } else if (full.has_extension()) {
      ctx.diag().error(mark, fmt::format("outcome table {} does not exist", full.string()));
    } else {
      ctx.diag().note(mark, fmt::format("{} does not exist yet: nothing to learn from", path));
    }
  }
  if (found.empty()) return std::nullopt;
  record::LoadOptions options;  // with the arms that the configuration has
  for (const Card& card : ctx.catalogue().cards()) {
    auto& answers = options.answers;
    if (card.answers > 1 &&
        std::find(answers.begin(), answers.end(), card.answers) == answers.end())
      answers.push_back(card.answers);
  }
  auto table = record::load_outcomes(found, options);
  if (!table) {
    ctx.diag().error(mark, table.error().message);
    return std::nullopt;
  }
  return std::move(*table);
}

}  // namespace swy::route
