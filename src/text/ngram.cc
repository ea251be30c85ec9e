// Feature hashing of words and word pairs.
//
// What: tf(f) = how often feature f occurs; weight(f) = (1 + ln tf(f)) / sqrt(sum over g of (1 + ln
// tf(g))^2). Why: sublinear tf keeps a repeated word from drowning the rest; unit length makes the
// dot product the cosine. Cost: O(bytes + features); the ids are sorted by a two-pass radix sort
// (18 bits), short lists by std::sort. When it loses: paraphrases without common words; texts above
// max_features distinct features (the kept sample of the rare ones is the one with the lowest
// hashes, the same choice in every text, so that similar texts keep the same ones: Broder 1997).
// Collisions: with 512 features of 2^18 buckets about one feature in 500 falls on another one's
// bucket. Unsigned: no sign bit. Source: Weinberger et al., Feature Hashing for Large Scale
// Multitask Learning, arXiv 0902.2206; sublinear tf: Manning et al., Introduction to Information
// Retrieval, 6.4.1. Test: ngram_test.cc.
#include "text/ngram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "text/base64.h"
#include "text/utf8.h"

namespace swy::text {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kSmall =
    96;  // below this std::sort is faster than clearing two histograms (text_bench)

// Finaliser of SplitMix64; the top bits are the best mixed.
std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}
std::uint32_t bucket(std::uint64_t h) { return static_cast<std::uint32_t>(mix(h) >> 46U); }

// The ASCII part of is_word, fold and "digits read as 0" in one look-up; 0 ends a word.
constexpr std::array<char, 128> kAscii = [] {
  std::array<char, 128> t{};
  for (std::size_t c = 0; c < 26; ++c) {
    t['a' + c] = static_cast<char>('a' + c);
    t['A' + c] = static_cast<char>('a' + c);
  }
  for (std::size_t c = '0'; c <= '9'; ++c) t[c] = '0';
  t['_'] = '_';
  return t;
}();

// Calls f(hash of a word) for each of the first kMaxSketchWords words.
template <typename F>
void for_each_word(std::string_view text, F&& f) {
  constexpr std::uint64_t kStart = 0xCBF29CE484222325ULL;  // FNV-1a, 64 bits
  constexpr std::uint64_t kPrime = 0x100000001B3ULL;
  std::uint64_t h = kStart;
  std::size_t words = 0;
  const auto end_word = [&] {
    if (h == kStart) return;
    f(h);
    ++words;
    h = kStart;
  };
  for (std::size_t i = 0; i < text.size() && words < kMaxSketchWords;) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      ++i;
      if (const char k = kAscii[c]; k != 0) {
        h = (h ^ static_cast<unsigned char>(k)) * kPrime;
      } else {
        end_word();
      }
      continue;
    }
    const Decoded d = decode_multibyte(text, i);
    i += d.size;
    if (!is_word(d.cp)) {
      end_word();
    } else if (is_cjk(d.cp)) {
      end_word();
      h = (h ^ d.cp) * kPrime;
      end_word();
    } else {
      h = (h ^ fold(d.cp)) * kPrime;
    }
  }
  if (words < kMaxSketchWords) end_word();
}

// Sorts the first half of `f` (2n entries) by id, using the second half.
void radix_sort(std::span<Feature> f, std::size_t n) {
  std::array<std::array<std::uint32_t, 512>, 2> at{};
  for (std::size_t i = 0; i < n; ++i) {
    ++at[0][f[i].id & 511U];
    ++at[1][f[i].id >> 9U];
  }
  for (auto& row : at) {
    std::uint32_t sum = 0;
    for (std::uint32_t& c : row) {
      const std::uint32_t count = c;
      c = sum;
      sum += count;
    }
  }
  for (std::size_t i = 0; i < n; ++i) f[n + at[0][f[i].id & 511U]++].id = f[i].id;
  for (std::size_t i = n; i < 2 * n; ++i) f[at[1][f[i].id >> 9U]++].id = f[i].id;
}

// Keeps the `limit` features with the highest counts, of equal ones those with the lowest ids.
// `counts` is scratch as well.
void keep_strongest(std::vector<Feature>& f, std::vector<std::uint32_t>& counts,
                    std::size_t limit) {
  const std::size_t all = counts.size();
  if (all <= limit) return;
  counts.resize(2 * all);
  std::copy_n(counts.begin(), all, counts.begin() + static_cast<std::ptrdiff_t>(all));
  const auto first = counts.begin() + static_cast<std::ptrdiff_t>(all);
  const auto nth = first + static_cast<std::ptrdiff_t>(limit - 1);
  std::nth_element(first, nth, counts.end(), std::greater<>());
  const std::uint32_t least = *nth;
  std::size_t ties = limit - static_cast<std::size_t>(std::count_if(
                                 first, nth, [&](std::uint32_t c) { return c > least; }));
  std::size_t kept = 0;
  for (std::size_t i = 0; i < all; ++i) {
    if (counts[i] < least || (counts[i] == least && ties == 0)) continue;
    if (counts[i] == least) --ties;
    f[kept].id = f[i].id;
    counts[kept++] = counts[i];
  }
  f.resize(kept);
  counts.resize(kept);
}

