// switchyard data: outcome tables from other projects' files, and what a table holds.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <map>
#include <memory>

#include "cli.h"
#include "record/arms.h"
#include "record/import.h"
#include "record/outcome.h"
#include "record/price_list.h"

namespace swy::app {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string out, format = "auto", prices;
  std::vector<std::uint32_t> answers;
};

int complain_about(const Error& error) {
  const bool usage = error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kParse;
  return complain(usage ? kUsage : kEnvironment, error.message);
}

// Answers, costs and tokens of one model.
struct Column {
  std::size_t observed = 0, priced = 0, missing = 0;
  double quality = 0, cost = 0, samples = 0;
};

void print_columns(const record::OutcomeTable& table) {
  std::vector<Column> columns(table.models().size());
  std::map<std::string, std::size_t, std::less<>> sets;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    ++sets[std::string(table.row(i).dataset)];
    const auto cells = table.cells(i);
    for (std::size_t m = 0; m < cells.size(); ++m) {
      const record::Cell& c = cells[m];
      Column& column = columns[m];
      column.missing += c.missing ? 1U : 0U;
      if (std::isnan(c.quality)) continue;
      ++column.observed;
      column.quality += static_cast<double>(c.quality);
      column.samples += c.samples;
      if (std::isnan(c.cost_usd)) continue;
      ++column.priced;
      column.cost += static_cast<double>(c.cost_usd);
    }
  }
  fmt::print("{} rows, {} models, {:.1f} MiB in memory{}\n", table.rows(), table.models().size(),
             static_cast<double>(table.memory_bytes()) / (1U << 20U),
             table.mapped() ? ", mapped" : "");
  for (const auto& [name, rows] : sets)
    fmt::print("  {:<32} {:>9}\n", name.empty() ? "-" : name, rows);
  fmt::print("\n  {:<42} {:>9} {:>8} {:>14} {:>8} {:>8}\n", "model", "observed", "quality",
             "USD per 1,000", "no answer", "samples");
  for (std::size_t m = 0; m < columns.size(); ++m) {
    const Column& c = columns[m];
    const auto n = static_cast<double>(c.observed);
    fmt::print(
        "  {:<42} {:>9} {:>8} {:>14} {:>9} {:>8}\n", table.models()[m], c.observed,
        c.observed > 0 ? fmt::format("{:.3f}", c.quality / n) : "-",
        c.priced > 0 ? fmt::format("{:.4g}", 1000 * c.cost / static_cast<double>(c.priced)) : "-",
        c.missing, c.observed > 0 ? fmt::format("{:.3g}", c.samples / n) : "-");
  }
}

Result<record::OutcomeTable> load(const Options& o) {
  record::LoadOptions options;
  options.answers = o.answers;
  record::PriceList prices;
  if (!o.prices.empty()) {
    SWY_TRY(prices, record::PriceList::load(o.prices));
    options.prices = &prices;
  }
  const std::map<std::string, record::ImportFormat> formats{
      {"auto", record::ImportFormat::kAuto},
      {"table", record::ImportFormat::kTable},
      {"routerbench", record::ImportFormat::kRouterBench},
      {"routerarena", record::ImportFormat::kRouterArena}};
  const bool own = o.out.empty();
  return own ? record::load_outcomes(o.files, options)
             : record::import_outcomes(o.files, formats.at(o.format), options);
}

int run_import(const Options& o) {
  const auto table = load(o);
  if (!table) return complain_about(table.error());
  const record::LoadReport& report = table->report();
  if (report.merged > 0)
    fmt::print(stderr, "note: {} records have the id of an earlier one and add to it\n",
               report.merged);
  if (!o.prices.empty()) {
    fmt::print(stderr, "note: {} costs from the price list\n", report.repriced);
    for (const std::string& name : report.not_repriced)
      fmt::print(stderr, "note: no price or no tokens for {}: costs as recorded\n", name);
  }
  if (const auto done = record::save_outcomes(*table, o.out); !done)
    return complain_about(done.error());
  fmt::print(stderr, "wrote {}: {} rows, {} models\n", o.out, table->rows(),
             table->models().size());
  return kOk;
}

}  // namespace

void add_data(CLI::App& app, int& exit_code) {
  CLI::App* c = app.add_subcommand("data", "Outcome tables: import from other files, look inside");
  c->require_subcommand(1);
  auto o = std::make_shared<Options>();
  CLI::App* import = c->add_subcommand("import", "Convert files to one outcome table");
  import->add_option("files", o->files, "files of one format")->required();
  import->add_option("--out", o->out, "NAME.swt: to be mapped; else JSON lines")->required();
  import->add_option("--format", o->format, "auto, table, routerbench or routerarena")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "table", "routerbench", "routerarena"}));
  import->add_option("--prices", o->prices, "costs = tokens at these prices, where both are known");
  import
      ->add_option(
          "--answers", o->answers,
          "each model asked so many times, the best answer taken, as further models MODEL*N")
      ->delimiter(',')
      ->check(CLI::Range(2U, record::kMostAnswers));
  import->footer(
      "\nExamples:\n  switchyard data import routerbench_0shot.csv --out rb.swt\n"
      "  switchyard data import cached_results/*.jsonl --out arena.jsonl\n\n"
      "Formats: docs/reference/outcome-tables.md.");
  import->callback([o, &exit_code] { exit_code = run_import(*o); });
  CLI::App* info = c->add_subcommand("info", "What tables hold, by data set and model");
  info->add_option("files", o->files, "outcome tables")->required();
  info->footer("\nExample: switchyard data info examples/demo/outcomes.jsonl");
  info->callback([o, &exit_code] {
    const auto table = load(*o);
    if (!table) {
      exit_code = complain_about(table.error());
      return;
    }
    print_columns(*table);
    exit_code = kOk;
  });
}

}  // namespace swy::app
