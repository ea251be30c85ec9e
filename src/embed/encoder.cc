// Encoder: load, tokenise, run in chunks, pool, apply heads.
//
// Pooling: mean over all tokens, the first token, or the maximum per dimension; special tokens take
// part, as in sentence-transformers. A batch is cut into chunks of at most kChunkTokens tokens (or
// one sequence): more would leave the second-level cache between layers and gain nothing. Checked
// by encoder_test.cc, encoder_load_test.cc and tests/parity.
#include "embed/encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "embed/detail/model.h"
#include "embed/safetensors.h"
#include "text/tokenizer.h"

namespace swy::embed {

using detail::Model;

struct Encoder::Impl {
  Model model;
  EncoderInfo info;
  std::shared_ptr<const text::Tokenizer> tokenizer;
};

namespace {

constexpr std::size_t kChunkTokens = 512;
constexpr std::size_t kMaxWindows = 64;
constexpr std::size_t kWindowOverlap = 64;

Result<const math::Kernels*> choose_kernels(const std::string& name) {
  if (name.empty()) return &math::best_kernels();
  const math::Kernels* k = math::find_kernels(name);
  if (k == nullptr) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("kernels '{}' do not exist or do not run on this CPU", name));
  }
  return k;
}

EncoderInfo describe(const Model& m, const std::string& folder, const EncoderOptions& options) {
  EncoderInfo i;
  i.folder = folder;
  i.architecture = m.spec.architecture;
  i.hidden = m.spec.hidden;
  i.layers = m.spec.layers;
  i.heads = m.spec.heads;
  i.vocabulary = m.spec.vocabulary;
  i.max_tokens = m.spec.max_tokens;
  i.precision = options.precision;
  i.pooling = m.spec.pooling;
  i.normalize = m.spec.normalize;
  i.head = m.spec.head;
  i.labels = m.spec.labels;
  i.kernels = m.kernels->name;
  i.weight_bytes = m.memory();
  return i;
}

// Calls f(first sequence, how many) for chunks that fit the cache.
template <typename F>
void by_chunk(std::span<const Sequence> all, F f) {
  for (std::size_t i = 0; i < all.size();) {
    std::size_t tokens = all[i].ids.size();
    std::size_t n = 1;
    while (i + n < all.size() && tokens + all[i + n].ids.size() <= kChunkTokens) {
      tokens += all[i + n].ids.size();
      ++n;
    }
    f(i, n);
    i += n;
  }
}

void pool_states(const Model& m, const float* x, std::size_t tokens, Pooling pooling,
                 std::span<float> out) {
  const std::size_t h = m.spec.hidden;
  if (tokens == 0) return;  // a tokenizer without special tokens and an empty text: zeros
  std::copy_n(x, h, out.data());
  if (pooling == Pooling::kCls) return;
  for (std::size_t i = 1; i < tokens; ++i) {
    if (pooling == Pooling::kMax) {
      m.kernels->max_into(x + i * h, h, out.data());
    } else {
      m.kernels->axpy(1.0F, x + i * h, h, out.data());
    }
  }
  if (pooling == Pooling::kMean) {
    const float by = 1.0F / static_cast<float>(tokens);
    for (float& v : out) v *= by;
  }
}

// Logits of `rows` rows of states. REQUIRES: the model has a classifier.
void run_head(const Model& m, const float* x, std::size_t rows, Workspace::Impl& ws, float* out) {
  const std::size_t h = m.spec.hidden;
  if (m.dense.n() > 0) {
    float* y = ws.mixed.need(rows * h);
    detail::apply(*m.kernels, m.dense, {x, h, y, rows, nullptr, m.dense_activation}, ws);
    if (!m.head_norm.gamma.empty()) {
      detail::norm_rows(*m.kernels, m.head_norm, m.spec.eps, rows, y, y);
    }
    x = y;
  }
  detail::apply(*m.kernels, m.classifier, {x, h, out, rows}, ws);
}

