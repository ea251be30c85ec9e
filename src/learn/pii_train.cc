// Training of the PII tagger: a linear-chain conditional random field by stochastic gradient.
//
// What: maximises sum log p(labels | tokens) - l2 |w|^2 with AdaGrad, one row of text per step. The
// gradient is observed minus expected features, by forward and backward sums over 29 labels.
// Against learning the training names by heart: entities are exchanged for others of their type,
// some rows are lower-cased, and at random tokens the features that say the word itself are hidden
// (word dropout). Confidence: logistic of the logarithm of the span's margin (calibrate.h), fitted
// on all rows, each by one of five fits that was not trained on it. Cost: about a minute for 900
// rows. When it loses: few rows of a type (driver licences: two). Source: Lafferty, McCallum,
// Pereira 2001; AdaGrad, Duchi et al. 2011. Deviations: pruned and rounded to int8 afterwards.
// Test: pii_train_test.cc.
#include "learn/pii_train.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/rng.h"
#include "learn/calibrate.h"
#include "text/utf8.h"

namespace swy::learn {
namespace {

using text::kPiiFeatures;
using text::kPiiLabels;
using Vector = std::array<float, kPiiLabels>;
using Matrix = std::array<Vector, kPiiLabels>;  // [from][to]
using States = std::array<float, text::kPiiStates>;

bool follows(std::size_t from, std::size_t to) {
  return !text::pii_is_inside(to) || text::pii_state(from) == text::pii_state(to);
}

// A row as the model sees it.
struct Sequence {
  std::vector<text::PiiToken> tokens;
  std::vector<std::uint8_t> labels;
  std::vector<std::array<std::uint32_t, kPiiFeatures>> features;  // indexes of weights
  std::vector<bool> hidden;                                       // the word itself is not shown
};

// A street address of several parts: over a line end, with a comma, or with more after "Apt. 12".
std::size_t kind_of(const PiiRow& row, const text::PiiSpan& span, const Sequence& s) {
  if (span.type != text::PiiType::kStreetAddress) return static_cast<std::size_t>(span.type);
  const std::string_view words =
      std::string_view(row.text).substr(span.begin, span.end - span.begin);
  bool whole = words.find_first_of("\n,") != std::string_view::npos;
  constexpr std::uint32_t kUnit = 128;  // text/pii/lists.h: apartment, suite, box
  for (const text::PiiToken& t : s.tokens) {
    whole = whole || (t.begin > span.begin && t.end < span.end && (t.lists & kUnit) != 0);
  }
  return whole ? text::kPiiWholeAddress : static_cast<std::size_t>(span.type);
}

// Labels of the row's spans on the tokens; spans of patterns are O.
void label(const PiiRow& row, Sequence& s) {
  s.labels.assign(s.tokens.size(), 0);
  std::size_t k = 0;
  for (const text::PiiSpan& span : row.spans) {
    if (static_cast<std::size_t>(span.type) >= text::kTaggedPiiTypes) continue;
    bool first = true;
    const std::size_t kind = kind_of(row, span, s);
    while (k < s.tokens.size() && s.tokens[k].end <= span.begin) ++k;
    for (std::size_t i = k; i < s.tokens.size() && s.tokens[i].begin < span.end; ++i) {
      if ((s.tokens[i].shape & 0xFU) == 3) continue;  // found by a pattern
      s.labels[i] = static_cast<std::uint8_t>(first ? text::pii_begin_label(kind)
                                                    : text::pii_inside_label(kind));
      first = false;
    }
  }
  // An I after something else (a pattern's span lay between) begins anew.
  for (std::size_t i = 0; i < s.labels.size(); ++i) {
    const std::size_t from = i == 0 ? 0 : s.labels[i - 1];
    if (!follows(from, s.labels[i]))
      s.labels[i] = static_cast<std::uint8_t>(text::pii_state(s.labels[i]));
  }
}

class Crf {
 public:
  explicit Crf(const PiiTrainOptions& o) : o_(o) {}

