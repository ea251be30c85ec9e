#include "route/estimator/weight_file.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/hash.h"
#include "base/json.h"
#include "embed/safetensors.h"

namespace swy::route {
namespace {

constexpr std::string_view kFormat = "switchyard-router";

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_array();
  for (const std::string& n : names) w.string(n);
  w.end_array();
  return out;
}

Result<std::vector<std::string>> names_of(std::string_view text) {
  base::JsonDoc doc;
  SWY_TRY(const auto json, doc.parse(text));
  std::vector<std::string> out;
  json.each([&](const base::Json& item) { out.emplace_back(item.as_string().value_or("")); });
  return out;
}

}  // namespace

std::uint64_t WeightFile::hash() const {
  std::uint64_t h = base::hash64(features, base::hash64(type));
  for (const std::string& m : models) h = base::hash64(m, h + 1);
  for (const auto& [name, values] : tensors) {
    h = base::hash64(name, h);
    h = base::hash64({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)},
                     h);
  }
  for (const auto& [name, values] : words) {
    h = base::hash64(name, h + 1);
    h = base::hash64(
        {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])}, h);
  }
  return h;
}

Status WeightFile::save(const std::string& path) const {
  std::vector<embed::Tensor> out;
  for (const auto& [name, values] : tensors) {
    embed::Tensor t;
    t.name = name;
    t.shape = {values.size()};
    t.count = values.size();
    t.bytes = std::as_bytes(std::span(values));
    out.push_back(std::move(t));
  }
  for (const auto& [name, values] : words) {
    embed::Tensor t;
    t.name = name;
    t.dtype = embed::Dtype::kU32;
    t.shape = {values.size()};
    t.count = values.size();
    t.bytes = std::as_bytes(std::span(values));
    out.push_back(std::move(t));
  }
  const std::vector<std::pair<std::string, std::string>> metadata = {
      {"format", std::string(kFormat)},
      {"version", std::to_string(kVersion)},
      {"type", type},
      {"features", features},
      {"models", list_of(models)},
      {"hash", base::hex64(hash())}};
  return embed::write_safetensors(path, out, metadata);
}

Result<WeightFile> WeightFile::load(const std::string& path) {
  SWY_TRY(const auto file, embed::Safetensors::open(path));
  if (file.metadata("format") != kFormat)
    return fail(ErrorCode::kParse,
                fmt::format("{}: not a router's weight file; make one with `switchyard train "
                            "router`",
                            path));
  if (file.metadata("version") != std::to_string(kVersion))
    return fail(ErrorCode::kParse,
                fmt::format("{}: of version {}, this program reads {}; train it again", path,
                            file.metadata("version"), kVersion));
  WeightFile w;
  w.type = file.metadata("type");
  w.features = file.metadata("features");
  SWY_TRY(w.models, names_of(file.metadata("models")));
  for (const embed::Tensor& t : file.tensors()) {
    if (t.dtype == embed::Dtype::kU32) {
      std::vector<std::uint32_t>& values = w.words[t.name];
      values.resize(t.count);
      if (t.count > 0) std::memcpy(values.data(), t.bytes.data(), t.bytes.size());
      continue;
    }
    SWY_TRY(auto values, file.floats(t.name, t.shape));
    w.tensors.emplace(t.name, std::move(values));
  }
  const std::string found = base::hex64(w.hash());
  if (found != file.metadata("hash"))
    return fail(ErrorCode::kParse, fmt::format("{}: damaged: its content has the hash {}, it says "
                                               "{}",
                                               path, found, file.metadata("hash")));
  return w;
}

Result<std::vector<float>> WeightFile::tensor(std::string_view name, std::size_t size) const {
  const auto it = tensors.find(name);
  if (it == tensors.end() || it->second.size() != size)
    return fail(ErrorCode::kParse,
                fmt::format("weights of {}: tensor '{}' should have {} numbers, it has {}", type,
                            name, size, it == tensors.end() ? 0 : it->second.size()));
  return it->second;
}

Result<std::vector<std::uint32_t>> WeightFile::integers(std::string_view name,
                                                        std::size_t size) const {
  const auto it = words.find(name);
  if (it == words.end() || (size != kAny && it->second.size() != size))
    return fail(ErrorCode::kParse,
                fmt::format("weights of {}: words '{}' should be there{}", type, name,
                            size == kAny ? "" : fmt::format(", {} of them", size)));
  return it->second;
}

void WeightFile::put_doubles(const std::string& name, std::span<const double> values) {
  std::vector<std::uint32_t>& out = words[name];
  out.clear();
  for (const double v : values) {
    const auto bits = std::bit_cast<std::uint64_t>(v);
    out.push_back(static_cast<std::uint32_t>(bits));
    out.push_back(static_cast<std::uint32_t>(bits >> 32U));
  }
}

Result<std::vector<double>> WeightFile::doubles(std::string_view name, std::size_t size) const {
  SWY_TRY(const auto halves, integers(name, 2 * size));
  std::vector<double> out;
  for (std::size_t i = 0; i < size; ++i) {
    out.push_back(std::bit_cast<double>(halves[2 * i] | std::uint64_t{halves[2 * i + 1]} << 32U));
    if (!std::isfinite(out.back()))
      return fail(ErrorCode::kParse, fmt::format("weights of {}: '{}' is not finite", type, name));
  }
  return out;
}

}  // namespace swy::route
