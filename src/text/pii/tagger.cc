// The tagger: features to scores by a hashed table of int8 rows, labels by Viterbi.
//
// What: y* = argmax sum_i (sum_f w[f(i), y_i] + t[y_(i-1), y_i]), y_i in {O, B-x, I-x}; I-x follows
// B-x and I-x only. A row lies in one of kProbe slots from its hash on and carries 16 bits of the
// hash, so a feature that training never saw adds nothing (one time in 2^14 a stranger's row).
// Cost: kPiiFeatures row additions of 32 bytes and one maximum of 15 x 16 lanes per token;
// words in small letters among their like in a text with capitals are O unseen. When it loses:
// texts unlike its training sentences, above all names in lower case.
// Source: conditional random fields, Lafferty, McCallum, Pereira 2001; weights trained by
// learn/pii_train.cc. Deviation: int8 weights in a fixed table instead of exact ones. Test:
// pii_test.cc.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/check.h"
#include "base/hash.h"
#include "text/pii_tagger.h"

namespace swy::text {
namespace {

constexpr std::string_view kMagic = "SWYPII01";
constexpr std::size_t kMaxSlots = std::size_t{1} << 16U;
constexpr std::int16_t kNever = -12000;  // a transition that is not allowed

struct FileHead {
  std::array<char, 8> magic;
  std::uint32_t slots;
  std::uint32_t features;
  float slope, offset;
  std::uint64_t hash;  // of everything after the head
};

// Eight lanes of 16 bits at a time: what every processor of this family has.
using Lanes = std::int16_t __attribute__((vector_size(16)));
using Bytes = std::int8_t __attribute__((vector_size(8)));

// By reference: vectors as arguments or results would depend on the processor's calling convention.
template <typename V>
void load(V& to, const void* from) {
  std::memcpy(&to, from, sizeof(V));
}

}  // namespace

std::string PiiModel::pack(const Weights& weights, std::size_t& lost) {
  std::size_t n = 1024;
  while (n * 3 / 4 < weights.features.size() && n < kMaxSlots) n *= 2;
  const unsigned shift = static_cast<unsigned>(64 - std::bit_width(n - 1));
  std::vector<Slot> slots(n);
  std::memset(static_cast<void*>(slots.data()), 0, n * sizeof(Slot));
  const auto weight = [](const Row& r) {
    int w = 0;
    for (const std::int8_t v : r) w = std::max(w, std::abs(static_cast<int>(v)));
    return w;
  };
  // The heavy ones first: when there is no room it is a light one that goes.
  std::vector<std::size_t> order(weights.features.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return weight(weights.features[a].second) > weight(weights.features[b].second);
  });
  lost = 0;
  for (const std::size_t k : order) {
    const auto& [hash, row] = weights.features[k];
    const auto tag = static_cast<std::uint16_t>((hash & 0xFFFFU) | 1U);
    bool placed = false;
    for (std::size_t p = 0; p < kProbe && !placed; ++p) {
      Slot& s = slots[((hash >> shift) + p) & (n - 1)];
      if (s.tag != 0) continue;
      s.tag = tag;
      std::copy(row.begin(), row.end(), s.weight.begin());
      placed = true;
    }
    lost += placed ? 0 : 1;
  }
  std::string body;
  for (const auto& row : weights.transition) {
    body.append(reinterpret_cast<const char*>(row.data()), sizeof(row));
  }
  body.append(reinterpret_cast<const char*>(weights.stay.data()), sizeof(weights.stay));
  body.append(reinterpret_cast<const char*>(slots.data()), n * sizeof(Slot));
  FileHead head{};
  std::copy(kMagic.begin(), kMagic.end(), head.magic.begin());
  head.slots = static_cast<std::uint32_t>(n);
  head.features = static_cast<std::uint32_t>(weights.features.size() - lost);
  head.slope = weights.slope;
  head.offset = weights.offset;
  head.hash = base::hash64(body);
  std::string out(reinterpret_cast<const char*>(&head), sizeof(head));
  return out + body;
}

