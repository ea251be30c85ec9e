// Distil: a static embedding from an encoder (after Minish Lab's model2vec).
//
// For every token t of the vocabulary: v_t = the mean of the last layer over [CLS] t [SEP];
// centred; projected on the first d principal components (eigenvectors of the covariance by cyclic
// Jacobi rotations); scaled by w_t = a / (a + p_t), a = 1e-3 (SIF, Arora, Liang, Ma 2017), where
// p_t are relative corpus counts (plus one) or, without counts, Zipf's 1 / (rank ln V) by token id,
// since vocabularies are written in order of frequency. Stored as bytes with a scale per row. [PAD]
// and [unusedN] get no row. Cost: three tokens per vocabulary entry through the encoder, d^3 for
// the components. Loses what context gives: "not good" is near "good". Deviation from model2vec:
// counts where available. Checked by static_embedding_test.cc; quality in
// docs/reference/encoders.md.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "embed/detail/static_impl.h"
#include "embed/encoder.h"
#include "embed/static_embedding.h"

namespace swy::embed {
namespace {

struct Eigen {
  std::vector<double> values;
  std::vector<double> vectors;  // n x n, one per column
};

// One rotation that makes a[p][q] zero.
void rotate(std::vector<double>& a, std::vector<double>& v, std::size_t n, std::size_t p,
            std::size_t q) {
  const double apq = a[p * n + q];
  if (std::fabs(apq) < 1e-300) return;
  const double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
  const double t = (theta >= 0 ? 1.0 : -1.0) / (std::fabs(theta) + std::sqrt(theta * theta + 1));
  const double c = 1 / std::sqrt(t * t + 1);
  const double s = t * c;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = a[i * n + p];
    const double y = a[i * n + q];
    a[i * n + p] = c * x - s * y;
    a[i * n + q] = s * x + c * y;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double x = a[p * n + i];
    const double y = a[q * n + i];
    a[p * n + i] = c * x - s * y;
    a[q * n + i] = s * x + c * y;
  }
  for (std::size_t i = 0; i < n; ++i) {  // v holds vectors as rows here: fast to walk
    const double x = v[p * n + i];
    const double y = v[q * n + i];
    v[p * n + i] = c * x - s * y;
    v[q * n + i] = s * x + c * y;
  }
}

// Symmetric a; at most 30 sweeps, each n^2 / 2 rotations; quadratic convergence ends it after 6 to
// 10. Vectors as rows of the result.
Eigen eigen(std::vector<double> a, std::size_t n) {
  Eigen e;
  e.vectors.assign(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) e.vectors[i * n + i] = 1;
  for (int sweep = 0; sweep < 30; ++sweep) {
    double off = 0;
    double diagonal = 0;
    for (std::size_t i = 0; i < n; ++i) {
      diagonal += a[i * n + i] * a[i * n + i];
      for (std::size_t j = i + 1; j < n; ++j) off += a[i * n + j] * a[i * n + j];
    }
    if (off <= 1e-18 * diagonal) break;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) rotate(a, e.vectors, n, p, q);
    }
  }
  e.values.resize(n);
  for (std::size_t i = 0; i < n; ++i) e.values[i] = a[i * n + i];
  return e;
}

// The first `dims` principal directions of centred rows, as rows.
std::vector<float> components(const Matrix& x, std::size_t dims) {
  const std::size_t n = x.cols();
  std::vector<double> covariance(n * n);
  for (std::size_t r = 0; r < x.rows(); ++r) {
    const auto row = x.row(r);
    for (std::size_t i = 0; i < n; ++i) {
      const double xi = row[i];
      for (std::size_t j = i; j < n; ++j) covariance[i * n + j] += xi * row[j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) covariance[i * n + j] = covariance[j * n + i];
  }
  const Eigen e = eigen(std::move(covariance), n);
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return e.values[a] > e.values[b]; });
  std::vector<float> out;
  for (std::size_t d = 0; d < dims; ++d) {
    for (std::size_t i = 0; i < n; ++i) {
      out.push_back(static_cast<float>(e.vectors[order[d] * n + i]));
    }
  }
  return out;
}

void centre(Matrix& x) {
  std::vector<double> mean(x.cols());
  for (std::size_t r = 0; r < x.rows(); ++r) {
    for (std::size_t i = 0; i < x.cols(); ++i) mean[i] += x.row(r)[i];
  }
  for (std::size_t r = 0; r < x.rows(); ++r) {
    for (std::size_t i = 0; i < x.cols(); ++i) {
      x.row(r)[i] -= static_cast<float>(mean[i] / static_cast<double>(x.rows()));
    }
  }
}

