// Safetensors: the weight file of a checkpoint, mapped into memory and checked before use.
//
// When to use: reading model.safetensors of any origin. Everything a file can get wrong is an error
// at open that names the file and the tensor: sizes, types, shapes that disagree with their bytes,
// overlaps, holes, truncation; afterwards reading cannot fail. Threading: immutable. Ownership: the
// mapping lives as long as the object; views die with it. The file must not be truncated by others
// while it is open (the operating system would end the process), so keep it open for the load only.
//
// Format: 8 bytes little-endian header size n, n bytes JSON {"name": {"dtype", "shape",
// "data_offsets": [begin, end]}, ..., "__metadata__": {string: string}}, then the data. Offsets
// count from the data's start; tensors cover it without gaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "switchyard/result.h"

namespace swy::embed {

enum class Dtype : std::uint8_t {
  kBool,
  kU8,
  kI8,
  kF8E4M3,
  kF8E5M2,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kI64,
  kU64,
  kF64
};
std::string_view to_string(Dtype dtype);  // as the format spells it: "F32", "BF16"
std::size_t size_of(Dtype dtype);         // bytes of one number

struct Tensor {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<std::size_t> shape;  // at most 8 dimensions; none is a single number
  std::size_t count = 1;           // product of shape
  std::span<const std::byte> bytes;
};

class Safetensors {
 public:
  static Result<Safetensors> open(const std::string& path);
  // The same over memory (borrowed for the object's life); `name` stands for the file in errors.
  static Result<Safetensors> parse(std::span<const std::byte> bytes, std::string name);
  Safetensors(Safetensors&&) noexcept;
  Safetensors& operator=(Safetensors&&) noexcept;
  ~Safetensors();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] const std::vector<Tensor>& tensors() const { return tensors_; }  // by name
  [[nodiscard]] const Tensor* find(std::string_view name) const;
  [[nodiscard]] std::string_view metadata(std::string_view key) const;  // "" when there is none

  // The tensor as floats, converted from F32, F16, BF16 or F64. kNotFound without such a tensor,
  // kInvalidArgument for another shape or number type or for numbers that are not finite.
  [[nodiscard]] Result<std::vector<float>> floats(std::string_view name,
                                                  std::span<const std::size_t> shape) const;

 private:
  Safetensors() = default;
  Status read_header();
  void close();

  std::string name_;
  std::span<const std::byte> bytes_;
  bool mapped_ = false;
  std::vector<Tensor> tensors_;
  std::vector<std::pair<std::string, std::string>> metadata_;
};

// Writes a file that open() reads: tensors in the order given, data aligned to 8 bytes. kIo names
// the path. The old file is replaced at once or not at all.
[[nodiscard]] Status write_safetensors(
    const std::string& path, std::span<const Tensor> tensors,
    std::span<const std::pair<std::string, std::string>> metadata);

}  // namespace swy::embed
