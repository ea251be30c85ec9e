// The tagger's weights inside the program: the bytes of models/pii.bin, put there by the assembler.
#include "base/check.h"
#include "text/pii_tagger.h"

// NOLINTNEXTLINE(hicpp-no-assembler): the only way to embed a file without generating source
asm(".section .rodata\n"
    ".balign 32\n"
    "swy_pii_model_begin:\n"
    ".incbin \"" SWY_SOURCE_DIR
    "/models/pii.bin\"\n"
    "swy_pii_model_end:\n"
    ".byte 0\n"
    ".previous\n");
extern "C" {
extern const char swy_pii_model_begin;  // NOLINT(readability-identifier-naming)
extern const char swy_pii_model_end;    // NOLINT(readability-identifier-naming)
}

namespace swy::text {

const PiiModel& PiiModel::builtin() {
  static const PiiModel model = [] {
    auto m = parse({&swy_pii_model_begin,
                    static_cast<std::size_t>(&swy_pii_model_end - &swy_pii_model_begin)});
    SWY_ASSERT(m.has_value());
    return std::move(*m);
  }();
  return model;
}

}  // namespace swy::text
