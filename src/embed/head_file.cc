// Head files are safetensors (safetensors.h) with one JSON text in the metadata, so any tool that
// reads those lists a head. Reading is total: sizes are checked before memory is taken, every
// number must be finite, the content hash must fit. Tests: head_test.cc; fuzz/head_fuzz.cc.
#include "embed/head_file.h"

#include <fmt/core.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <span>

#include "base/hash.h"
#include "base/json.h"
#include "embed/safetensors.h"

namespace swy::embed {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are copied as they are");

std::string hash_of(std::string_view data, std::string_view metadata) {
  return base::hex64(base::hash64(data, base::hash64(metadata)));
}

// ---- writing

class Writer {
 public:
  template <typename T>
  void tensor(std::string_view name, const std::vector<T>& values, std::vector<std::size_t> shape) {
    if (values.empty()) return;
    const std::size_t begin = data_.size();
    data_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    base::JsonWriter w(entry_);
    w.begin_object().field("dtype", dtype(T{})).key("shape").begin_array();
    for (const std::size_t n : shape) w.integer(static_cast<std::int64_t>(n));
    w.end_array().key("data_offsets").begin_array();
    w.integer(static_cast<std::int64_t>(begin)).integer(static_cast<std::int64_t>(data_.size()));
    w.end_array().end_object();
    header_.append(",");
    base::append_json_string(header_, name);
    header_.append(":").append(entry_);
    entry_.clear();
  }

  std::string finish(const std::string& head) {
    const std::string hash = hash_of(data_, head);
    std::string meta = "{\"__metadata__\":";
    base::JsonWriter w(meta);
    w.begin_object().field("format", "switchyard-head").field("content_hash", hash);
    w.field("head", head).end_object();
    meta.append(header_).append("}");
    while (meta.size() % 8 != 0) meta.push_back(' ');
    const std::uint64_t size = meta.size();
    std::string out(8, '\0');
    std::memcpy(out.data(), &size, 8);
    return out.append(meta).append(data_);
  }

 private:
  static const char* dtype(float) { return "F32"; }
  static const char* dtype(std::int8_t) { return "I8"; }
  static const char* dtype(std::uint8_t) { return "U8"; }
  std::string header_, data_, entry_;
};

void write_stage(Writer& w, const std::string& prefix, const HeadStage& s, std::size_t labels) {
  const std::size_t rows = s.gram_scale.size();
  w.tensor(prefix + ".gram_scale", s.gram_scale, {rows});
  w.tensor(prefix + ".projection", s.projection, {s.projected, s.dims});
  w.tensor(prefix + ".weights", s.weights, {labels, s.projected != 0 ? s.projected : s.dims});
  w.tensor(prefix + ".bias", s.bias, {labels});
  w.tensor(prefix + ".slope", s.slope, {labels});
  w.tensor(prefix + ".offset", s.offset, {labels});
  w.tensor(prefix + ".isotonic_x", s.isotonic_x, {s.isotonic_x.size()});
  w.tensor(prefix + ".isotonic_y", s.isotonic_y, {s.isotonic_y.size()});
  w.tensor(prefix + ".scope", s.scope, {s.scope.size()});
}

// After all floats, so that those stay aligned.
void write_bytes(Writer& w, const std::string& prefix, const HeadStage& s, std::size_t labels) {
  const std::size_t rows = s.gram_scale.size();
  w.tensor(prefix + ".gram_idf", s.gram_idf, {rows});
  w.tensor(prefix + ".gram_weights", s.gram_weights, {rows, labels});
}

void stage_json(base::JsonWriter& w, const HeadStage& s) {
  w.begin_object().field("gram_bits", s.gram_bits);
  w.field("gram_idf_step", static_cast<double>(s.gram_idf_step));
  w.field("dims", std::uint64_t{s.dims}).field("projected", std::uint64_t{s.projected});
  w.field("cheap_weight", static_cast<double>(s.cheap_weight)).end_object();
}

// ---- reading

class Reader {
 public:
  explicit Reader(const Safetensors& file) : file_(file) {}

