#include "route/policy/past_prompts.h"
#include "route/detail/one_text.h"

#include <algorithm>

#include "route/estimator/outcome_tables.h"

namespace swy::route {
namespace {

double cost_of_call(const Price& price, const record::Cell& cell) {
  const auto in = static_cast<double>(cell.tokens_in);
  const auto out = static_cast<double>(cell.tokens_out);
  if (price.known() && in == in && out == out) return in * price.input + out * price.output;
  return static_cast<double>(cell.cost_usd) * 1e6;
}

}  // namespace

std::optional<PastPrompts> ask_past(std::span<const std::string> tables, base::Mark mark,
                                    BuildContext& ctx) {
  const std::size_t before = ctx.diag().errors();
  const auto table = load_tables(tables, mark, ctx);
  if (ctx.diag().errors() != before) return std::nullopt;
  PastPrompts past;
  past.candidates = ctx.candidates().size();
  if (!table) return past;
  std::vector<std::size_t> column;
  for (const ExpertId id : ctx.candidates()) {
    const Card& card = ctx.catalogue()[id];
    column.push_back(table->model_index(card.name, card.name_in_tables()));
  }
  past.prompts = std::min(table->rows(), kMaxPrompts);
  past.beliefs.resize(past.prompts * past.candidates);
  for (std::size_t i = 0; i < past.prompts; ++i) {
    const std::size_t at = i * table->rows() / past.prompts;
    const record::OutcomeRow row = table->row(at);
    const chat::Request request = one_text(row.prompt);
    const std::span<Belief> out(past.beliefs.data() + i * past.candidates, past.candidates);
    if (const Status s =
            ctx.believe(request, row.id, record::mean_tokens_in(table->cells(at)), out);
        !s) {
      ctx.diag().error(mark, "calibrate: " + s.error().message);
      return std::nullopt;
    }
    for (std::size_t c = 0; c < column.size(); ++c) {
      const record::Cell cell =
          column[c] == record::OutcomeTable::npos ? record::Cell{} : table->cell(at, column[c]);
      past.quality.push_back(cell.quality);
      past.cost_micro.push_back(cost_of_call(ctx.catalogue()[ctx.candidates()[c]].price, cell));
    }
  }
  return past;
}

}  // namespace swy::route
