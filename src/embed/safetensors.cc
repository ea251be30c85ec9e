// Safetensors: checked reading and writing.
//
// The header is at most 64 MiB and the file's size, at most 100,000 tensors of at most 8
// dimensions; products are formed with overflow checks. Sorted by offset, tensors must begin where
// the last one ended and the last must end with the file: no overlap, no hole, nothing behind, as
// the format's reference reader demands. Cost: the header's parse. Checked by safetensors_test.cc
// and fuzz/safetensors_fuzz.cc.
#include "embed/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "base/json.h"

namespace swy::embed {
namespace {

using base::Json;

constexpr std::size_t kMaxHeader = std::size_t{64} << 20U;
constexpr std::size_t kMaxTensors = 100'000;
constexpr std::size_t kMaxDimensions = 8;

struct DtypeName {
  std::string_view name;
  Dtype dtype;
  std::size_t size;
};
constexpr std::array kDtypes = {
    DtypeName{"BOOL", Dtype::kBool, 1},      DtypeName{"U8", Dtype::kU8, 1},
    DtypeName{"I8", Dtype::kI8, 1},          DtypeName{"F8_E4M3", Dtype::kF8E4M3, 1},
    DtypeName{"F8_E5M2", Dtype::kF8E5M2, 1}, DtypeName{"I16", Dtype::kI16, 2},
    DtypeName{"U16", Dtype::kU16, 2},        DtypeName{"F16", Dtype::kF16, 2},
    DtypeName{"BF16", Dtype::kBF16, 2},      DtypeName{"I32", Dtype::kI32, 4},
    DtypeName{"U32", Dtype::kU32, 4},        DtypeName{"F32", Dtype::kF32, 4},
    DtypeName{"I64", Dtype::kI64, 8},        DtypeName{"U64", Dtype::kU64, 8},
    DtypeName{"F64", Dtype::kF64, 8}};

std::string shape_text(std::span<const std::size_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::optional<std::size_t> as_size(const Json& json) {
  const auto v = json.as_integer();
  if (!v || *v < 0) return std::nullopt;
  return static_cast<std::size_t>(*v);
}

// What one entry of the header says; `why` is set on failure.
std::optional<Tensor> read_entry(std::string_view name, const Json& json,
                                 std::span<const std::byte> data, std::string& why) {
  Tensor t;
  t.name = name;
  const auto dtype = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const DtypeName& d) {
    return d.name == json.string_or("dtype", "");
  });
  if (dtype == kDtypes.end()) {
    why = fmt::format("unknown dtype '{}'", json.string_or("dtype", ""));
    return std::nullopt;
  }
  t.dtype = dtype->dtype;
  const auto shape = json.find("shape");
  if (!shape || !shape->is_array() || shape->size() > kMaxDimensions) {
    why = "shape is not a list of at most 8 sizes";
    return std::nullopt;
  }
  bool sane = true;
  std::size_t size = dtype->size;
  shape->each([&](const Json& v) {
    const auto n = as_size(v);
    sane = sane && n && !__builtin_mul_overflow(size, n.value_or(0), &size) &&
           !__builtin_mul_overflow(t.count, n.value_or(0), &t.count);
    t.shape.push_back(n.value_or(0));
  });
  std::array<std::size_t, 2> at{};
  std::size_t parts = 0;
  if (const auto offsets = json.find("data_offsets")) {
    offsets->each([&](const Json& v) {
      const auto n = as_size(v);
      sane = sane && n && parts < 2;
      if (parts < 2) at[parts] = n.value_or(0);
      ++parts;
    });
  }
  if (!sane || parts != 2 || at[0] > at[1]) {
    why = "shape or data_offsets are not sizes";
    return std::nullopt;
  }
  if (at[1] > data.size()) {
    why = fmt::format("data ends at byte {} of {}: the file is truncated", at[1], data.size());
    return std::nullopt;
  }
  if (at[1] - at[0] != size) {
    why = fmt::format("{} of shape {} needs {} bytes, data_offsets give {}", dtype->name,
                      shape_text(t.shape), size, at[1] - at[0]);
    return std::nullopt;
  }
  t.bytes = data.subspan(at[0], size);
  return t;
}

float from_half(std::uint16_t h) {
  const std::uint32_t sign = (h & 0x8000U) << 16U;
  const std::uint32_t exponent = (h >> 10U) & 31U;
  const std::uint32_t fraction = h & 1023U;
  if (exponent == 0) {  // subnormal: fraction * 2^-24
    const float v = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -v : v;
  }
  const std::uint32_t e = exponent == 31 ? 255U : exponent + 112U;  // 127 - 15
  return std::bit_cast<float>(sign | (e << 23U) | (fraction << 13U));
}

template <typename T>
T read_as(const std::byte* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

bool convert(const Tensor& t, float* out) {
  const std::byte* p = t.bytes.data();
  for (std::size_t i = 0; i < t.count; ++i) {
    switch (t.dtype) {
      case Dtype::kF32:
        out[i] = read_as<float>(p + i * 4);
        break;
      case Dtype::kF16:
        out[i] = from_half(read_as<std::uint16_t>(p + i * 2));
        break;
      case Dtype::kBF16:
        out[i] = std::bit_cast<float>(std::uint32_t{read_as<std::uint16_t>(p + i * 2)} << 16U);
        break;
      case Dtype::kF64:
        out[i] = static_cast<float>(read_as<double>(p + i * 8));
        break;
      default:
        return false;
    }
  }
  return true;
}

}  // namespace

std::string_view to_string(Dtype dtype) {
  for (const DtypeName& d : kDtypes) {
    if (d.dtype == dtype) return d.name;
  }
  return "?";
}

std::size_t size_of(Dtype dtype) {
  for (const DtypeName& d : kDtypes) {
    if (d.dtype == dtype) return d.size;
  }
  return 1;
}

Safetensors::Safetensors(Safetensors&& o) noexcept
    : name_(std::move(o.name_)),
      bytes_(std::exchange(o.bytes_, {})),
      mapped_(std::exchange(o.mapped_, false)),
      tensors_(std::move(o.tensors_)),
      metadata_(std::move(o.metadata_)) {}

Safetensors& Safetensors::operator=(Safetensors&& o) noexcept {
  if (this == &o) return *this;
  close();
  name_ = std::move(o.name_);
  bytes_ = std::exchange(o.bytes_, {});
  mapped_ = std::exchange(o.mapped_, false);
  tensors_ = std::move(o.tensors_);
  metadata_ = std::move(o.metadata_);
  return *this;
}

Safetensors::~Safetensors() { close(); }

void Safetensors::close() {
  if (mapped_) {
    // munmap takes what mmap gave; nothing writes through it.
    munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());  // NOLINT
  }
  mapped_ = false;
}