  // A tensor that must have `count` values of T; with count 0 it is not looked for.
  template <typename T>
  Status tensor(const std::string& name, std::size_t count, std::vector<T>& out) const {
    if (count == 0) return {};
    const Tensor* found = file_.find(name);
    if (found == nullptr) return fail(ErrorCode::kParse, fmt::format("tensor {} is missing", name));
    return copy(*found, count, out);
  }
  // A tensor of any length up to `limit`, or none.
  Status any(const std::string& name, std::size_t limit, std::vector<float>& out) const {
    const Tensor* found = file_.find(name);
    if (found == nullptr) return {};
    if (found->count > limit) {
      return fail(ErrorCode::kParse, fmt::format("tensor {} is too long", name));
    }
    return copy(*found, found->count, out);
  }

 private:
  template <typename T>
  static Status copy(const Tensor& tensor, std::size_t count, std::vector<T>& out) {
    constexpr Dtype kType =
        std::is_same_v<T, float> ? Dtype::kF32 : (std::is_signed_v<T> ? Dtype::kI8 : Dtype::kU8);
    if (tensor.dtype != kType || tensor.count != count) {
      return fail(ErrorCode::kParse, fmt::format("tensor {} is not {} values of type {}",
                                                 tensor.name, count, to_string(kType)));
    }
    out.resize(count);
    if (count > 0) std::memcpy(out.data(), tensor.bytes.data(), count * sizeof(T));
    return {};
  }

  const Safetensors& file_;
};

Result<std::size_t> count_of(base::Json json, std::string_view key, std::size_t limit) {
  const std::int64_t n = json.integer_or(key, 0);
  if (n < 0 || static_cast<std::size_t>(n) > limit) {
    return fail(ErrorCode::kParse, fmt::format("{} is out of range", key));
  }
  return static_cast<std::size_t>(n);
}

constexpr std::size_t kMaxKnots = 65536;

Result<HeadStage> read_stage(base::Json json, const Reader& r, const std::string& prefix,
                             std::size_t labels) {
  HeadStage s;
  SWY_TRY(const std::size_t bits, count_of(json, "gram_bits", kMaxGramBits));
  s.gram_bits = static_cast<unsigned>(bits);
  s.gram_idf_step = static_cast<float>(json.number_or("gram_idf_step", 0));
  SWY_TRY(s.dims, count_of(json, "dims", kMaxHeadDims));
  SWY_TRY(s.projected, count_of(json, "projected", kMaxHeadDims));
  s.cheap_weight = static_cast<float>(json.number_or("cheap_weight", 0));
  const std::size_t rows = bits == 0 ? 0 : std::size_t{1} << bits;
  SWY_DO(r.tensor(prefix + ".gram_weights", rows * labels, s.gram_weights));
  SWY_DO(r.tensor(prefix + ".gram_scale", rows, s.gram_scale));
  SWY_DO(r.tensor(prefix + ".gram_idf", rows, s.gram_idf));
  SWY_DO(r.tensor(prefix + ".projection", s.projected * s.dims, s.projection));
  SWY_DO(
      r.tensor(prefix + ".weights", labels * (s.projected != 0 ? s.projected : s.dims), s.weights));
  SWY_DO(r.tensor(prefix + ".bias", labels, s.bias));
  SWY_DO(r.tensor(prefix + ".slope", labels, s.slope));
  SWY_DO(r.tensor(prefix + ".offset", labels, s.offset));
  SWY_DO(r.any(prefix + ".isotonic_x", kMaxKnots, s.isotonic_x));
  SWY_DO(r.any(prefix + ".isotonic_y", kMaxKnots, s.isotonic_y));
  SWY_DO(r.any(prefix + ".scope", kMaxKnots, s.scope));
  return s;
}

Status read_labels(base::Json json, HeadData& head) {
  const auto labels = json.find("labels");
  if (!labels || labels->size() == 0 || labels->size() > kMaxHeadLabels) {
    return fail(ErrorCode::kParse, "labels are missing, or too many");
  }
  bool ok = true;
  labels->each([&](base::Json v) {
    const auto text = v.as_string();
    ok = ok && text && !text->empty();
    head.labels.emplace_back(text.value_or(""));
  });
  return ok ? Status{} : fail(ErrorCode::kParse, "a label is not a text");
}

Status read_meta(base::Json json, const Reader& r, HeadData& head) {
  if (json.integer_or("version", 0) != kHeadVersion) {
    return fail(ErrorCode::kParse, fmt::format("version is not {}", kHeadVersion));
  }
  head.name = std::string(json.string_or("name", ""));
  head.type = std::string(json.string_or("type", ""));
  head.multilabel = json.bool_or("multilabel", false);
  head.static_hash = std::string(json.string_or("static_hash", ""));
  head.encoder_hash = std::string(json.string_or("encoder_hash", ""));
  head.encoder_name = std::string(json.string_or("encoder_name", ""));
  head.unsure_below = static_cast<float>(json.number_or("unsure_below", 0));
  head.abstain_below = static_cast<float>(json.number_or("abstain_below", 0));
  head.out_of_scope_above = static_cast<float>(json.number_or("out_of_scope_above", 1));
  if (const auto v = json.find("figures")) head.figures = v->to_string();
  if (const auto v = json.find("provenance")) head.provenance = v->to_string();
  SWY_DO(read_labels(json, head));
  const std::size_t n = head.labels.size();
  if (const auto v = json.find("cheap")) {
    SWY_TRY(head.cheap, read_stage(*v, r, "cheap", n));
  }
  if (const auto v = json.find("encoder")) {
    SWY_TRY(head.encoder, read_stage(*v, r, "encoder", n));
  }
  return {};
}

bool finite(std::span<const float> values) {
  for (const float v : values) {
    if (!std::isfinite(v)) return false;
  }
  return true;
}

bool ascending(std::span<const float> values) {
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i] < values[i - 1]) return false;
  }
  return true;
}