  void read(const PiiRow& row, Sequence& s, base::Rng* rng) {
    std::vector<text::PiiSpan> sure;
    std::vector<text::PiiSpan> hints;
    text::pii_patterns(row.text, sure, hints);
    text::pii_tokens(row.text, sure, hints, s.tokens);
    label(row, s);
    s.features.resize(s.tokens.size());
    s.hidden.assign(s.tokens.size(), false);
    text::PiiFeatures f;
    for (std::size_t i = 0; i < s.tokens.size(); ++i) {
      s.hidden[i] = rng != nullptr && rng->uniform() < o_.drop;
      text::pii_features(s.tokens, i, f);
      for (std::size_t k = 0; k < kPiiFeatures; ++k) s.features[i][k] = index_of(f[k]);
    }
  }

  // One gradient step; returns the row's log-likelihood.
  double step(const Sequence& s) {
    const std::size_t n = s.tokens.size();
    if (n == 0) return 0;
    emissions(s);
    const double z = forward_backward(n);
    double gold = 0;
    Matrix pair{};  // expected minus observed transitions
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t from = i == 0 ? 0 : s.labels[i - 1];
      gold += static_cast<double>(emission_[i][s.labels[i]] + transition_[from][s.labels[i]]);
      pair[from][s.labels[i]] -= 1;
      expected_pairs(i, pair);
      Vector g = marginal_[i];
      g[s.labels[i]] -= 1;
      update_row(s, i, g);
    }
    States stay_step{};
    std::array<States, text::kPiiStates> move_step{};
    for (std::size_t a = 0; a < kPiiLabels; ++a) {
      for (std::size_t b = 0; b < kPiiLabels; ++b) {
        if (!follows(a, b)) continue;
        (text::pii_is_inside(b) ? stay_step[text::pii_state(b)]
                                : move_step[text::pii_state(a)][b]) += pair[a][b];
      }
    }
    for (std::size_t a = 0; a < text::kPiiStates; ++a) {
      adagrad(stay_[a], stay_sum_[a], stay_step[a]);
      for (std::size_t b = 0; b < text::kPiiStates; ++b)
        adagrad(move_[a][b], move_sum_[a][b], move_step[a][b]);
    }
    spread();
    return gold - z;
  }

  [[nodiscard]] text::PiiModel::Weights weights() const {
    text::PiiModel::Weights w;
    const auto round = [](float v) {
      return std::clamp(std::lround(v * text::PiiModel::kScale), -127L, 127L);
    };
    for (const auto& [hash, k] : index_) {
      const Vector& v = weight_[k];
      float top = 0;
      for (const float x : v) top = std::max(top, std::abs(x));
      if (top < static_cast<float>(o_.prune)) continue;
      text::PiiModel::Row row{};
      for (std::size_t y = 0; y < kPiiLabels; ++y) row[y] = static_cast<std::int8_t>(round(v[y]));
      w.features.emplace_back(hash, row);
    }
    std::sort(w.features.begin(), w.features.end());  // the map's order is not the same everywhere
    for (std::size_t a = 0; a < text::kPiiStates; ++a) {
      const auto whole = [](float v) {
        return static_cast<std::int16_t>(std::lround(v * text::PiiModel::kScale));
      };
      w.stay[a] = whole(stay_[a]);
      for (std::size_t b = 0; b < text::kPiiStates; ++b) w.transition[a][b] = whole(move_[a][b]);
    }
    return w;
  }

 private:
  // The tied weights to the matrix that the sums use.
  void spread() {
    for (std::size_t a = 0; a < kPiiLabels; ++a) {
      for (std::size_t b = 0; b < kPiiLabels; ++b) {
        transition_[a][b] =
            text::pii_is_inside(b) ? stay_[text::pii_state(b)] : move_[text::pii_state(a)][b];
      }
    }
  }

  std::uint32_t index_of(std::uint64_t hash) {
    const auto [it, fresh] = index_.try_emplace(hash, static_cast<std::uint32_t>(weight_.size()));
    if (fresh) {
      weight_.emplace_back();
      sum_.emplace_back();
    }
    return it->second;
  }

  static std::size_t first_feature(const Sequence& s, std::size_t i) {
    return s.hidden[i] ? text::kPiiLexicalFeatures : 0;
  }

  void emissions(const Sequence& s) {
    emission_.assign(s.tokens.size(), Vector{});
    for (std::size_t i = 0; i < s.tokens.size(); ++i) {
      for (std::size_t k = first_feature(s, i); k < kPiiFeatures; ++k) {
        const Vector& w = weight_[s.features[i][k]];
        for (std::size_t y = 0; y < kPiiLabels; ++y) emission_[i][y] += w[y];
      }
    }
  }