Result<Safetensors> Safetensors::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                fmt::format("{}: {}", path, std::strerror(errno)));
  }
  struct stat st{};
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0) {
    ::close(fd);
    return fail(ErrorCode::kParse, fmt::format("{}: not a file with content", path));
  }
  const auto size = static_cast<std::size_t>(st.st_size);
  void* p = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int error = errno;
  ::close(fd);
  if (p == MAP_FAILED) {
    return fail(ErrorCode::kIo,
                fmt::format("{}: cannot be mapped: {}", path, std::strerror(error)));
  }
  Safetensors file;
  file.name_ = path;
  file.bytes_ = {static_cast<const std::byte*>(p), size};
  file.mapped_ = true;
  SWY_DO(file.read_header());
  return file;
}

Result<Safetensors> Safetensors::parse(std::span<const std::byte> bytes, std::string name) {
  Safetensors file;
  file.name_ = std::move(name);
  file.bytes_ = bytes;
  SWY_DO(file.read_header());
  return file;
}

Status Safetensors::read_header() {
  const auto bad = [this](std::string why) {
    return fail(ErrorCode::kParse, fmt::format("{}: {}", name_, why));
  };
  if (bytes_.size() < 8) return bad("shorter than its header's size");
  const auto size = read_as<std::uint64_t>(bytes_.data());
  if (size > kMaxHeader || size > bytes_.size() - 8) {
    return bad(fmt::format("the header claims {} bytes, the file has {}", size, bytes_.size()));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + 8, size);
  base::JsonDoc doc(8);
  auto json = doc.parse(text);
  if (!json) return bad("the header is not JSON: " + json.error().message);
  if (!json->is_object()) return bad("the header is not a JSON object");
  if (json->size() > kMaxTensors) return bad("more than 100,000 tensors");
  const auto data = bytes_.subspan(8 + size);
  for (base::JsonIter it(*json); !it.done(); it.next()) {
    if (it.key() == "__metadata__") {
      it.value().each_member([this](std::string_view key, const Json& v) {
        metadata_.emplace_back(key, v.as_string().value_or(""));
      });
      continue;
    }
    std::string why;
    auto tensor = read_entry(it.key(), it.value(), data, why);
    if (!tensor) return bad(fmt::format("tensor '{}': {}", it.key(), why));
    tensors_.push_back(std::move(*tensor));
  }
  std::sort(tensors_.begin(), tensors_.end(), [](const Tensor& a, const Tensor& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  const std::byte* end = data.data();
  for (const Tensor& t : tensors_) {
    if (t.bytes.data() != end) {
      return bad(fmt::format("tensor '{}' {} the one before it", t.name,
                             t.bytes.data() < end ? "overlaps" : "leaves a hole after"));
    }
    end += t.bytes.size();
  }
  if (end != data.data() + data.size()) return bad("bytes behind the last tensor");
  std::sort(tensors_.begin(), tensors_.end(),
            [](const Tensor& a, const Tensor& b) { return a.name < b.name; });
  for (std::size_t i = 1; i < tensors_.size(); ++i) {
    if (tensors_[i].name == tensors_[i - 1].name) {
      return bad(fmt::format("tensor '{}' is there twice", tensors_[i].name));
    }
  }
  return {};
}

const Tensor* Safetensors::find(std::string_view name) const {
  const auto at = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                                   [](const Tensor& t, std::string_view n) { return t.name < n; });
  return at != tensors_.end() && at->name == name ? &*at : nullptr;
}

std::string_view Safetensors::metadata(std::string_view key) const {
  for (const auto& [name, value] : metadata_) {
    if (name == key) return value;
  }
  return {};
}

Result<std::vector<float>> Safetensors::floats(std::string_view name,
                                               std::span<const std::size_t> shape) const {
  const Tensor* t = find(name);
  if (t == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("{}: no tensor '{}'", name_, name));
  }
  if (!std::equal(shape.begin(), shape.end(), t->shape.begin(), t->shape.end())) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: tensor '{}' has shape {}, the configuration needs {}", name_, name,
                            shape_text(t->shape), shape_text(shape)));
  }
  std::vector<float> out(t->count);
  if (!convert(*t, out.data())) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: tensor '{}' is {}, not F32, F16, BF16 or F64", name_, name,
                            to_string(t->dtype)));
  }
  if (!std::all_of(out.begin(), out.end(), [](float v) { return std::isfinite(v); })) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: tensor '{}' holds numbers that are not finite", name_, name));
  }
  return out;
}

