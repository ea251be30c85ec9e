// What the learners compute, for a comparison with other implementations (run.py): one JSON object
// a line on standard input, {"op": NAME, ...}, one on standard output. Arrays of arrays are rows;
// null is an observation that is missing.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "flow/expected_max.h"
#include "learn/calibrate.h"
#include "learn/logistic.h"
#include "math/logistic.h"
#include "math/online_ridge.h"
#include "math/ridge.h"
#include "math/two_layer.h"
#include "route/estimator/knn_index.h"
#include "route/estimator/text_groups.h"
#include "route/plan.h"

namespace swy {
namespace {

using base::Json;
using base::JsonWriter;

template <typename T>
std::vector<T> numbers(const Json& list) {
  std::vector<T> out;
  list.each([&](const Json& v) {
    out.push_back(static_cast<T>(v.as_number().value_or(std::numeric_limits<double>::quiet_NaN())));
  });
  return out;
}
template <typename T>
std::vector<T> numbers(const Json& from, std::string_view key) {
  const auto list = from.find(key);
  return list ? numbers<T>(*list) : std::vector<T>();
}
// A vector per row; flat(): one after the other.
template <typename T>
std::vector<std::vector<T>> rows(const Json& from, std::string_view key) {
  std::vector<std::vector<T>> out;
  if (const auto list = from.find(key))
    list->each([&](const Json& row) { out.push_back(numbers<T>(row)); });
  return out;
}
template <typename T>
std::vector<T> flat(const Json& from, std::string_view key) {
  std::vector<T> out;
  for (const auto& row : rows<T>(from, key)) out.insert(out.end(), row.begin(), row.end());
  return out;
}
math::Matrix matrix(const Json& from, std::string_view key) {
  const auto all = rows<float>(from, key);
  math::Matrix x(all.size(), all.empty() ? 0 : all[0].size());
  for (std::size_t i = 0; i < all.size(); ++i) std::ranges::copy(all[i], x.row(i).begin());
  return x;
}
// Rows of pairs: feature, weight.
std::vector<std::vector<text::Feature>> sparse(const Json& from, std::string_view key) {
  std::vector<std::vector<text::Feature>> out;
  const auto list = from.find(key);
  if (!list) return out;
  list->each([&](const Json& row) {
    out.emplace_back();
    row.each([&](const Json& pair) {
      const auto v = numbers<double>(pair);
      out.back().push_back({static_cast<std::uint32_t>(v[0]), static_cast<float>(v[1])});
    });
  });
  return out;
}

template <typename T>
void write(JsonWriter& w, std::string_view key, const std::vector<T>& values) {
  w.key(key).begin_array();
  for (const T v : values) w.number(static_cast<double>(v));
  w.end_array();
}

// rows, queries, y, k, cosine, shrink, mean -> per query: neighbours, their similarities, the mean.
void knn(const Json& in, JsonWriter& out) {
  route::RowIndex index;
  for (const auto& row : sparse(in, "rows")) index.add(row);
  index.finish(1);
  const auto y = numbers<float>(in, "y");
  const auto weights =
      in.bool_or("cosine", false) ? route::Weights::kCosine : route::Weights::kUniform;
  std::vector<float> similarity(index.rows());
  std::vector<route::Hit> hits;
  out.key("queries").begin_array();
  for (const auto& query : sparse(in, "queries")) {
    index.similarities(query, similarity);
    route::select_nearest(similarity, y, static_cast<std::size_t>(in.integer_or("k", 1)), 0, hits);
    const route::Pooled pooled =
        route::pool(hits, y, weights, in.number_or("shrink", 0), in.number_or("mean", 0));
    std::vector<std::uint32_t> row;
    std::vector<float> near;
    for (const route::Hit& h : hits) {
      row.push_back(h.row);
      near.push_back(h.similarity);
    }
    out.begin_object();
    write(out, "rows", row);
    write(out, "similarities", near);
    out.field("mean", pooled.mean).field("evidence", pooled.evidence).end_object();
  }
  out.end_array();
}

// rows, seeds -> the group of every row.
void clusters(const Json& in, JsonWriter& out) {
  route::TfIdf texts;
  for (const auto& row : sparse(in, "rows")) texts.add(row);
  texts.finish(1);
  write(out, "groups", route::k_means_from(texts, numbers<std::uint32_t>(in, "seeds"), 300));
}

// x, labels (a list per row), count, c, one_vs_rest -> weights (columns x count), bias.
void logistic(const Json& in, JsonWriter& out) {
  learn::Features features;
  const math::Matrix x = matrix(in, "x");
  features.dense_columns = x.cols();
  features.dense.assign(x.all().begin(), x.all().end());
  features.begin.assign(x.rows() + 1, 0);
  learn::Targets targets;
  std::vector<std::uint32_t> all;
  for (const auto& labels : rows<std::uint32_t>(in, "labels")) {
    targets.add(labels);
    all.push_back(static_cast<std::uint32_t>(all.size()));
  }
  const auto count = static_cast<std::size_t>(in.integer_or("count", 0));
  const auto model = learn::fit_logistic(features, targets, count, all,
                                         {.c = in.number_or("c", 1),
                                          .one_vs_rest = in.bool_or("one_vs_rest", false),
                                          .max_iterations = 1000,
                                          .tolerance = 1e-7});
  std::vector<float> weights;
  for (std::size_t c = 0; c < x.cols(); ++c)
    for (std::size_t l = 0; l < count; ++l) weights.push_back(model.row(c)[l]);
  write(out, "weights", weights);
  write(out, "bias",
        std::vector<float>(model.bias.begin(),
                           model.bias.begin() + static_cast<std::ptrdiff_t>(count)));
}

// x, y, ridge -> weights, bias.
void newton(const Json& in, JsonWriter& out) {
  const auto x = rows<double>(in, "x");
  const auto model = math::fit_logistic(flat<double>(in, "x"), x[0].size(),
                                        numbers<double>(in, "y"), in.number_or("ridge", 1));
  write(out, "weights", model.weights);
  out.field("bias", model.bias);
}

// x, y, at -> the curve there.
void isotonic(const Json& in, JsonWriter& out) {
  const auto curve = learn::fit_isotonic(numbers<float>(in, "x"), numbers<float>(in, "y"));
  std::vector<float> y;
  for (const float at : numbers<float>(in, "at")) y.push_back(curve.at(at));
  write(out, "y", y);
}

// x, y (a row per output), penalty -> weights (outputs x columns), bias.
void ridge(const Json& in, JsonWriter& out) {
  const auto model = math::fit_ridge(matrix(in, "x"), rows<float>(in, "y"),
                                     {.penalties = {in.number_or("penalty", 1)}, .folds = 2});
  write(out, "weights", model.weights);
  write(out, "bias", model.bias);
}

// x, y, ridge, keep (after each), at -> theta, means and leverages there.
void bandit(const Json& in, JsonWriter& out) {
  const auto x = rows<double>(in, "x");
  const auto y = numbers<double>(in, "y");
  math::OnlineRidge model(x[0].size(), in.number_or("ridge", 1));
  for (std::size_t i = 0; i < y.size(); ++i) {
    model.forget(in.number_or("keep", 1));
    model.learn(x[i], y[i]);
  }
  std::vector<double> mean, leverage;
  for (const auto& at : rows<double>(in, "at")) {
    const auto said = model.predict(at);
    mean.push_back(said.mean);
    leverage.push_back(said.leverage);
  }
  write(out, "theta", std::vector<double>(model.theta().begin(), model.theta().end()));
  write(out, "mean", mean);
  write(out, "leverage", leverage);
}

// in, in_bias, out, out_bias, shared, unit, x -> a probability per row and output.
void network(const Json& in, JsonWriter& out) {
  math::TwoLayer net;
  net.in = flat<float>(in, "in");
  net.in_bias = numbers<float>(in, "in_bias");
  net.out = flat<float>(in, "out");
  net.out_bias = numbers<float>(in, "out_bias");
  net.shared = numbers<float>(in, "shared");
  net.has_shared = !net.shared.empty();
  net.hidden = net.in_bias.size();
  net.dims = net.in.size() / net.hidden;
  net.outputs = net.out_bias.size();
  const std::string_view unit = in.string_or("unit", "identity");
  net.unit = unit == "relu"       ? math::HiddenUnit::kRelu
             : unit == "softplus" ? math::HiddenUnit::kSoftplus
                                  : math::HiddenUnit::kIdentity;
  const math::Matrix x = matrix(in, "x");
  std::vector<double> all;
  std::vector<double> p(net.outputs);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    net.predict(x.row(i), p);
    all.insert(all.end(), p.begin(), p.end());
  }
  write(out, "p", all);
}

// quality (mean, deviation), cost, price, run -> the best set, and the value of every set.
void supermodel(const Json& in, JsonWriter& out) {
  std::vector<flow::Gaussian> quality;
  for (const auto& q : rows<double>(in, "quality")) quality.push_back({q[0], q[1]});
  const auto cost = numbers<double>(in, "cost");
  const double price = in.number_or("price", 0);
  const auto all = static_cast<std::uint32_t>((1U << cost.size()) - 1);
  const auto run = static_cast<std::uint32_t>(in.integer_or("run", 0));
  const auto best = flow::best_supermodel(quality, cost, all, run, price);
  std::vector<double> value = {0};
  for (std::uint32_t set = 1; set <= all; ++set)
    value.push_back(flow::supermodel_value(set, quality, cost, price));
  out.field("set", best.set).field("best", best.value);
  write(out, "values", value);
}

// prompts -> their sketches, as pairs.
void sketch(const Json& in, JsonWriter& out) {
  out.key("rows").begin_array();
  in.find("prompts")->each([&](const Json& prompt) {
    out.begin_array();
    const text::Sketch made = text::make_sketch(prompt.as_string().value_or(""));
    for (const text::Feature& f : made.features()) {
      out.begin_array().integer(f.id).number(static_cast<double>(f.weight)).end_array();
    }
    out.end_array();
  });
  out.end_array();
}

// yaml (a configuration with one rule), directory, prompts -> believed qualities by prompt.
void believe(const Json& in, JsonWriter& out) {
  base::Diagnostics diag("learners");
  const auto registry = route::builtin_registry();
  const auto doc = base::parse_yaml(std::string(in.string_or("yaml", "")), diag);
  const auto plan =
      doc ? route::compile(*doc, std::string(in.string_or("directory", ".")), registry, diag)
          : nullptr;
  if (plan == nullptr) {
    out.field("error", diag.to_text());
    return;
  }
  const route::Rule& rule = plan->rule_sets[0].rules[0];
  route::Scratch scratch;
  out.key("quality").begin_array();
  in.find("prompts")->each([&](const Json& prompt) {
    chat::Request request;
    const std::string text(prompt.as_string().value_or(""));
    request.messages.push_back({chat::Role::kUser, 0, 1, 0});
    request.parts.push_back({chat::PartKind::kText, text});
    route::Work work;
    work.request = &request;
    scratch.begin(work, plan->signals.size());
    scratch.masked_by.assign(rule.candidates.size(), -1);
    const route::Question q{plan->catalogue, scratch.reading, rule.candidates, {}, scratch};
    std::vector<route::Belief> beliefs(rule.candidates.size());
    route::believe_now(*plan, *rule.estimator, q, beliefs);
    out.begin_array();
    for (const route::Belief& b : beliefs) out.number(b.quality);
    out.end_array();
  });
  out.end_array();
}

const std::map<std::string_view, void (*)(const Json&, JsonWriter&)> kOps = {
    {"knn", knn},       {"clusters", clusters}, {"logistic", logistic},
    {"newton", newton}, {"isotonic", isotonic}, {"ridge", ridge},
    {"bandit", bandit}, {"network", network},   {"supermodel", supermodel},
    {"sketch", sketch}, {"believe", believe}};

int answer_all() {
  base::JsonDoc doc;
  for (std::string line; std::getline(std::cin, line);) {
    const auto in = doc.parse(line);
    const auto op = in ? kOps.find(in->string_or("op", "")) : kOps.end();
    if (op == kOps.end()) {
      std::fprintf(stderr, "learners: not a request: %.80s\n", line.c_str());
      return 1;
    }
    std::string text;
    JsonWriter out(text);
    out.begin_object();
    op->second(*in, out);
    out.end_object();
    std::puts(text.c_str());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace swy

int main() { return swy::answer_all(); }
