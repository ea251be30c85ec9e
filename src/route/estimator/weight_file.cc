#include "route/estimator/weight_file.h"

#include <fmt/format.h>

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

}  // namespace swy::route
