#include "flow/past.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "base/hash.h"
#include "record/outcome.h"
#include "record/responses.h"

namespace swy::flow {
namespace {

double mean_of(const Past& past, std::size_t candidate, double PastAnswer::* field) {
  double sum = 0;
  for (std::size_t q = 0; q < past.questions(); ++q) sum += past.at(q, candidate).*field;
  return past.questions() == 0 ? route::kUnknownNumber
                               : sum / static_cast<double>(past.questions());
}

// Which model of the table each candidate is; nullopt after an error was reported.
std::optional<std::vector<std::size_t>> match(const record::OutcomeTable& table, base::Mark mark,
                                              route::BuildContext& ctx) {
  std::vector<std::size_t> out;
  for (const ExpertId id : ctx.candidates()) {
    const Card& card = ctx.catalogue()[id];
    const std::size_t m = table.model_index(card.name, card.name_in_tables());
    if (m == record::OutcomeTable::npos) {
      ctx.diag().error(mark, fmt::format("the outcome table has no outcomes of '{}'{}", card.name,
                                         base::did_you_mean(card.name, table.models())));
      return std::nullopt;
    }
    out.push_back(m);
  }
  return out;
}

// Missing costs become the model's mean. False: a model has none at all.
bool fill_costs(Past& past) {
  for (std::size_t c = 0; c < past.candidates; ++c) {
    double sum = 0;
    double n = 0;
    for (std::size_t q = 0; q < past.questions(); ++q) {
      const double cost = past.at(q, c).cost;
      if (std::isnan(cost)) continue;
      sum += cost;
      n += 1;
    }
    if (n == 0) return false;
    for (std::size_t q = 0; q < past.questions(); ++q) {
      double& cost = past.answers[q * past.candidates + c].cost;
      if (std::isnan(cost)) cost = sum / n;
    }
  }
  return true;
}

void believe(std::string_view prompt, std::string_view id, Past& past, route::BuildContext& ctx) {
  chat::Request request;
  request.parts.push_back({chat::PartKind::kText, prompt});
  request.messages.push_back({chat::Role::kUser, 0, 1, 0});
  std::vector<route::Belief> beliefs(past.candidates);
  (void)ctx.believe(request, id, 0, beliefs);  // what is not known stays NaN
  for (const route::Belief& b : beliefs) past.belief.push_back(b.quality);
}

}  // namespace

double Past::mean_quality(std::size_t candidate) const {
  return mean_of(*this, candidate, &PastAnswer::quality);
}
double Past::mean_cost(std::size_t candidate) const {
  return mean_of(*this, candidate, &PastAnswer::cost);
}

std::optional<Past> load_past(const std::vector<std::string>& paths, base::Mark mark,
                              AnswerForm form, bool beliefs, route::BuildContext& ctx) {
  std::vector<std::string> full;
  for (const std::string& path : paths)
    full.push_back((std::filesystem::path(ctx.directory()) / path).string());
  const auto table = record::load_outcomes(full);
  if (!table) {
    ctx.diag().error(mark, table.error().message);
    return std::nullopt;
  }
  const auto texts = record::Responses::of_tables(full);
  if (!texts) {
    ctx.diag().error(mark, texts.error().message);
    return std::nullopt;
  }
  const auto models = match(*table, mark, ctx);
  if (!models) return std::nullopt;
  Past past;
  past.candidates = models->size();
  std::vector<PastAnswer> row(past.candidates);
  for (std::size_t r = 0; r < table->rows(); ++r) {
    const record::OutcomeRow question = table->row(r);
    bool whole = true;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const record::Cell& cell = table->cell(r, (*models)[c]);
      whole = whole && !std::isnan(cell.quality);
      row[c] = {static_cast<double>(cell.quality), static_cast<double>(cell.cost_usd), "", 0};
      const auto text = texts->find(question.id, table->models()[(*models)[c]]);
      if (!text) continue;
      row[c].normal = normal_answer(*text, form);
      row[c].bytes = static_cast<double>(text->size());
    }
    if (!whole) continue;
    past.answers.insert(past.answers.end(), row.begin(), row.end());
    past.question_bytes.push_back(static_cast<double>(question.prompt.size()));
    past.fold.push_back(static_cast<std::uint32_t>(base::hash64(question.id, 7) % Past::kFolds));
    if (beliefs) believe(question.prompt, question.id, past, ctx);
  }
  past.believed = beliefs;
  if (!beliefs) past.belief.assign(past.answers.size(), route::kUnknownNumber);
  if (past.questions() < 2) {
    ctx.diag().error(mark, "no two questions have an outcome of every candidate");
    return std::nullopt;
  }
  if (!fill_costs(past)) {
    ctx.diag().error(mark, "a candidate has no cost in the outcome table");
    return std::nullopt;
  }
  return past;
}

}  // namespace swy::flow
