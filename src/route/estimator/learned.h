// The frame of estimators that fit a function of a prompt's features and keep nothing else of the
// table: options, fitting from a table or loading from a file, beliefs.
//
// A file of this folder that uses it says what is fitted (a QualityModel) and how it is written and
// read; see linear.cc. Belief: quality = the model's, cut to 0..1; evidence = rows with an
// observation / features (what a direction of the features has been seen, on average);
// quality_var = q (1 - q) / (1 + evidence); cost, latency and answer length = the model's means.
// exclude_row is not left out: what was fitted has seen it. Threading: made by one thread, then
// immutable. Ownership: an estimator owns its weights.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "math/descend.h"
#include "math/matrix.h"
#include "math/two_layer.h"
#include "route/estimator/observed.h"
#include "route/estimator/prompt_features.h"
#include "route/estimator/weight_file.h"
#include "switchyard/registry.h"

namespace swy::route {

class QualityModel {
 public:
  virtual ~QualityModel() = default;
  // quality[m] of model m; NaN: nothing is believed of it here. REQUIRES: as many features and
  // models as it was fitted on.
  virtual void predict(std::span<const float> x, std::span<double> quality) const = 0;
  // For models that predict answer lengths and costs too: on entry these hold the models' means.
  virtual void predict_all(std::span<const float> x, std::span<double> quality,
                           std::span<double> /*tokens_out*/, std::span<double> /*cost_usd*/) const {
    predict(x, quality);
  }
  virtual void write(WeightFile& out) const = 0;
  // Of types with `joins`: one more model, after the others, by its observations on rows of x.
  virtual void join(const math::Matrix& /*x*/, const ObservedModel& /*model*/) {}
};

// What there is to learn from: a row of features, a label and observations for every question.
struct LearnedRows {
  const math::Matrix& x;
  const std::vector<ObservedModel>& models;
  std::span<const std::string> domains;
  std::span<const std::string> names;  // of the cards, by model
};

// Calls f with the features of every row, in the order of the observations. An error is the
// encoder's.
using RowStream = std::function<Status(const PromptFeatures::OnRow& f)>;

struct LearnedType {
  std::string_view name;
  // One column per model, NaN where there is no observation.
  std::function<std::unique_ptr<QualityModel>(const math::Matrix& x,
                                              std::span<const std::vector<float>> quality)>
      fit;
  std::function<Result<std::unique_ptr<QualityModel>>(const WeightFile& weights, std::size_t dims)>
      read;
  // Instead of `fit`, for types that learn from more than qualities.
  std::function<std::unique_ptr<QualityModel>(const LearnedRows& rows)> fit_rows = {};
  // Instead of `fit`, for types that look at every row once: tables larger than memory can be
  // learned from. rows(f) calls f for every row.
  std::function<Result<std::unique_ptr<QualityModel>>(std::size_t dims, const Observed& past,
                                                      const RowStream& rows)>
      fit_stream = {};
  // A table beside weights: its models that the weights do not have join by their observations.
  bool joins = false;
};

struct LearnedOptions {
  TableOptions source;
  std::string weights;
  std::string encoder = "static_embedding";
  void bind(base::OptionBinder& binder);
};

// A weight file of this type and these features, whose scales it sets; else both hashes or types
// are named.
Result<WeightFile> load_weights(std::string_view type, const std::string& path,
                                PromptFeatures& features);
// Both a table and weights: reported, false.
bool one_source(std::string_view type, const LearnedOptions& options, base::Mark mark,
                BuildContext& ctx);

// A network under names that begin with `prefix`.
void write_network(const math::TwoLayer& net, const std::string& prefix, WeightFile& out);
Result<math::TwoLayer> read_network(const WeightFile& weights, const std::string& prefix,
                                    std::size_t dims, math::HiddenUnit unit, bool shared);

std::unique_ptr<Estimator> make_learned(const LearnedType& type, const LearnedOptions& options,
                                        const base::Doc& node, BuildContext& ctx);

// Options of the types that are trained by gradient descent.
struct TrainingOptions {
  double rate = 0.01;
  double decay = 0.0001;
  std::int64_t epochs = 60;
  std::int64_t seed = 1;
  void bind(base::OptionBinder& binder, std::string_view seed_means);
  [[nodiscard]] math::DescentOptions descent() const;
};

// Options and fitting of the types that are a two-layer network.
struct NetworkOptions {
  LearnedOptions learned;
  std::int64_t hidden = 32;
  TrainingOptions training;
  void bind(base::OptionBinder& binder, std::string_view hidden_means);
};
LearnedType network_type(std::string_view name, const NetworkOptions& options,
                         math::HiddenUnit unit, bool shared);

}  // namespace swy::route
