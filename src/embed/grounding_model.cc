// A word's evidence through two small networks; see grounding_model.h.
//
// The first judges each word on its own features. An invented sentence, though, also has words that
// occur in the context, and a supported one a word that does not; so a second network sees the
// first one's logits of the word, its two neighbours, their mean, and mean and maximum of the
// sentence (stacked generalisation, Wolpert 1992). Platt scaling on held-out documents makes the
// result a probability. Cost: 2 x (features + 1) x units a word. Test: grounding_test.cc.
#include "embed/grounding_model.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "base/hash.h"
#include "base/json.h"

namespace swy::embed {
namespace {

constexpr std::size_t kExact = 7, kAbsent = 9;
static_assert(kGroundingFeatures[kExact] == "exact" && kGroundingFeatures[kAbsent] == "absent");
constexpr std::array<std::string_view, 3> kInputNames = {"lexical", "encoder", "detector"};

float run_net(const GroundingNet& net, std::span<const float> x) {
  std::array<float, kMaxGroundingHidden> sum;
  const std::size_t units = net.units();
  std::copy_n(net.hidden_bias.data(), units, sum.data());
  for (std::size_t i = 0; i < net.inputs; ++i) {
    if (x[i] == 0) continue;  // most are
    const float* w = net.hidden.data() + i * units;
    for (std::size_t u = 0; u < units; ++u) sum[u] += w[u] * x[i];
  }
  float z = net.out_bias;
  for (std::size_t u = 0; u < units; ++u) z += net.out[u] * std::max(sum[u], 0.0F);
  return z;
}

bool finite(std::span<const float> v) {
  return std::all_of(v.begin(), v.end(), [](float x) { return std::isfinite(x); });
}

bool fits(const GroundingNet& net, std::size_t inputs) {
  return net.inputs == inputs && net.units() > 0 && net.units() <= kMaxGroundingHidden &&
         net.hidden.size() == net.units() * inputs && net.out.size() == net.units() &&
         finite(net.hidden) && finite(net.hidden_bias) && finite(net.out) &&
         std::isfinite(net.out_bias);
}

bool fits(const GroundingCurve& c) {
  return c.x.size() == c.y.size() && c.x.size() <= 4096 && finite(c.x) && finite(c.y) &&
         std::is_sorted(c.x.begin(), c.x.end()) && std::is_sorted(c.y.begin(), c.y.end());
}

void write_floats(base::JsonWriter& w, std::string_view key, std::span<const float> values) {
  std::string list = "[";
  for (const float v : values) {
    if (list.size() > 1) list += ',';
    list += fmt::format("{:.6g}", v);
  }
  w.key(key).raw(list + "]");
}

void write_net(base::JsonWriter& w, std::string_view key, const GroundingNet& net) {
  w.key(key).begin_object();
  write_floats(w, "hidden", net.hidden);
  write_floats(w, "hidden_bias", net.hidden_bias);
  write_floats(w, "out", net.out);
  w.field("out_bias", static_cast<double>(net.out_bias)).end_object();
}

std::vector<float> floats(const base::Json& object, std::string_view key) {
  std::vector<float> out;
  if (const auto list = object.find(key)) {
    list->each([&](const base::Json& v) {
      out.push_back(static_cast<float>(v.as_number().value_or(std::nan(""))));
    });
  }
  return out;
}

GroundingNet read_net(const base::Json& stage, std::string_view key, std::size_t inputs) {
  GroundingNet net;
  const auto object = stage.find(key);
  if (!object) return net;
  net.inputs = inputs;
  net.hidden = floats(*object, "hidden");
  net.hidden_bias = floats(*object, "hidden_bias");
  net.out = floats(*object, "out");
  net.out_bias = static_cast<float>(object->number_or("out_bias", std::nan("")));
  return net;
}

GroundingCurve read_curve(const base::Json& stage, std::string_view key) {
  GroundingCurve c;
  if (const auto object = stage.find(key)) {
    c.x = floats(*object, "x");
    c.y = floats(*object, "y");
  }
  return c;
}

void write_curve(base::JsonWriter& w, std::string_view key, const GroundingCurve& c) {
  w.key(key).begin_object();
  write_floats(w, "x", c.x);
  write_floats(w, "y", c.y);
  w.end_object();
}

Result<GroundingStage> read_stage(const base::Json& json) {
  GroundingStage s;
  const std::string_view input = json.string_or("input", "");
  const auto at = std::find(kInputNames.begin(), kInputNames.end(), input);
  if (at == kInputNames.end()) {
    return fail(ErrorCode::kParse, fmt::format("\"input\" is \"{}\"", input));
  }
  s.input = static_cast<GroundingInput>(at - kInputNames.begin());
  s.hash = std::string(json.string_or("hash", ""));
  s.word = read_net(json, "word", feature_count(s.input));
  s.around = read_net(json, "around", kAroundFeatures);
  s.slope = static_cast<float>(json.number_or("slope", std::nan("")));
  s.offset = static_cast<float>(json.number_or("offset", std::nan("")));
  s.threshold = static_cast<float>(json.number_or("threshold", std::nan("")));
  s.span = read_curve(json, "span");
  s.answer = read_curve(json, "answer");
  return s;
}

Status check_features(const base::Json& json) {
  std::size_t n = 0;
  bool same = true;
  if (const auto list = json.find("features")) {
    list->each([&](const base::Json& v) {
      same = same && n < kAllFeatures && v.as_string() == kGroundingFeatures[n];
      ++n;
    });
  }
  if (same && n == kAllFeatures) return {};
  return fail(ErrorCode::kUnsupported,
              "\"features\" are not those of this version; train it again");
}

}  // namespace

float GroundingCurve::at(float v) const {
  if (x.empty()) return v;
  if (v <= x.front()) return y.front();
  if (v >= x.back()) return y.back();
  const auto up = std::upper_bound(x.begin(), x.end(), v);
  const auto i = static_cast<std::size_t>(up - x.begin());
  const float width = x[i] - x[i - 1];
  const float t = width > 0 ? (v - x[i - 1]) / width : 0.0F;
  return y[i - 1] + t * (y[i] - y[i - 1]);
}

std::size_t feature_count(GroundingInput input) {
  switch (input) {
    case GroundingInput::kLexical:
      return kLexicalFeatures;
    case GroundingInput::kEncoder:
      return kEncoderFeatures;
    case GroundingInput::kDetector:
      return kAllFeatures;
  }
  return 0;
}

void around_features(std::span<const float> z, const math::Matrix& features,
                     std::span<const std::uint32_t> sentences, math::Matrix& out) {
  const std::size_t n = z.size();
  out.reset(n, kAroundFeatures);
  const auto squash = [&](std::size_t i) { return std::clamp(z[i], -8.0F, 8.0F) / 4; };
  for (std::size_t first = 0, last = 0; first < n; first = last) {
    float sum = 0, most = -2;
    while (last < n && sentences[last] == sentences[first]) {
      sum += squash(last);
      most = std::max(most, squash(last));
      ++last;
    }
    for (std::size_t i = first; i < last; ++i) {
      const auto row = out.row(i);
      const float own = squash(i);
      row[0] = own;
      row[1] = i > first ? squash(i - 1) : -1.0F;
      row[2] = i + 1 < last ? squash(i + 1) : -1.0F;
      const std::size_t from = i < first + 2 ? first : i - 2;
      const std::size_t to = std::min(last, i + 3);
      float near = 0;
      for (std::size_t k = from; k < to; ++k) near += squash(k);
      row[3] = near / static_cast<float>(to - from);
      row[4] = sum / static_cast<float>(last - first);
      row[5] = most;
      row[6] = features.row(i)[4] + features.row(i)[5];  // function word or negation
      row[7] = features.row(i)[0] + features.row(i)[1] + features.row(i)[2];
      row[8] = features.row(i)[kAbsent];
      row[9] = features.row(i)[kExact];
    }
  }
}

void score_words(const GroundingStage& stage, const math::Matrix& features,
                 std::span<const std::uint32_t> sentences, GroundingBuffers& buffers) {
  const std::size_t n = features.rows();
  buffers.z.resize(n);
  buffers.words.resize(n);
  for (std::size_t i = 0; i < n; ++i) buffers.z[i] = run_net(stage.word, features.row(i));
  around_features(buffers.z, features, sentences, buffers.around);
  for (std::size_t i = 0; i < n; ++i) {
    const float z = run_net(stage.around, buffers.around.row(i));
    buffers.words[i] = 1 / (1 + std::exp(-(stage.slope * z + stage.offset)));
  }
}

void find_runs(std::span<const float> words, std::span<const std::uint32_t> sentences,
               float threshold, std::vector<GroundingRun>& out) {
  out.clear();
  constexpr std::uint32_t kGap = 2;
  for (std::uint32_t i = 0; i < words.size(); ++i) {
    if (words[i] < threshold) continue;
    bool joins =
        !out.empty() && i - out.back().last <= kGap && sentences[i] == sentences[out.back().first];
    for (std::uint32_t k = joins ? out.back().last : i; k < i; ++k) {
      joins = joins && words[k] >= threshold / 2;
    }
    if (joins) {
      out.back().last = i + 1;
    } else {
      out.push_back({i, i + 1, 0});
    }
  }
  for (GroundingRun& run : out) {
    float sum = 0, most = 0;
    for (std::uint32_t i = run.first; i < run.last; ++i) {
      sum += words[i];
      most = std::max(most, words[i]);
    }
    run.score = (most + sum / static_cast<float>(run.last - run.first)) / 2;
  }
}

Status check_model(const GroundingModel& model) {
  const auto wrong = [](std::string what) {
    return fail(ErrorCode::kInvalidArgument, "grounding model: " + std::move(what));
  };
  if (model.stages.empty() || model.stages.size() > 8) return wrong("it has no stage");
  for (const GroundingStage& s : model.stages) {
    const std::string_view name = kInputNames[static_cast<std::size_t>(s.input)];
    if (!fits(s.word, feature_count(s.input))) return wrong(fmt::format("{}: \"word\"", name));
    if (!fits(s.around, kAroundFeatures)) return wrong(fmt::format("{}: \"around\"", name));
    if (!fits(s.span) || !fits(s.answer)) return wrong(fmt::format("{}: a curve", name));
    const bool good =
        std::isfinite(s.slope) && std::isfinite(s.offset) && s.threshold > 0 && s.threshold < 1;
    if (!good) return wrong(fmt::format("{}: slope, offset or threshold", name));
  }
  return {};
}

std::string model_text(const GroundingModel& model) {
  std::string text;
  base::JsonWriter w(text);
  w.begin_object().field("kind", "grounding").field("version", kGroundingVersion);
  w.key("features").begin_array();
  for (const std::string_view name : kGroundingFeatures) w.string(name);
  w.end_array().key("stages").begin_array();
  for (const GroundingStage& s : model.stages) {
    w.begin_object().field("input", kInputNames[static_cast<std::size_t>(s.input)]);
    w.field("hash", s.hash);
    write_net(w, "word", s.word);
    write_net(w, "around", s.around);
    w.field("slope", static_cast<double>(s.slope)).field("offset", static_cast<double>(s.offset));
    w.field("threshold", static_cast<double>(s.threshold));
    write_curve(w, "span", s.span);
    write_curve(w, "answer", s.answer);
    w.end_object();
  }
  w.end_array().key("figures").raw(model.figures).key("provenance").raw(model.provenance);
  w.end_object();
  return text + "\n";
}

Result<GroundingModel> read_model(std::string_view text, const std::string& name) {
  base::JsonDoc doc;
  const auto json = doc.parse(text);
  if (!json) return fail_in(name, json.error());
  const auto bad = [&](ErrorCode code, std::string what) {
    return fail(code, name + ": " + std::move(what));
  };
  if (json->string_or("kind", "") != "grounding") {
    return bad(ErrorCode::kParse, "it is no grounding model (\"kind\")");
  }
  if (json->integer_or("version", 0) != kGroundingVersion) {
    return bad(ErrorCode::kUnsupported,
               fmt::format("version {}; this program reads {}", json->integer_or("version", 0),
                           kGroundingVersion));
  }
  if (const auto same = check_features(*json); !same) return fail_in(name, same.error());
  GroundingModel model;
  std::optional<Error> error;
  if (const auto stages = json->find("stages")) {
    stages->each([&](const base::Json& v) {
      auto stage = read_stage(v);
      if (stage) {
        model.stages.push_back(std::move(*stage));
      } else if (!error) {
        error = stage.error();
      }
    });
  }
  if (error) return fail_in(name, *error);
  if (const auto good = check_model(model); !good)
    return bad(ErrorCode::kParse, good.error().message);
  if (const auto figures = json->find("figures")) model.figures = figures->to_string();
  if (const auto p = json->find("provenance")) model.provenance = p->to_string();
  model.content_hash = base::hex64(base::hash64(text));
  return model;
}

}  // namespace swy::embed
