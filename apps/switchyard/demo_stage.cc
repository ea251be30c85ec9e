#include "demo_stage.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/hash.h"
#include "record/price_list.h"

namespace swy::app {
namespace {

namespace fs = std::filesystem;

// Four models of the ZeroEval runs whose answers are all kept, from small to strong.
constexpr std::array<std::string_view, 4> kRealModels{"Meta-Llama-3.1-8B-Instruct",
                                                      "gemini-1.5-flash", "gpt-4o-mini-2024-07-18",
                                                      "gpt-4o-2024-05-13"};
constexpr std::array<std::string_view, 3> kRealSets{"zeroeval-gsm", "zeroeval-crux",
                                                    "zeroeval-math-l5"};

bool has_real_data(const fs::path& dir) {
  return fs::exists(dir / "zeroeval" / "zeroeval-gsm.jsonl.gz") &&
         fs::exists(dir / "prices" / "prices.json");
}
bool has_demo_data(const fs::path& dir) {
  return fs::exists(dir / "outcomes.jsonl") && fs::exists(dir / "switchyard.yaml");
}

// The repository, seen from where the program runs or lies (build/release/bin).
std::vector<fs::path> roots() {
  std::vector<fs::path> out{fs::current_path()};
  std::error_code ec;
  const fs::path self = fs::read_symlink("/proc/self/exe", ec);
  for (fs::path p = self.parent_path(); !ec && p.has_relative_path(); p = p.parent_path())
    out.push_back(p);
  return out;
}

fs::path find_data(const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  if (const char* env = std::getenv("SWY_DATA"); env != nullptr && has_real_data(env)) return env;
  for (const fs::path& r : roots()) {
    if (has_real_data(r / ".." / "shared" / "data"))
      return (r / ".." / "shared" / "data").lexically_normal();
  }
  for (const fs::path& r : roots()) {
    if (has_demo_data(r / "examples" / "demo")) return r / "examples" / "demo";
  }
  return {};
}

Status write_file(const fs::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  return out ? Status{} : fail(ErrorCode::kIo, fmt::format("cannot write {}", path.string()));
}

std::string real_config(const fs::path& dir, const record::PriceList& prices,
                        std::uint16_t upstream_port, std::uint16_t port) {
  std::string out = fmt::format(
      "# Written by `switchyard demo`: real prompts, real recorded answers, prices of the models' "
      "own providers.\n"
      "version: 1\nlisten: {{ address: 127.0.0.1:{} }}\n"
      "upstreams:\n  recorded: {{ dialect: openai, url: http://127.0.0.1:{}/v1 }}\nmodels:\n",
      port, upstream_port);
  for (const std::string_view m : kRealModels) {
    const auto p = prices.find(m).value_or(record::Price{});
    out += fmt::format(
        "  - {{ name: {0}, upstream: recorded, price: {{ input: {1}, output: {2} }}, context: "
        "128000 }}\n",
        m, p.in_per_mtok, p.out_per_mtok);
  }
  out +=
      "signals:\n  code: { type: structure, feature: code }\n  math: { type: structure, feature: "
      "math }\n"
      "  long: { type: context, above: 2000 }\nestimators:\n  past:\n    type: knn\n    "
      "neighbours: 40\n    part: train\n    table:\n";
  for (const std::string_view set : kRealSets)
    out +=
        fmt::format("      - {}\n", (dir / "zeroeval" / fmt::format("{}.jsonl.gz", set)).string());
  const std::string all = fmt::format("[{}]", fmt::join(kRealModels, ", "));
  out += fmt::format(
      "routes:\n  auto:\n"
      "    - {{ name: long-input, when: long, models: [{0}], policy: first }}\n"
      "    - {{ name: code, when: code, models: {1}, estimator: past, policy: {{ type: utility, "
      "quality: 1, cost: 0.1 }} }}\n"
      "    - {{ name: math, when: math, models: {1}, estimator: past, policy: {{ type: utility, "
      "quality: 1, cost: 0.1 }} }}\n"
      "    - {{ name: otherwise, models: {1}, estimator: past, policy: {{ type: cheapest_passing, "
      "quality: 0.85 }} }}\n"
      "records: {{ path: records/ }}\n",
      kRealModels.back(), all);
  return out;
}

// Prompts the estimator has not learned from, every data set in turn, in an order that only the ids
// decide.
std::vector<std::size_t> choose_prompts(const record::OutcomeTable& table, std::size_t count,
                                        bool dev_only) {
  std::vector<std::vector<std::size_t>> by_set(table.datasets().size());
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const auto row = table.row(i);
    if (dev_only && row.part != "dev") continue;
    const auto it = std::find(table.datasets().begin(), table.datasets().end(), row.dataset);
    by_set[static_cast<std::size_t>(it - table.datasets().begin())].push_back(i);
  }
  const auto key = [&](std::size_t i) { return base::hash64(table.row(i).id, 7); };
  for (auto& rows : by_set)
    std::sort(rows.begin(), rows.end(),
              [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  std::vector<std::size_t> out;
  for (std::size_t k = 0; out.size() < count; ++k) {
    bool any = false;
    for (const auto& rows : by_set) {
      if (k >= rows.size() || out.size() == count) continue;
      out.push_back(rows[k]);
      any = true;
    }
    if (!any) break;
  }
  return out;
}

Status set_real(DemoStage& stage, const fs::path& dir, std::uint16_t upstream_port,
                std::uint16_t port) {
  std::vector<std::string> tables;
  for (const std::string_view set : kRealSets)
    tables.push_back((dir / "zeroeval" / fmt::format("{}.jsonl.gz", set)).string());
  SWY_TRY(const auto prices, record::PriceList::load((dir / "prices" / "prices.json").string()));
  SWY_TRY(auto all, record::load_outcomes(tables));
  SWY_TRY(stage.table,
          all.subset(
              {.models = {kRealModels.begin(), kRealModels.end()}, .datasets = {}, .domains = {}}));
  stage.data = std::move(tables);
  stage.real = true;
  stage.strongest = kRealModels.back();
  return write_file(stage.config_file, real_config(dir, prices, upstream_port, port));
}

// The example's own configuration, with the ports of this run and absolute paths.
Status set_simulated(DemoStage& stage, const fs::path& dir, std::uint16_t upstream_port,
                     std::uint16_t port) {
  SWY_TRY(stage.table, record::load_outcomes((dir / "outcomes.jsonl").string()));
  std::ifstream in(dir / "switchyard.yaml");
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto replace = [&](std::string_view from, const std::string& to) {
    const auto at = text.find(from);
    if (at != std::string::npos) text.replace(at, from.size(), to);
    return at != std::string::npos;
  };
  const bool good =
      replace("127.0.0.1:8080", fmt::format("127.0.0.1:{}", port)) &&
      replace("127.0.0.1:9000", fmt::format("127.0.0.1:{}", upstream_port)) &&
      replace("table: outcomes.jsonl", "table: " + fs::absolute(dir / "outcomes.jsonl").string());
  if (!good)
    return fail(ErrorCode::kParse, fmt::format("{} is not the demo's configuration",
                                               (dir / "switchyard.yaml").string()));
  stage.data = {(dir / "outcomes.jsonl").string()};
  stage.strongest = "sim-large";
  return write_file(stage.config_file, text);
}

}  // namespace

DemoStage::DemoStage(DemoStage&& other) noexcept
    : real(other.real),
      data(std::move(other.data)),
      strongest(std::move(other.strongest)),
      directory(std::exchange(other.directory, "")),
      config_file(std::move(other.config_file)),
      table(std::move(other.table)),
      prompts(std::move(other.prompts)) {}

DemoStage::~DemoStage() {
  std::error_code ignored;
  if (!directory.empty()) fs::remove_all(directory, ignored);
}

Result<DemoStage> set_demo_stage(const std::string& data_dir, std::size_t count,
                                 std::uint16_t upstream_port, std::uint16_t port) {
  const fs::path dir = find_data(data_dir);
  if (dir.empty())
    return fail(ErrorCode::kNotFound,
                "no data found: run from the repository, or give --data DIR (examples/demo)");
  DemoStage stage;
  std::string pattern = (fs::temp_directory_path() / "switchyard-demo-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr)
    return fail(ErrorCode::kIo, fmt::format("cannot make a directory like {}", pattern));
  stage.directory = pattern;
  stage.config_file = pattern + "/switchyard.yaml";
  if (has_real_data(dir)) {
    SWY_DO(set_real(stage, dir, upstream_port, port));
  } else if (has_demo_data(dir)) {
    SWY_DO(set_simulated(stage, dir, upstream_port, port));
  } else {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} holds neither the real data (zeroeval, prices) nor the demo's own",
                            dir.string()));
  }
  stage.prompts = choose_prompts(stage.table, count, stage.real);
  if (stage.prompts.empty())
    return fail(ErrorCode::kNotFound, fmt::format("{} holds no prompts", dir.string()));
  return stage;
}

}  // namespace swy::app