Result<PiiModel> PiiModel::parse(std::string_view bytes) {
  FileHead head{};
  constexpr std::size_t kTransitions = sizeof(std::int16_t) * kPiiStates * (kPiiStates + 1);
  if (bytes.size() < sizeof(head) + kTransitions)
    return fail(ErrorCode::kParse, "a PII model is longer than that");
  std::memcpy(&head, bytes.data(), sizeof(head));
  const std::string_view body = bytes.substr(sizeof(head));
  if (std::string_view(head.magic.data(), head.magic.size()) != kMagic)
    return fail(ErrorCode::kParse, "not a PII model of version 1");
  const std::size_t n = head.slots;
  if (n < 1024 || n > kMaxSlots || (n & (n - 1)) != 0 ||
      body.size() != kTransitions + n * sizeof(Slot) || base::hash64(body) != head.hash)
    return fail(ErrorCode::kParse, "a PII model that is damaged or cut off");
  if (!std::isfinite(head.slope) || !std::isfinite(head.offset))
    return fail(ErrorCode::kParse, "a PII model whose calibration is no number");
  PiiModel m;
  m.slots_.resize(n);
  std::memcpy(static_cast<void*>(m.slots_.data()), body.data() + kTransitions, n * sizeof(Slot));
  m.shift_ = static_cast<unsigned>(64 - std::bit_width(n - 1));
  for (std::size_t i = 0; i < n + kProbe; ++i) m.tags_.push_back(m.slots_[i & (n - 1)].tag);
  m.slope_ = head.slope;
  m.offset_ = head.offset;
  std::array<std::array<std::int16_t, kPiiStates>, kPiiStates + 1> t{};
  std::memcpy(t.data(), body.data(), kTransitions);
  for (States& row : m.transition_) row.fill(kNever);
  for (std::size_t from = 0; from < kPiiStates; ++from) {
    for (std::size_t to = 0; to < kPiiStates; ++to) {
      m.transition_[from][to] = std::clamp<std::int16_t>(t[from][to], -1000, 1000);
    }
    m.stay_[from] = std::clamp<std::int16_t>(t[kPiiStates][from], -1000, 1000);
    m.most_[from] = *std::max_element(m.transition_[from].begin(), m.transition_[from].end());
  }
  m.least_from_o_ =
      *std::min_element(m.transition_[0].begin(), m.transition_[0].begin() + kPiiStates);
  m.stay_[0] = kNever;  // there is no inside of O
  return m;
}

// Many features have no row. What settles that, the tags, is kept apart from the rows: a sixteenth
// of the memory, and all slots that a feature may lie in are compared at once, without a branch
// that nobody could foretell.
void PiiModel::emit(const PiiFeatures& features, Scores& out) const {
  static_assert(kProbe == sizeof(Lanes) / sizeof(std::int16_t));
  std::array<std::size_t, kPiiFeatures + 1> found;  // NOLINT: filled as far as it is read
  std::size_t n = 0;
  const std::size_t mask = slots_.size() - 1;
  for (const std::uint64_t h : features) {
    const std::size_t at = (h >> shift_) & mask;
    Lanes tags;
    load(tags, &tags_[at]);
    const auto tag = static_cast<std::int16_t>((h & 0xFFFFU) | 1U);
    const auto same = std::bit_cast<std::uint64_t>(__builtin_convertvector(tags == tag, Bytes));
    const auto free = std::bit_cast<std::uint64_t>(__builtin_convertvector(tags == 0, Bytes));
    // Up to the first free slot: pack() would have filled that one.
    const std::uint64_t hit = same & (free ^ (free - 1));
    const auto place = static_cast<std::size_t>(std::countr_zero(hit | (std::uint64_t{1} << 63U)));
    found[n] = (at + place / 8) & mask;
    n += hit != 0 ? 1U : 0U;
  }
  std::array<Lanes, kLanes / 8> sum{};
  for (std::size_t i = 0; i < n; ++i) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < sum.size(); ++k) {  // unrolled, or the sums live in memory
      Bytes row;  // the slot's tag lands in lanes that nobody reads
      load(row, reinterpret_cast<const char*>(&slots_[found[i]]) + k * sizeof(row));
      sum[k] += __builtin_convertvector(row, Lanes);
    }
  }
  std::memcpy(out.data(), sum.data(), sizeof(sum));
}

