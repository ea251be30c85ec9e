// The header of .npy is a Python dict as text: {'descr': '<f4', 'fortran_order': False, 'shape':
// (3, 4), }. float64 and integers become float32; bfloat16 is what ml_dtypes writes: two bytes
// without a type
// ('<V2', '|V2').
#include "score_file.h"

#include <fmt/core.h>

#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "base/doc.h"
#include "embed/safetensors.h"

namespace swy::app {
namespace {

struct Array {
  std::string type;  // as .npy or safetensors spell it
  std::vector<std::size_t> shape;
  std::string_view data;
};

tl::unexpected<Error> broken(const std::string& path, std::string_view why) {
  return fail(ErrorCode::kParse, fmt::format("{}: {}", path, why));
}

// What stands after 'key': up to the next comma or brace.
std::optional<std::string_view> value_of(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}'", key));
  if (at == std::string_view::npos) return std::nullopt;
  std::size_t from = header.find(':', at);
  if (from == std::string_view::npos) return std::nullopt;
  from = header.find_first_not_of(' ', from + 1);
  if (from == std::string_view::npos) return std::nullopt;
  const bool tuple = header[from] == '(';
  const std::size_t to = header.find(tuple ? ")" : ",}", from);
  const std::size_t end = tuple ? to : header.find_first_of(",}", from);
  if (end == std::string_view::npos) return std::nullopt;
  return header.substr(from, end - from);
}

std::optional<std::vector<std::size_t>> shape_of(std::string_view tuple) {
  std::vector<std::size_t> shape;
  for (std::size_t i = 1; i < tuple.size();) {
    const std::size_t digits = tuple.find_first_not_of(", ", i);
    if (digits == std::string_view::npos) break;
    std::size_t v = 0;
    const auto [end, error] =
        std::from_chars(tuple.data() + digits, tuple.data() + tuple.size(), v);
    if (error != std::errc() || v > std::numeric_limits<std::uint32_t>::max() || shape.size() == 8)
      return std::nullopt;
    shape.push_back(v);
    i = static_cast<std::size_t>(end - tuple.data());
  }
  return shape;
}

Result<Array> parse_npy(const std::string& path, std::string_view file) {
  if (file.size() < 12 || file.substr(0, 6) != "\x93NUMPY") return broken(path, "not a .npy file");
  const auto byte = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(file[i])}; };
  const bool long_size = byte(6) >= 2;
  const std::size_t start = long_size ? 12 : 10;
  std::size_t size = byte(8) | byte(9) << 8U;
  if (long_size) size |= byte(10) << 16U | byte(11) << 24U;
  if (size > file.size() - start) return broken(path, "the header ends beyond the file");
  const std::string_view header = file.substr(start, size);
  const auto type = value_of(header, "descr");
  const auto order = value_of(header, "fortran_order");
  const auto tuple = value_of(header, "shape");
  if (!type || !order || !tuple || type->size() < 4) return broken(path, "the header is damaged");
  if (*order != "False") return broken(path, "numbers are in Fortran order: save them in C order");
  const auto shape = shape_of(*tuple);
  if (!shape) return broken(path, "the shape is damaged");
  return Array{std::string(type->substr(1, type->size() - 2)), *shape, file.substr(start + size)};
}

Result<Array> find_tensor(const embed::Safetensors& file, std::string_view name) {
  const embed::Tensor* tensor = name.empty() ? nullptr : file.find(name);
  if (name.empty() && file.tensors().size() == 1) tensor = &file.tensors()[0];
  if (tensor == nullptr) {
    std::vector<std::string> known;
    for (const embed::Tensor& t : file.tensors()) known.push_back(t.name);
    return fail(ErrorCode::kInvalidArgument,
                name.empty() ? fmt::format("{} has {} tensors: name one with --tensor", file.name(),
                                           known.size())
                             : fmt::format("{} has no tensor '{}'{}", file.name(), name,
                                           base::did_you_mean(name, known)));
  }
  return Array{std::string(embed::to_string(tensor->dtype)),
               tensor->shape,
               {reinterpret_cast<const char*>(tensor->bytes.data()), tensor->bytes.size()}};
}

template <typename T>
void widen(std::string_view data, std::size_t count, std::vector<std::byte>& out) {
  out.resize(count * sizeof(float));
  for (std::size_t i = 0; i < count; ++i) {
    T v;
    std::memcpy(&v, data.data() + i * sizeof(T), sizeof(T));
    const auto f = static_cast<float>(v);
    std::memcpy(out.data() + i * sizeof(float), &f, sizeof(float));
  }
}