Status check_stage(const HeadStage& s, const std::string& prefix, std::size_t labels) {
  const auto wrong = [&](std::string_view what) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}.{}", prefix, what));
  };
  const std::size_t rows = s.gram_bits == 0 ? 0 : std::size_t{1} << s.gram_bits;
  if (s.gram_bits > kMaxGramBits || s.gram_scale.size() != rows || s.gram_idf.size() != rows ||
      s.gram_weights.size() != rows * labels) {
    return wrong("gram tensors do not fit gram_bits");
  }
  const std::size_t width = s.projected != 0 ? s.projected : s.dims;
  if (s.dims > kMaxHeadDims || (s.projected != 0 && s.dims == 0) ||
      s.projection.size() != s.projected * s.dims || s.weights.size() != labels * width) {
    return wrong("embedding tensors do not fit dims");
  }
  if (rows == 0 && s.dims == 0) return wrong("gram_bits and dims are both 0");
  if (s.bias.size() != labels || s.slope.size() != labels || s.offset.size() != labels) {
    return wrong("bias, slope and offset need a value per label");
  }
  if (s.isotonic_x.size() != s.isotonic_y.size() || !ascending(s.isotonic_x) ||
      !ascending(s.isotonic_y)) {
    return wrong("isotonic_x and isotonic_y are not a rising curve");
  }
  if (!ascending(s.scope)) return wrong("scope does not rise");
  for (const auto& [name, values] : {std::pair{"gram_scale", &s.gram_scale},
                                     {"projection", &s.projection},
                                     {"weights", &s.weights},
                                     {"bias", &s.bias},
                                     {"slope", &s.slope},
                                     {"offset", &s.offset},
                                     {"isotonic_x", &s.isotonic_x},
                                     {"isotonic_y", &s.isotonic_y},
                                     {"scope", &s.scope}}) {
    if (!finite(*values)) return wrong(fmt::format("{} holds a number that is not finite", name));
  }
  const float scalars[] = {s.gram_idf_step, s.cheap_weight};
  return finite(scalars) ? Status{} : wrong("gram_idf_step or cheap_weight is not finite");
}

}  // namespace

