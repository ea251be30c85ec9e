// Training of the estimators, timed: swy_fit TABLE OUT. For every estimator the whole (table read,
// prompts read and embedded, fitted), as a configuration does it, and of that the fit alone and the
// prediction of one row for all models; a JSON object a line. OUT gets what was fitted on, for the
// other side of bench/estimators.py: x.f32 (rows x dims), y.f32 (models x rows, NaN: not observed),
// words.u32 (row starts, then features) and words.f32 (their weights).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "math/ridge.h"
#include "math/two_layer.h"
#include "record/outcome.h"
#include "route/estimator/knn_index.h"
#include "route/estimator/observed.h"
#include "route/estimator/prompt_features.h"
#include "route/estimator/text_groups.h"
#include "route/plan.h"
#include "text/ngram.h"

namespace swy::route {
namespace {

constexpr int kRepeats = 3;
constexpr std::size_t kRowsAsked = 300;
std::string out_folder;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The least time of some runs, in seconds.
template <typename F>
double least_of(int runs, F&& f) {
  double least = 1e300;
  for (int i = 0; i < runs; ++i) {
    const double t = now();
    f();
    least = std::min(least, now() - t);
  }
  return least;
}

template <typename T>
void dump(const std::string& name, std::span<const T> values) {
  std::ofstream out(out_folder + "/" + name, std::ios::binary | std::ios::app);
  out.write(reinterpret_cast<const char*>(values.data()),
            static_cast<std::streamsize>(values.size_bytes()));
}

void say(std::string_view type, double fit_s, double row_s) {
  fmt::print(R"({{"what":"fit","type":"{}","fit_s":{},"row_us":{}}})"
             "\n",
             type, fit_s, row_s * 1e6);
  std::fflush(stdout);
}

// Seconds for one of the rows asked: predict(i) is called for rows spread over the table.
template <typename F>
double row_time(std::size_t rows, F&& predict) {
  const std::size_t step = std::max<std::size_t>(1, rows / kRowsAsked);
  return least_of(kRepeats,
                  [&] {
                    for (std::size_t k = 0; k < kRowsAsked; ++k) predict(k * step % rows);
                  }) /
         static_cast<double>(kRowsAsked);
}

using Words = std::vector<std::vector<text::Feature>>;

void time_words(const Observed& past, const Words& words) {
  const auto n = words.size();
  RowIndex index;
  const double index_s = least_of(kRepeats, [&] {
    index = {};
    for (const auto& row : words) index.add(row);
    index.finish(kStopWordShare);
  });
  RowIndex::View view;
  std::vector<Hit> hits;
  const double near_s = row_time(n, [&](std::size_t i) {
    index.look(words[i], n, view);
    // Of models without a gap all share their neighbours.
    index.nearest(view, past.models()[0].quality.value, 40, 0, hits);
    for (const ObservedModel& m : past.models())
      (void)pool(hits, m.quality.value, Weights::kCosine, 2, 0.5);
  });
  say("knn", index_s, near_s);

  TfIdf texts;
  const double weigh_s = least_of(1, [&] {
    for (const auto& row : words) texts.add(row);
    texts.finish(kStopWordShare);
  });
  std::vector<std::uint32_t> group;
  const double groups_s = least_of(1, [&] { group = k_means(texts, 32, 2, 20, 1); });
  const std::size_t groups = 1 + *std::max_element(group.begin(), group.end());
  const Centres centres(texts, group, groups);
  std::vector<float> product(groups);
  say("clusters", weigh_s + groups_s,
      row_time(n, [&](std::size_t i) { centres.products(texts.row(i), product); }));
  std::vector<std::uint32_t> start = {0};
  for (std::size_t i = 0; i < n; ++i)
    start.push_back(start.back() + static_cast<std::uint32_t>(texts.row(i).size()));
  dump<std::uint32_t>("words.u32", start);
  for (std::size_t i = 0; i < n; ++i) {
    for (const text::Feature& f : texts.row(i)) {
      dump<std::uint32_t>("words.u32", std::span(&f.id, 1));
      dump<float>("words.f32", std::span(&f.weight, 1));
    }
  }
}

void time_dense(const math::Matrix& x, const std::vector<std::vector<float>>& y) {
  std::vector<double> p(y.size());
  {
    math::RidgeModel model;
    const double s = least_of(kRepeats, [&] { model = math::fit_ridge(x, y); });
    say("linear", s, row_time(x.rows(), [&](std::size_t i) { model.predict(x.row(i), p); }));
  }
  const auto network = [&](std::string_view type, math::HiddenUnit unit, bool shared) {
    math::TwoLayer model;
    const double s =
        least_of(1, [&] { model = math::fit_two_layer(x, y, {.unit = unit, .shared = shared}); });
    say(type, s, row_time(x.rows(), [&](std::size_t i) { model.predict(x.row(i), p); }));
  };
  network("matrix_factorisation", math::HiddenUnit::kIdentity, false);
  network("irt", math::HiddenUnit::kSoftplus, true);
  network("mlp", math::HiddenUnit::kRelu, false);
}

struct Options {
  TableOptions source;
  void bind(base::OptionBinder& b) { source.bind(b); }
};

// Made in place of an estimator, so that it sees the table as one does.
std::unique_ptr<Estimator> make_timed(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  std::vector<std::string> prompts;
  std::vector<std::uint32_t> tools;
  Words words;
  text::Sketch sketch;
  const auto past =
      Observed::load(o.source, "timed", node.mark(), ctx, [&](const record::OutcomeRow& row) {
        prompts.emplace_back(row.prompt);
        tools.push_back(row.tools);
        text::sketch_into(row.prompt, sketch);
        words.emplace_back(sketch.features().begin(), sketch.features().end());
      });
  auto features = PromptFeatures::make("static_embedding", node.mark(), ctx);
  if (!past || !features) return nullptr;
  const double t = now();
  const auto x = features->fit(ctx.encoder(features->encoder()), prompts, tools);
  if (!x) return nullptr;
  const auto y = past->qualities();
  fmt::print(R"({{"what":"table","rows":{},"dims":{},"models":{},"embed_s":{}}})"
             "\n",
             x->rows(), x->cols(), y.size(), now() - t);
  dump<float>("x.f32", x->all());
  for (const auto& column : y) dump<float>("y.f32", column);
  time_words(*past, words);
  time_dense(*x, y);
  return std::make_unique<Unlearned>();
}

// Compiles a configuration with this estimator over all models of the table; seconds, or the error.
Result<double> build(const std::string& type, const std::string& path,
                     const std::vector<std::string>& models) {
  std::string cards, names;
  for (const std::string& m : models) {
    cards += fmt::format("  - {{ name: \"{}\" }}\n", m);
    names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", m);
  }
  Registry registry = builtin_registry();
  registry.add_estimator("timed", make_timed);
  base::Diagnostics diag;
  const auto doc = base::parse_yaml(
      fmt::format("models:\n{}routes: {{ auto: [{{ models: [{}], estimator: {{ type: {}, table: "
                  "\"{}\" }} }}] }}\n",
                  cards, names, type, path),
      diag);
  const double t = now();
  const auto plan = doc ? compile(*doc, ".", registry, diag) : nullptr;
  if (plan == nullptr) return fail(ErrorCode::kInvalidArgument, diag.to_text());
  return now() - t;
}

int run(const std::string& path) {
  const auto table = record::load_outcomes(path);
  if (!table) {
    fmt::print(stderr, "{}\n", table.error().message);
    return 1;
  }
  for (const std::string type :
       {"timed", "knn", "clusters", "linear", "matrix_factorisation", "irt", "mlp"}) {
    const auto seconds = build(type, path, table->models());
    if (!seconds) {
      fmt::print(stderr, "{}\n", seconds.error().message);
      return 1;
    }
    if (type != "timed")
      fmt::print(R"({{"what":"train","type":"{}","train_s":{}}})"
                 "\n",
                 type, *seconds);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace swy::route

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: swy_fit TABLE OUT\n");
    return 2;
  }
  swy::route::out_folder = argv[2];
  return swy::route::run(argv[1]);
}
