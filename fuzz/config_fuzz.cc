// Configurations: any bytes compile to a Plan or give at least one error; never both nothing and
// nothing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "flow/builtin.h"
#include "route/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const swy::route::Registry registry = swy::flow::builtin_registry();
  swy::base::Diagnostics diag("fuzz.yaml");
  const auto doc = swy::base::parse_yaml({reinterpret_cast<const char*>(data), size}, diag);
  if (!doc) {
    if (diag.ok()) std::abort();
    return 0;
  }
  const auto plan = swy::route::compile(*doc, "/nonexistent", registry, diag);
  if ((plan == nullptr) == diag.ok()) std::abort();
  return 0;
}