void put_number(std::string& out, std::uint32_t v) {
  for (; v >= 0x80; v >>= 7U)
    out.push_back(static_cast<char>(static_cast<unsigned char>(v | 0x80U)));
  out.push_back(static_cast<char>(v));
}

bool get_number(std::string_view& in, std::uint32_t& v) {
  v = 0;
  for (std::uint32_t shift = 0; shift < 28; shift += 7) {
    if (in.empty()) return false;
    const auto b = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    v |= (b & 0x7FU) << shift;
    if (b < 0x80) return shift == 0 || b != 0;  // the shortest form only
  }
  return false;
}

}  // namespace

void Sketch::weigh() {
  double sum = 0;
  for (std::size_t i = 0; i < features_.size(); ++i) {
    const double w = counts_[i] == 1 ? 1.0 : 1.0 + std::log(static_cast<double>(counts_[i]));
    features_[i].weight = static_cast<float>(w);
    sum += w * w;
  }
  norm_ = static_cast<float>(std::sqrt(sum));
  for (Feature& f : features_) f.weight /= norm_;
}

void sketch_into(std::string_view text, Sketch& out, SketchOptions options) {
  std::vector<Feature>& f = out.features_;
  std::vector<std::uint32_t>& counts = out.counts_;
  f.clear();
  counts.clear();
  std::uint64_t before = 0;
  for_each_word(text, [&](std::uint64_t h) {
    f.push_back({bucket(h), 0});
    if (before != 0) f.push_back({bucket(before * 0x9E3779B97F4A7C15ULL + h), 0});
    before = h;
  });
  const std::size_t n = f.size();
  if (n < kSmall) {
    std::sort(f.begin(), f.end(), [](const Feature& a, const Feature& b) { return a.id < b.id; });
  } else {
    f.resize(2 * n);
    radix_sort(f, n);
    f.resize(n);
  }
  std::size_t kinds = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (kinds > 0 && f[kinds - 1].id == f[i].id) {
      ++counts[kinds - 1];
    } else {
      f[kinds++].id = f[i].id;
      counts.push_back(1);
    }
  }
  f.resize(kinds);
  keep_strongest(f, counts, std::max<std::size_t>(1, options.max_features));
  out.weigh();
}

Sketch make_sketch(std::string_view text, SketchOptions options) {
  Sketch s;
  sketch_into(text, s, options);
  return s;
}

std::string Sketch::to_text() const {
  std::string bytes;
  bytes.push_back(static_cast<char>(kFormat));
  put_number(bytes, static_cast<std::uint32_t>(features_.size()));
  std::uint32_t before = 0;
  for (std::size_t i = 0; i < features_.size(); ++i) {
    put_number(bytes, features_[i].id - before);
    put_number(bytes, counts_[i]);
    before = features_[i].id;
  }
  return base64_encode(bytes);
}

Result<Sketch> Sketch::parse(std::string_view text) {
  SWY_TRY(const std::string bytes, base64_decode(text));
  std::string_view in = bytes;
  const auto bad = [](std::string_view what) {
    return fail(ErrorCode::kParse, "sketch: " + std::string(what));
  };
  if (in.empty() || in.front() != static_cast<char>(kFormat)) return bad("unknown version");
  in.remove_prefix(1);
  std::uint32_t n = 0;
  if (!get_number(in, n) || n > in.size() / 2)
    return bad("number of features does not fit the length");
  Sketch s;
  s.features_.reserve(n);
  s.counts_.reserve(n);
  std::uint32_t id = 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    std::uint32_t step = 0;
    std::uint32_t count = 0;
    if (!get_number(in, step) || !get_number(in, count)) return bad("cut short");
    if (count == 0 || (i > 0 && step == 0) || step >= kSketchBuckets - id)
      return bad("no such feature");
    id += step;
    s.features_.push_back({id, 0});
    s.counts_.push_back(count);
  }
  if (!in.empty()) return bad("bytes after the end");
  s.weigh();
  return s;
}

double cosine(std::span<const Feature> a, std::span<const Feature> b) {
  double sum = 0;
  for (std::size_t i = 0, k = 0; i < a.size() && k < b.size();) {
    if (a[i].id == b[k].id)
      sum += static_cast<double>(a[i].weight) * static_cast<double>(b[k].weight);
    const std::uint32_t left = a[i].id;
    const std::uint32_t right = b[k].id;
    i += static_cast<std::size_t>(left <= right);
    k += static_cast<std::size_t>(right <= left);
  }
  return std::min(sum, 1.0);
}

}  // namespace swy::text