  // Fills forward_, backward_ (each scaled to sum 1) and marginal_; returns log Z.
  double forward_backward(std::size_t n) {
    for (std::size_t a = 0; a < kPiiLabels; ++a) {
      for (std::size_t b = 0; b < kPiiLabels; ++b) {
        exp_[a][b] = follows(a, b) ? std::exp(transition_[a][b]) : 0;
      }
    }
    forward_.assign(n, Vector{});
    backward_.assign(n, Vector{});
    marginal_.assign(n, Vector{});
    potential_.assign(n, Vector{});
    double log_z = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const float top = *std::max_element(emission_[i].begin(), emission_[i].end());
      for (std::size_t y = 0; y < kPiiLabels; ++y)
        potential_[i][y] = std::exp(emission_[i][y] - top);
      Vector& f = forward_[i];
      if (i == 0) {
        for (std::size_t y = 0; y < kPiiLabels; ++y) f[y] = exp_[0][y] * potential_[0][y];
      } else {
        for (std::size_t x = 0; x < kPiiLabels; ++x) {
          for (std::size_t y = 0; y < kPiiLabels; ++y) f[y] += forward_[i - 1][x] * exp_[x][y];
        }
        for (std::size_t y = 0; y < kPiiLabels; ++y) f[y] *= potential_[i][y];
      }
      log_z += std::log(static_cast<double>(scale(f))) + static_cast<double>(top);
    }
    backward_[n - 1].fill(1);
    for (std::size_t i = n - 1; i-- > 0;) {
      for (std::size_t x = 0; x < kPiiLabels; ++x) {
        for (std::size_t y = 0; y < kPiiLabels; ++y)
          backward_[i][x] += exp_[x][y] * potential_[i + 1][y] * backward_[i + 1][y];
      }
      scale(backward_[i]);
    }
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t y = 0; y < kPiiLabels; ++y)
        marginal_[i][y] = forward_[i][y] * backward_[i][y];
      scale(marginal_[i]);
    }
    return log_z;
  }

  static float scale(Vector& v) {
    float sum = 1e-30F;
    for (const float x : v) sum += x;
    for (float& x : v) x /= sum;
    return sum;
  }

  void expected_pairs(std::size_t i, Matrix& pair) const {
    Matrix m{};
    float sum = 1e-30F;
    for (std::size_t x = 0; x < kPiiLabels; ++x) {
      const float before = i == 0 ? (x == 0 ? 1.0F : 0.0F) : forward_[i - 1][x];
      if (before < 1e-7F) continue;
      for (std::size_t y = 0; y < kPiiLabels; ++y) {
        m[x][y] = before * exp_[x][y] * potential_[i][y] * backward_[i][y];
        sum += m[x][y];
      }
    }
    for (std::size_t x = 0; x < kPiiLabels; ++x) {
      for (std::size_t y = 0; y < kPiiLabels; ++y) pair[x][y] += m[x][y] / sum;
    }
  }

  void update_row(const Sequence& s, std::size_t i, const Vector& g) {
    float size = 0;
    for (const float x : g) size += std::abs(x);
    if (size < 1e-3F) return;
    for (std::size_t k = first_feature(s, i); k < kPiiFeatures; ++k) {
      Vector& w = weight_[s.features[i][k]];
      Vector& sum = sum_[s.features[i][k]];
      for (std::size_t y = 0; y < kPiiLabels; ++y) adagrad(w[y], sum[y], g[y]);
    }
  }

  void adagrad(float& w, float& sum, float g) const {
    const float d = g + static_cast<float>(o_.l2) * w;
    sum += d * d;
    w -= static_cast<float>(o_.rate) * d / (std::sqrt(sum) + 0.1F);
  }

  PiiTrainOptions o_;
  std::unordered_map<std::uint64_t, std::uint32_t> index_;
  std::vector<Vector> weight_, sum_;
  Matrix transition_{}, exp_{};
  std::array<States, text::kPiiStates> move_{}, move_sum_{};
  States stay_{}, stay_sum_{};
  std::vector<Vector> emission_, potential_, forward_, backward_, marginal_;
};

// Entities of the training rows, to be exchanged for one another.
using Pool = std::array<std::vector<std::string>, text::kPiiTypes>;