void run_embed(const Encoder::Impl& e, std::span<const Sequence> all, Workspace::Impl& ws,
               Matrix& out) {
  const std::size_t h = e.model.spec.hidden;
  out.reset(all.size(), h);
  by_chunk(all, [&](std::size_t first, std::size_t n) {
    detail::forward(e.model, all.subspan(first, n), ws);
    const float* x = ws.x.data();
    for (std::size_t i = first; i < first + n; ++i) {
      pool_states(e.model, x, all[i].ids.size(), e.info.pooling, out.row(i));
      if (e.info.normalize) math::l2_normalize(*e.model.kernels, out.row(i));
      x += all[i].ids.size() * h;
    }
  });
}

void run_classify(const Encoder::Impl& e, std::span<const Sequence> all, Workspace::Impl& ws,
                  Matrix& logits) {
  const Model& m = e.model;
  logits.reset(all.size(), m.spec.labels.size());
  const Pooling pooling = m.spec.head_pools_mean ? Pooling::kMean : Pooling::kCls;
  by_chunk(all, [&](std::size_t first, std::size_t n) {
    detail::forward(m, all.subspan(first, n), ws);
    ws.states.reset(n, m.spec.hidden);
    const float* x = ws.x.data();
    for (std::size_t i = 0; i < n; ++i) {
      pool_states(m, x, all[first + i].ids.size(), pooling, ws.states.row(i));
      x += all[first + i].ids.size() * m.spec.hidden;
    }
    run_head(m, ws.states.all().data(), n, ws, logits.row(first).data());
  });
}

void run_states(const Encoder::Impl& e, std::span<const Sequence> all, bool head,
                Workspace::Impl& ws, Matrix& out) {
  const std::size_t h = e.model.spec.hidden;
  std::size_t total = 0;
  for (const Sequence& s : all) total += s.ids.size();
  out.reset(total, head ? e.model.spec.labels.size() : h);
  std::size_t row = 0;
  by_chunk(all, [&](std::size_t first, std::size_t n) {
    detail::forward(e.model, all.subspan(first, n), ws);
    std::size_t rows = 0;
    for (const Sequence& s : all.subspan(first, n)) rows += s.ids.size();
    if (rows == 0) return;
    if (head) {
      run_head(e.model, ws.x.data(), rows, ws, out.row(row).data());
    } else {
      std::copy_n(ws.x.data(), rows * h, out.row(row).data());
    }
    row += rows;
  });
}

Status check_ids(const EncoderInfo& info, std::span<const Sequence> sequences) {
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const Sequence& s = sequences[i];
    const char* why = nullptr;
    if (s.ids.empty()) why = "is empty";
    if (s.ids.size() > info.max_tokens) why = "is longer than max_tokens";
    if (!s.types.empty() && s.types.size() != s.ids.size()) why = "has not one type per id";
    for (const std::uint32_t id : s.ids) {
      if (id >= info.vocabulary) why = "holds an id outside the vocabulary";
    }
    if (why != nullptr) {
      return fail(ErrorCode::kInvalidArgument, fmt::format("sequence {} {}", i, why));
    }
  }
  return {};
}

Status need_head(const EncoderInfo& info, Head head) {
  if (info.head == head) return {};
  return fail(ErrorCode::kUnsupported, fmt::format("{}: has no {} head", info.folder,
                                                   head == Head::kToken ? "token" : "sequence"));
}

// f(i, options, encoding) fills the i-th encoding.
template <typename F>
std::span<const Sequence> encode_all(const Encoder::Impl& e, std::size_t n, Workspace::Impl& ws,
                                     F f) {
  if (ws.encodings.size() < n) ws.encodings.resize(n);
  text::EncodeOptions options;
  options.max_tokens = e.info.max_tokens;
  ws.sequences.clear();
  for (std::size_t i = 0; i < n; ++i) {
    f(i, options, ws.encodings[i]);
    ws.sequences.push_back({ws.encodings[i].ids, ws.encodings[i].type_ids});
  }
  return ws.sequences;
}