// Rows of the last layer's mean for each kept token.
Result<Matrix> token_states(const Encoder& encoder, std::span<const std::uint32_t> kept,
                            std::uint32_t first, std::uint32_t last) {
  constexpr std::size_t kBatch = 128;
  const std::size_t h = encoder.info().hidden;
  Matrix all(kept.size(), h);
  Workspace ws;
  Matrix states;
  for (std::size_t at = 0; at < kept.size(); at += kBatch) {
    const std::size_t n = std::min(kBatch, kept.size() - at);
    std::vector<std::uint32_t> ids;
    std::vector<Sequence> sequences;
    for (std::size_t i = 0; i < n; ++i) ids.insert(ids.end(), {first, kept[at + i], last});
    for (std::size_t i = 0; i < n; ++i) sequences.push_back({std::span(ids).subspan(i * 3, 3), {}});
    SWY_DO(encoder.states_ids(sequences, ws, states));
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < 3; ++k) {
        for (std::size_t d = 0; d < h; ++d) all.row(at + i)[d] += states.row(i * 3 + k)[d] / 3;
      }
    }
  }
  return all;
}

std::vector<float> weights(std::span<const std::uint32_t> kept, std::size_t vocabulary,
                           const DistilOptions& options) {
  double total = 0;
  for (const std::uint64_t c : options.counts) total += static_cast<double>(c) + 1;
  const double harmonic = std::log(static_cast<double>(vocabulary));
  std::vector<float> w;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const double p = options.counts.empty()
                         ? 1.0 / (static_cast<double>(i + 1) * harmonic)
                         : (static_cast<double>(options.counts[kept[i]]) + 1) / total;
    w.push_back(static_cast<float>(options.sif / (options.sif + p)));
  }
  return w;
}

// Bytes, scales and the mapping from the projected rows.
void fill_table(StaticEmbedding::Impl& s, const Matrix& x, std::span<const std::uint32_t> kept,
                std::span<const float> axes, std::span<const float> w) {
  s.bytes.resize(s.rows * s.dims);
  s.scale.resize(s.rows);
  std::vector<float> row(s.dims);
  for (std::size_t i = 0; i < s.rows; ++i) {
    for (std::size_t d = 0; d < s.dims; ++d) {
      row[d] = s.kernels->dot(axes.data() + d * x.cols(), x.row(i).data(), x.cols());
    }
    s.scale[i] = w[i] * math::quantize_row(row, s.bytes.data() + i * s.dims);
    s.rows_of[kept[i]] = static_cast<std::uint32_t>(i);
  }
}

}  // namespace

Result<StaticEmbedding> distil(const Encoder& encoder, const DistilOptions& options) {
  const EncoderInfo& info = encoder.info();
  auto s = std::make_unique<StaticEmbedding::Impl>();
  SWY_TRY(s->tokenizer, text::Tokenizer::load(info.folder));
  SWY_TRY(s->tokenizer_files, detail::read_tokenizer_files(info.folder));
  const text::Tokenizer& t = *s->tokenizer;
  const auto& special = t.special();
  if (!special.cls || !special.sep || t.id_of("##s") == std::nullopt) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{}: only WordPiece vocabularies can be distilled", info.folder));
  }
  if (options.dims == 0 || options.dims > info.hidden || !(options.sif > 0) ||
      (!options.counts.empty() && options.counts.size() < t.size())) {
    return fail(ErrorCode::kInvalidArgument,
                "distil: dims must be 1 to the encoder's, sif above 0, counts one per token");
  }
  std::vector<std::uint32_t> kept;
  for (std::uint32_t id = 0; id < t.size(); ++id) {
    const auto token = t.token(id);
    if (!token.empty() && !token.starts_with("[unused") && id != special.pad) kept.push_back(id);
  }
  SWY_TRY(Matrix x, token_states(encoder, kept, *special.cls, *special.sep));
  centre(x);
  s->kernels = &math::best_kernels();
  s->rows = kept.size();
  s->dims = options.dims;
  s->rows_of.assign(t.size(), detail::kNoRow);
  s->source = info.content_hash;
  fill_table(*s, x, kept, components(x, options.dims), weights(kept, t.size(), options));
  return StaticEmbedding(std::move(s));
}

}  // namespace swy::embed