Pool pool_of(const std::vector<const PiiRow*>& rows) {
  Pool pool;
  for (const PiiRow* r : rows) {
    for (const auto& s : r->spans) {
      pool[static_cast<std::size_t>(s.type)].push_back(r->text.substr(s.begin, s.end - s.begin));
    }
  }
  return pool;
}

bool exchanged(text::PiiType t) {
  return t == text::PiiType::kPerson || t == text::PiiType::kOrganization ||
         t == text::PiiType::kGpe || t == text::PiiType::kNrp || t == text::PiiType::kAge;
}

// The row with some entities replaced, sometimes in lower case.
PiiRow vary(const PiiRow& row, const Pool& pool, const PiiTrainOptions& o, base::Rng& rng) {
  PiiRow out;
  std::size_t at = 0;
  for (const auto& s : row.spans) {
    out.text.append(row.text, at, s.begin - at);
    at = s.end;
    const std::string own = row.text.substr(s.begin, s.end - s.begin);
    const auto& others = pool[static_cast<std::size_t>(s.type)];
    const bool swap = exchanged(s.type) && rng.uniform() < o.swap;
    const std::string& text = swap ? others[rng.below(others.size())] : own;
    const auto begin = static_cast<std::uint32_t>(out.text.size());
    out.text += text;
    out.spans.push_back({s.type, begin, static_cast<std::uint32_t>(out.text.size()), 1});
  }
  out.text.append(row.text, at);
  if (rng.uniform() < o.lower) {
    const std::string low = text::folded(out.text);
    if (low.size() == out.text.size()) out.text = low;
  }
  return out;
}

Crf fit(const std::vector<const PiiRow*>& rows, const PiiTrainOptions& o) {
  Crf crf(o);
  const Pool pool = pool_of(rows);
  base::Rng rng(o.seed, 0, 1);
  std::vector<const PiiRow*> order = rows;
  Sequence s;
  for (int epoch = 0; epoch < o.epochs; ++epoch) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    for (const PiiRow* row : order) {
      crf.read(epoch == 0 ? *row : vary(*row, pool, o, rng), s, &rng);
      crf.step(s);
    }
  }
  return crf;
}

struct Margins {  // of spans that were found, and which of them are right
  std::vector<float> margin;
  std::vector<std::uint8_t> right;
};

void add_margins(const text::PiiModel& model, const PiiRow& row, Margins& seen) {
  std::vector<text::PiiModel::Tagged> tagged;
  std::vector<text::PiiSpan> sure;
  std::vector<text::PiiSpan> hints;
  std::vector<text::PiiToken> tokens;
  text::pii_patterns(row.text, sure, hints);
  text::pii_tokens(row.text, sure, hints, tokens);
  model.tag(tokens, tagged);
  for (const auto& t : tagged) {
    const bool right = std::any_of(row.spans.begin(), row.spans.end(), [&](const auto& w) {
      return w.type == t.type && w.begin == tokens[t.first].begin && w.end == tokens[t.last].end;
    });
    seen.margin.push_back(std::log1p(std::max(t.margin, 0.0F)));
    seen.right.push_back(right ? 1 : 0);
  }
}

}  // namespace

text::PiiModel::Weights train_pii(const std::vector<const PiiRow*>& rows,
                                  const PiiTrainOptions& options) {
  constexpr std::size_t kFolds = 5;
  Margins seen;  // of every row, by a fit that has not seen it
  for (std::size_t f = 0; f < kFolds; ++f) {
    std::vector<const PiiRow*> most;
    std::vector<const PiiRow*> rest;
    for (std::size_t i = 0; i < rows.size(); ++i)
      (i % kFolds == f ? rest : most).push_back(rows[i]);
    std::size_t lost = 0;
    const auto trial =
        text::PiiModel::parse(text::PiiModel::pack(fit(most, options).weights(), lost));
    SWY_ASSERT(trial.has_value());
    for (const PiiRow* row : rest) add_margins(*trial, *row, seen);
  }
  text::PiiModel::Weights w = fit(rows, options).weights();
  const Platt curve = fit_platt(seen.margin, seen.right);
  w.slope = static_cast<float>(curve.slope);
  w.offset = static_cast<float>(curve.offset);
  return w;
}

}  // namespace swy::learn