// Bytes of a number; 0: of a type that scores do not have.
std::size_t width_of(std::string_view t) {
  if (t == "<f8" || t == "F64" || t == "<i8" || t == "I64") return 8;
  if (t == "<f4" || t == "F32" || t == "<i4" || t == "I32") return 4;
  const bool half = t == "<f2" || t == "F16" || t == "<V2" || t == "|V2" || t == "BF16";
  return half ? 2 : 0;
}

// Takes `count` numbers over. REQUIRES: a type with a width.
void take(const Array& a, std::size_t count, ScoreFile& out) {
  const std::string& t = a.type;
  if (t == "<f8" || t == "F64") return widen<double>(a.data, count, out.bytes);
  if (t == "<i8" || t == "I64") return widen<std::int64_t>(a.data, count, out.bytes);
  if (t == "<i4" || t == "I32") return widen<std::int32_t>(a.data, count, out.bytes);
  if (t == "<f2" || t == "F16") out.type = moe::DType::kF16;
  if (t == "<V2" || t == "|V2" || t == "BF16") out.type = moe::DType::kBf16;
  const auto* from = reinterpret_cast<const std::byte*>(a.data.data());
  out.bytes.assign(from, from + count * width_of(t));
}

Result<ScoreFile> scores_of(const std::string& path, const Array& a) {
  std::size_t count = 1;
  for (const std::size_t d : a.shape) {
    if (d != 0 && count > std::numeric_limits<std::uint32_t>::max() / d * std::size_t{64})
      return broken(path, "too many numbers");
    count *= d;
  }
  if (a.shape.size() < 2 || a.shape.size() > 3)
    return broken(path,
                  fmt::format("scores have two dimensions, tokens and experts, or steps before "
                              "them; these have {}",
                              a.shape.size()));
  if (a.shape.back() == 0 || a.shape.back() > std::numeric_limits<std::uint32_t>::max())
    return broken(path,
                  fmt::format("the last dimension counts the experts: not {}", a.shape.back()));
  const std::size_t width = width_of(a.type);
  if (width == 0)
    return broken(path, fmt::format("numbers of type '{}': save them as float32, float16, bfloat16 "
                                    "or float64",
                                    a.type));
  if (a.data.size() / width < count) return broken(path, "the file ends too soon");
  ScoreFile out;
  take(a, count, out);
  out.cols = static_cast<std::uint32_t>(a.shape.back());
  const std::size_t rows = count / a.shape.back();
  if (rows > std::numeric_limits<std::uint32_t>::max()) return broken(path, "too many tokens");
  out.rows = static_cast<std::uint32_t>(rows);
  if (a.shape.size() == 3) out.steps = static_cast<std::uint32_t>(a.shape[0]);
  return out;
}

// read(Array) while the file is in memory.
template <typename Read>
auto with_array(const std::string& path, std::string_view tensor, const Read& read)
    -> decltype(read(Array{})) {
  if (path.size() > 12 && path.substr(path.size() - 12) == ".safetensors") {
    SWY_TRY(const auto file, embed::Safetensors::open(path));
    SWY_TRY(const Array a, find_tensor(file, tensor));
    return read(a);
  }
  SWY_TRY(const std::string text, base::read_file(path));
  SWY_TRY(const Array a, parse_npy(path, text));
  return read(a);
}

}  // namespace

moe::Scores ScoreFile::rows_at(std::uint32_t first, std::uint32_t count) const {
  const std::size_t width = type == moe::DType::kF32 ? 4 : 2;
  const std::size_t n = std::size_t{count} * cols;
  return {bytes.data() + std::size_t{first} * cols * width, type, count, cols, cols, n};
}

Result<ScoreFile> read_scores(const std::string& path, std::string_view tensor) {
  return with_array(path, tensor, [&](const Array& a) { return scores_of(path, a); });
}

Result<std::vector<float>> read_row(const std::string& path, std::string_view tensor) {
  return with_array(path, tensor, [&](const Array& a) -> Result<std::vector<float>> {
    Array as_matrix = a;
    if (a.shape.size() == 1) as_matrix.shape = {1, a.shape[0]};
    SWY_TRY(const ScoreFile file, scores_of(path, as_matrix));
    if (file.rows != 1 || file.type != moe::DType::kF32)
      return broken(path, "expected one row of float32");
    std::vector<float> row(file.cols);
    std::memcpy(row.data(), file.bytes.data(), file.bytes.size());
    return row;
  });
}

}  // namespace swy::app