Status check_head(const HeadData& head) {
  if (head.labels.empty() || head.labels.size() > kMaxHeadLabels) {
    return fail(ErrorCode::kInvalidArgument, "labels are missing, or too many");
  }
  if (!head.cheap && !head.encoder) {
    return fail(ErrorCode::kInvalidArgument, "there is neither a cheap nor an encoder stage");
  }
  if (head.cheap) SWY_DO(check_stage(*head.cheap, "cheap", head.labels.size()));
  if (head.encoder) {
    SWY_DO(check_stage(*head.encoder, "encoder", head.labels.size()));
    if (head.encoder->gram_bits != 0) {
      return fail(ErrorCode::kInvalidArgument, "encoder.gram_bits: grams belong to cheap");
    }
  }
  const float scalars[] = {head.unsure_below, head.abstain_below, head.out_of_scope_above};
  if (!finite(scalars)) return fail(ErrorCode::kInvalidArgument, "a threshold is not finite");
  return {};
}

std::string head_bytes(const HeadData& head) {
  std::string json;
  base::JsonWriter w(json);
  w.begin_object().field("version", kHeadVersion).field("name", head.name).field("type", head.type);
  w.key("labels").begin_array();
  for (const std::string& label : head.labels) w.string(label);
  w.end_array().field("multilabel", head.multilabel);
  w.field("static_hash", head.static_hash).field("encoder_hash", head.encoder_hash);
  w.field("encoder_name", head.encoder_name);
  w.field("unsure_below", static_cast<double>(head.unsure_below));
  w.field("abstain_below", static_cast<double>(head.abstain_below));
  w.field("out_of_scope_above", static_cast<double>(head.out_of_scope_above));
  if (head.cheap) stage_json(w.key("cheap"), *head.cheap);
  if (head.encoder) stage_json(w.key("encoder"), *head.encoder);
  w.key("figures").raw(head.figures).key("provenance").raw(head.provenance).end_object();
  Writer out;
  if (head.cheap) write_stage(out, "cheap", *head.cheap, head.labels.size());
  if (head.encoder) write_stage(out, "encoder", *head.encoder, head.labels.size());
  if (head.cheap) write_bytes(out, "cheap", *head.cheap, head.labels.size());
  return out.finish(json);
}

Result<HeadData> read_head(std::string_view bytes) {
  SWY_TRY(const Safetensors file, Safetensors::parse(std::as_bytes(std::span(bytes)), "head"));
  if (file.metadata("format") != "switchyard-head") {
    return fail(ErrorCode::kParse, "not a head file: its metadata's format is not switchyard-head");
  }
  HeadData head;
  head.metadata = std::string(file.metadata("head"));
  head.content_hash = std::string(file.metadata("content_hash"));
  std::uint64_t size = 0;  // parse() has checked it
  std::memcpy(&size, bytes.data(), 8);
  if (head.content_hash != hash_of(bytes.substr(8 + size), head.metadata)) {
    return fail(ErrorCode::kParse, "the content hash does not fit: damaged, cut off or changed");
  }
  base::JsonDoc doc;
  const auto json = doc.parse(head.metadata);
  if (!json) return fail(ErrorCode::kParse, "metadata: " + json.error().message);
  SWY_DO(read_meta(*json, Reader(file), head));
  if (auto ok = check_head(head); !ok) return fail(ErrorCode::kParse, ok.error().message);
  return head;
}

}  // namespace swy::embed