std::span<const Sequence> encode_texts(const Encoder::Impl& e,
                                       std::span<const std::string_view> texts,
                                       Workspace::Impl& ws) {
  return encode_all(e, texts.size(), ws,
                    [&](std::size_t i, const text::EncodeOptions& options, text::Encoding& out) {
                      e.tokenizer->encode(texts[i], options, out);
                    });
}

// The tokens [begin, end) of a long text between the special tokens that frame it.
struct Frame {
  std::size_t begin = 0;
  std::size_t end = 0;
};
Frame body_of(const text::Encoding& e) {
  Frame f{0, e.ids.size()};
  while (f.begin < f.end && e.special[f.begin] != 0) ++f.begin;
  while (f.end > f.begin && e.special[f.end - 1] != 0) --f.end;
  return f;
}

// One window of a text's tokens and which of them it answers for: neighbours share an overlap and
// each answers for its own half, so that every token is judged with context on both sides.
struct Window {
  Frame tokens;   // indexes into the encoding
  Frame answers;  // a part of tokens
};

Window window_at(const Frame& body, std::size_t from, std::size_t room, std::size_t overlap) {
  Window w;
  w.tokens = {from, std::min(from + room, body.end)};
  w.answers.begin = from == body.begin ? from : from + overlap / 2;
  w.answers.end = w.tokens.end == body.end ? body.end : w.tokens.end - (overlap - overlap / 2);
  return w;
}

void run_window(const Encoder::Impl& e, const text::Encoding& encoding, const Frame& body,
                const Window& w, Workspace::Impl& ws) {
  const auto& ids = encoding.ids;
  const auto at = [&](std::size_t i) { return ids.begin() + static_cast<std::ptrdiff_t>(i); };
  ws.window.assign(ids.begin(), at(body.begin));
  ws.window.insert(ws.window.end(), at(w.tokens.begin), at(w.tokens.end));
  ws.window.insert(ws.window.end(), at(body.end), ids.end());
  const Sequence s{ws.window, {}};
  run_states(e, {&s, 1}, true, ws, ws.states);
}

}  // namespace

Workspace::Workspace() : impl_(std::make_unique<Impl>()) {}
Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;

Encoder::Encoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Encoder::~Encoder() = default;

const EncoderInfo& Encoder::info() const { return impl_->info; }

const text::Tokenizer& Encoder::tokenizer() const { return *impl_->tokenizer; }

Result<std::shared_ptr<const Encoder>> Encoder::load(const std::string& folder,
                                                     const Options& options) {
  SWY_TRY(const math::Kernels* kernels, choose_kernels(options.kernels));
  SWY_TRY(detail::Spec spec, detail::read_spec(folder));
  if (options.max_tokens > spec.positions && !options.at_most) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: max_tokens {} is above the model's {}", folder, options.max_tokens,
                            spec.positions));
  }
  if (options.max_tokens > 0) spec.max_tokens = std::min(options.max_tokens, spec.positions);
  if (options.pooling) spec.pooling = *options.pooling;
  if (options.normalize) spec.normalize = *options.normalize;
  auto impl = std::make_unique<Impl>();
  SWY_TRY(impl->tokenizer, text::Tokenizer::load(spec.folder));
  if (impl->tokenizer->size() > spec.vocabulary) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: the tokenizer has {} tokens, vocab_size in config.json is {}",
                            spec.folder, impl->tokenizer->size(), spec.vocabulary));
  }
  if (impl->tokenizer->special_count(true) >= spec.max_tokens) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: max_tokens {} has no room for text", folder, spec.max_tokens));
  }
  SWY_TRY(const Safetensors file, Safetensors::open(spec.folder + "/model.safetensors"));
  SWY_TRY(impl->model, detail::load_model(spec, file, *kernels, nullptr));
  if (options.precision == Precision::kInt8) {
    const detail::Keeps keeps = detail::find_outliers(impl->model);
    SWY_TRY(impl->model, detail::load_model(spec, file, *kernels, &keeps));
  }
  impl->info = describe(impl->model, folder, options);
  const auto bytes = file.bytes();
  impl->info.content_hash =
      base::hex64(base::hash64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  return std::make_shared<const Encoder>(std::move(impl));
}

