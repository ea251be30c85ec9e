// Writing a pool's configuration. Prices: least squares of the recorded costs on tokens in and out
// of the rows given (two normal equations); where that is unsound, one price for both. Tests:
// evaluate_test.cc (what a sweep chooses is what decide() chooses under the written configuration).
#include "eval/pool_config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "record/arms.h"

namespace swy::eval {
namespace {

void write_known(base::JsonWriter& w, std::string_view name, float value) {
  if (!std::isnan(value)) w.field(name, static_cast<double>(value));
}

// USD per million tokens that explain the recorded costs; unknown without costs or tokens.
Price fit_price(const Pool& pool, std::span<const std::size_t> rows, std::size_t model) {
  double ii = 0;
  double io = 0;
  double oo = 0;
  double ic = 0;
  double oc = 0;
  double cost = 0;
  double tokens = 0;
  for (const std::size_t row : rows) {
    if (pool.is_hidden(row, model)) continue;
    const record::Cell& c = pool.table.cell(row, model);
    if (std::isnan(c.cost_usd) || std::isnan(c.tokens_in) || std::isnan(c.tokens_out)) continue;
    const auto in = static_cast<double>(c.tokens_in);
    const auto out = static_cast<double>(c.tokens_out);
    const double micro = 1e6 * static_cast<double>(c.cost_usd);
    ii += in * in;
    io += in * out;
    oo += out * out;
    ic += in * micro;
    oc += out * micro;
    cost += micro;
    tokens += in + out;
  }
  if (tokens == 0) return {};
  Price price;
  const double det = ii * oo - io * io;
  price.input = (ic * oo - oc * io) / det;
  price.output = (oc * ii - ic * io) / det;
  // Tokens that hardly vary against each other, or a bill that tokens do not explain: one price for
  // both.
  const bool sound = det > 1e-9 * ii * oo && price.input >= 0 && price.output >= 0;
  if (!sound) price.input = price.output = cost / tokens;
  const double factor = pool.price_factor.empty() ? 1.0 : pool.price_factor[model];
  price.input *= factor;
  price.output *= factor;
  return price;
}

// Mean quality of what learners are shown; 0.5 where that is nothing.
double shown_mean(const Pool& pool, std::span<const std::size_t> rows, std::size_t model) {
  double sum = 0;
  double n = 0;
  for (const std::size_t row : rows) {
    if (pool.is_hidden(row, model)) continue;
    sum += pool.qualities(row)[model];
    n += 1;
  }
  return n > 0 ? sum / n : 0.5;
}

}  // namespace

Result<TempDir> TempDir::make() {
  std::error_code error;
  std::string path =
      (std::filesystem::temp_directory_path(error) / "switchyard-eval-XXXXXX").string();
  if (error || mkdtemp(path.data()) == nullptr) {
    return fail(ErrorCode::kIo,
                fmt::format("cannot make a temporary directory {}; set TMPDIR", path));
  }
  return TempDir(std::move(path));
}

TempDir::~TempDir() {
  std::error_code ignored;  // what cannot be removed is the system's to clean
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

Status write_train(const Pool& pool, std::span<const std::size_t> rows, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  std::string line;
  for (const std::size_t row : rows) {
    const record::OutcomeRow r = pool.table.row(row);
    line.clear();
    base::JsonWriter w(line);
    w.begin_object()
        .field("id", r.id)
        .field("dataset", r.dataset)
        .field("domain", r.domain)
        .field("prompt", r.prompt);
    w.key("tools").begin_array();
    for (std::uint32_t t = 0; t < r.tools; ++t) w.begin_object().end_object();
    w.end_array();
    w.key("models").begin_object();
    for (std::size_t m = 0; m < pool.models(); ++m) {
      if (pool.is_hidden(row, m)) continue;
      const record::Cell& c = pool.table.cell(row, m);
      w.key(pool.table.models()[m]).begin_object();
      write_known(w, "score", c.quality);
      write_known(w, "tokens_in", c.tokens_in);
      write_known(w, "tokens_out", c.tokens_out);
      write_known(w, "cost", c.cost_usd);
      write_known(w, "latency", c.latency_s);
      if (c.samples > 1) w.field("samples", std::uint64_t{c.samples});
      w.end_object();
    }
    w.end_object().end_object();
    line += '\n';
    file << line;
  }
  file.close();
  if (!file) return fail(ErrorCode::kIo, fmt::format("cannot write {}", path));
  return {};
}

std::string yaml_text(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

std::string models_yaml(const Pool& pool, std::span<const std::size_t> rows) {
  std::string yaml = "models:\n";
  for (std::size_t m = 0; m < pool.models(); ++m) {
    yaml += fmt::format(
        "  - {{ name: {}, context: 1000000000, quality: {{ default: {:.9g} }}, "
        "capabilities: [tools, vision, audio, files, json_object, json_schema, logprobs, "
        "reasoning]",
        yaml_text(pool.table.models()[m]), std::clamp(shown_mean(pool, rows, m), 0.0, 1.0));
    const auto arm = record::read_arm_name(pool.table.models()[m]);
    const std::uint32_t answers = arm ? arm->answers : 1;
    if (arm)
      yaml += fmt::format(", upstream_model: {}, answers: {}", yaml_text(arm->model), answers);
    const Price price = fit_price(pool, rows, m);
    if (price.known())
      yaml += fmt::format(", price: {{ input: {:.9g}, output: {:.9g} }}", price.input / answers,
                          price.output / answers);
    yaml += " }\n";
  }
  return yaml;
}

std::string node_yaml(std::string_view type, const RouterSpec::Options& options) {
  std::string out = fmt::format("{{ type: {}", type);
  for (const auto& [key, value] : options) out += fmt::format(", {}: {}", key, value);
  return out + " }";
}

std::string routes_yaml(const Pool& pool, const std::vector<RouteYaml>& routes) {
  std::string models;
  for (const std::string& m : pool.table.models())
    models += (models.empty() ? "" : ", ") + yaml_text(m);
  std::string yaml = "routes:\n";
  for (const RouteYaml& r : routes) {
    yaml += fmt::format("  {}:\n    - {{ models: [{}], estimator: {}, policy: {} }}\n", r.name,
                        models, r.estimator, r.policy);
  }
  return yaml;
}

Result<std::shared_ptr<const route::Plan>> compile_text(const std::string& yaml,
                                                        const std::string& directory,
                                                        const route::Registry& registry,
                                                        const std::string& what,
                                                        std::vector<std::string>* notes) {
  base::Diagnostics diag(what);
  const auto doc = base::parse_yaml(yaml, diag);
  auto plan = doc ? route::compile(*doc, directory, registry, diag) : nullptr;
  for (const base::Diagnostic& d : diag.all()) {
    if (notes != nullptr && d.level != base::Diagnostic::Level::kError)
      notes->push_back(fmt::format("{}: {}", what, d.message));
  }
  if (plan != nullptr) return plan;
  for (const base::Diagnostic& d : diag.all()) {
    if (d.level == base::Diagnostic::Level::kError)
      return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}", what, d.message));
  }
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}: cannot be made", what));
}

}  // namespace swy::eval