Status write_safetensors(const std::string& path, std::span<const Tensor> tensors,
                         std::span<const std::pair<std::string, std::string>> metadata) {
  std::string header;
  base::JsonWriter json(header);
  json.begin_object().key("__metadata__").begin_object();
  for (const auto& [key, value] : metadata) json.field(key, value);
  json.end_object();
  std::size_t at = 0;
  for (const Tensor& t : tensors) {
    json.key(t.name).begin_object().field("dtype", to_string(t.dtype)).key("shape").begin_array();
    for (const std::size_t n : t.shape) json.integer(static_cast<std::int64_t>(n));
    json.end_array().key("data_offsets").begin_array();
    json.integer(static_cast<std::int64_t>(at));
    at += t.bytes.size();
    json.integer(static_cast<std::int64_t>(at)).end_array().end_object();
  }
  json.end_object();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t size = header.size();
  const std::string temporary = path + ".new";
  std::FILE* f = std::fopen(temporary.c_str(), "wbe");
  bool good = f != nullptr && std::fwrite(&size, 8, 1, f) == 1 &&
              std::fwrite(header.data(), header.size(), 1, f) == 1;
  for (const Tensor& t : tensors) {
    good = good && (t.bytes.empty() || std::fwrite(t.bytes.data(), t.bytes.size(), 1, f) == 1);
  }
  if (f != nullptr && std::fclose(f) != 0) good = false;
  if (good && std::rename(temporary.c_str(), path.c_str()) == 0) return {};
  const int error = errno;
  std::remove(temporary.c_str());
  return fail(ErrorCode::kIo, fmt::format("{}: {}", path, std::strerror(error)));
}

}  // namespace swy::embed