void Encoder::embed(std::span<const std::string_view> texts, Workspace& ws, Matrix& out) const {
  run_embed(*impl_, encode_texts(*impl_, texts, ws.impl()), ws.impl(), out);
}

Status Encoder::classify(std::span<const std::string_view> texts, Workspace& ws,
                         Matrix& logits) const {
  SWY_DO(need_head(impl_->info, Head::kSequence));
  run_classify(*impl_, encode_texts(*impl_, texts, ws.impl()), ws.impl(), logits);
  return {};
}

Status Encoder::score_pairs(std::span<const TextPair> pairs, Workspace& ws, Matrix& logits) const {
  SWY_DO(need_head(impl_->info, Head::kSequence));
  const auto all =
      encode_all(*impl_, pairs.size(), ws.impl(),
                 [&](std::size_t i, const text::EncodeOptions& options, text::Encoding& out) {
                   impl_->tokenizer->encode_pair(pairs[i].first, pairs[i].second, options, out);
                 });
  run_classify(*impl_, all, ws.impl(), logits);
  return {};
}

Status Encoder::tag(std::string_view text, Workspace& ws, TokenLogits& out) const {
  SWY_DO(need_head(impl_->info, Head::kToken));
  Workspace::Impl& w = ws.impl();
  if (w.encodings.empty()) w.encodings.resize(1);
  text::Encoding& encoding = w.encodings[0];
  const std::size_t specials = impl_->tokenizer->special_count(false);
  const std::size_t room = impl_->info.max_tokens - specials;
  const std::size_t overlap = std::min(kWindowOverlap, room / 2);
  const std::size_t step = room - overlap;
  text::EncodeOptions options;
  options.offsets = true;
  options.max_tokens = specials + room + step * (kMaxWindows - 1);
  impl_->tokenizer->encode(text, options, encoding);
  const Frame body = body_of(encoding);
  out.truncated = encoding.truncated;
  out.tokens.clear();
  out.logits.reset(body.end - body.begin, impl_->info.labels.size());
  for (std::size_t i = body.begin; i < body.end; ++i) {
    out.tokens.push_back({encoding.offsets[i].begin, encoding.offsets[i].end});
  }
  for (std::size_t from = body.begin; from < body.end; from += step) {
    const Window part = window_at(body, from, room, overlap);
    run_window(*impl_, encoding, body, part, w);
    for (std::size_t i = part.answers.begin; i < part.answers.end; ++i) {
      const auto row = w.states.row(body.begin + (i - part.tokens.begin));
      std::copy(row.begin(), row.end(), out.logits.row(i - body.begin).begin());
    }
    if (part.tokens.end == body.end) break;
  }
  return {};
}

Status Encoder::embed_ids(std::span<const Sequence> sequences, Workspace& ws, Matrix& out) const {
  SWY_DO(check_ids(impl_->info, sequences));
  run_embed(*impl_, sequences, ws.impl(), out);
  return {};
}

Status Encoder::classify_ids(std::span<const Sequence> sequences, Workspace& ws,
                             Matrix& logits) const {
  SWY_DO(need_head(impl_->info, Head::kSequence));
  SWY_DO(check_ids(impl_->info, sequences));
  run_classify(*impl_, sequences, ws.impl(), logits);
  return {};
}

Status Encoder::tag_ids(std::span<const Sequence> sequences, Workspace& ws, Matrix& logits) const {
  SWY_DO(need_head(impl_->info, Head::kToken));
  SWY_DO(check_ids(impl_->info, sequences));
  run_states(*impl_, sequences, true, ws.impl(), logits);
  return {};
}

Status Encoder::states_ids(std::span<const Sequence> sequences, Workspace& ws,
                           Matrix& states) const {
  SWY_DO(check_ids(impl_->info, sequences));
  run_states(*impl_, sequences, false, ws.impl(), states);
  return {};
}

}  // namespace swy::embed