// One step of Viterbi. Scores are kept relative to the best one, so 16 bits are enough: a state is
// at most one emission (36 x 127) and two transitions (2 x 1000) below what can be reached from it.
void PiiModel::step(const Scores& emission, Path& path, Back& back) const {
  States before;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
  for (std::size_t s = 0; s < kStates; ++s) {
    back.inside[s] = path.inner[s] > path.outer[s] ? 1 : 0;
    before[s] = std::max(path.inner[s], path.outer[s]);
  }
  // States from which something may be reached better than from O: nearly always very few.
  std::array<std::size_t, kStates> open;  // NOLINT: filled as far as it is read
  std::size_t n = 0;
  for (std::size_t from = 1; from < kPiiStates; ++from) {
    open[n] = from;
    n += before[from] + most_[from] > before[0] + least_from_o_ ? 1U : 0U;
  }
  for (std::size_t half = 0; half < kStates; half += 8) {
    Lanes best;
    Lanes arg{};
    load(best, &transition_[0][half]);
    best += before[0];
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t from = open[i];
      Lanes v;
      load(v, &transition_[from][half]);
      v += before[from];
      const Lanes better = v > best;  // all bits or none
      best = (better & v) | (~better & best);
      arg = (better & static_cast<std::int16_t>(from)) | (~better & arg);
    }
    std::memcpy(&back.from[half], &arg, sizeof(arg));
    std::memcpy(&path.outer[half], &best, sizeof(best));
  }
  std::int16_t top = kNever;
  for (std::size_t s = 0; s < kPiiStates; ++s) {
    path.outer[s] = static_cast<std::int16_t>(path.outer[s] + emission[s]);
    // label 1 + kPiiKinds + kind lies at state 1 + kind
    path.inner[s] = static_cast<std::int16_t>(before[s] + stay_[s] + emission[kPiiKinds + s]);
    top = std::max({top, path.outer[s], path.inner[s]});
  }
  for (std::size_t s = 0; s < kStates; ++s) {
    path.outer[s] = static_cast<std::int16_t>(std::max(path.outer[s] - top, int{kNever}));
    path.inner[s] = static_cast<std::int16_t>(std::max(path.inner[s] - top, int{kNever}));
  }
}

void PiiModel::tag(std::span<const PiiToken> tokens, std::vector<Tagged>& out) const {
  out.clear();
  const std::size_t n = tokens.size();
  if (n == 0) return;
  thread_local std::vector<Scores> emission;
  thread_local std::vector<Back> back;
  emission.resize(n);
  back.resize(n);
  PiiFeatures features;
  Path path;  // before the first token: O
  path.outer.fill(kNever);
  path.inner.fill(kNever);
  path.outer[0] = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (tokens[i].cold && i > 0 && tokens[i - 1].cold) {  // O after O
      emission[i] = emission[i - 1];
      back[i] = {};
      continue;
    }
    if (tokens[i].cold) {
      emission[i].fill(-4000);
      emission[i][kPiiOutside] = 0;
    } else {
      pii_features(tokens, i, features);
      emit(features, emission[i]);
    }
    step(emission[i], path, back[i]);
  }
  std::size_t state = 0;
  bool inside = false;
  for (std::size_t s = 1; s < kPiiStates; ++s) {
    const std::int16_t best = inside ? path.inner[state] : path.outer[state];
    if (std::max(path.outer[s], path.inner[s]) <= best) continue;
    state = s;
    inside = path.inner[s] > path.outer[s];
  }
  bool open = false;  // the span at the end of `out` goes on to the left
  for (std::size_t i = n; i-- > 0;) {
    if (state != 0) {
      const std::size_t label = inside ? state + kPiiKinds : state;
      const float margin = lead(emission[i], label);
      const auto token = static_cast<std::uint32_t>(i);
      if (open) {
        out.back().first = token;
        out.back().margin = std::min(out.back().margin, margin);
      } else {
        out.push_back({token, token, pii_type_of_kind(state - 1), margin});
      }
      open = inside;
    }
    if (!inside) state = static_cast<std::size_t>(back[i].from[state]);
    inside = back[i].inside[state] != 0;
  }
  std::reverse(out.begin(), out.end());
}

// How far label y leads over all labels of other types.
float PiiModel::lead(const Scores& e, std::size_t y) {
  std::int16_t other = e[kPiiOutside];
  for (std::size_t k = 1; k < kPiiLabels; ++k) {
    if (pii_state(k) != pii_state(y)) other = std::max(other, e[k]);
  }
  return static_cast<float>(e[y] - other) / kScale;
}

float PiiModel::confidence(float margin) const {
  return 1 / (1 + std::exp(-(slope_ * std::log1p(std::max(margin, 0.0F)) + offset_)));
}

}  // namespace swy::text
