// The reader of weight files on arbitrary bytes: total, and what it accepts lies inside the file.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "embed/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto file = swy::embed::Safetensors::parse(bytes, "fuzz");
  if (!file) {
    SWY_ASSERT(file.error().message.starts_with("fuzz: "));
    return 0;
  }
  for (const auto& t : file->tensors()) {
    SWY_ASSERT(t.bytes.data() >= bytes.data() &&
               t.bytes.data() + t.bytes.size() <= bytes.data() + bytes.size());
    SWY_ASSERT(t.count * swy::embed::size_of(t.dtype) == t.bytes.size());
    SWY_ASSERT(file->find(t.name) == &t);
    const auto floats = file->floats(t.name, t.shape);
    SWY_ASSERT(!floats || floats->size() == t.count);
  }
  return 0;
}
