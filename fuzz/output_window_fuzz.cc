// Any text in any two cuttings: the window of the output guards gives the same text, and what it
// masks is gone.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/doc.h"
#include "gateway/answer_filter.h"

namespace {

std::unique_ptr<swy::route::OutputGuard> guard(const char* yaml) {
  swy::base::Diagnostics diag("fuzz");
  const auto doc = swy::base::parse_yaml(yaml, diag);
  auto g = swy::route::make_output_guard("g", *doc, diag);
  SWY_ASSERT(g != nullptr);
  return g;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto mask = guard(
      "{ type: phrases, any: [secret], regex: ['K-[0-9]{1,6}'], action: mask, replace: '*', "
      "window: 64 }");
  static const auto personal =
      guard("{ type: pii, types: [EMAIL_ADDRESS], action: mask, window: 100 }");
  static const auto block = guard("{ type: phrases, any: [stop here], window: 64 }");
  if (size < 2) return 0;
  const std::vector<const swy::route::OutputGuard*> guards = {mask.get(), personal.get(),
                                                              block.get()};
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto run = [&](std::size_t step) {
    swy::gateway::OutputWindow window(guards);
    std::string out;
    bool going = true;
    for (std::size_t at = 0; at < text.size() && going; at += step)
      going = window.push(text.substr(at, step), false, out);
    if (going) going = window.push({}, true, out);
    SWY_ASSERT(going == (window.blocked_by() == nullptr));
    return out;
  };
  const std::string one = run(text.size() + 1);
  SWY_ASSERT(run(data[0] % 80 + std::size_t{1}) == one);
  SWY_ASSERT(run(data[1] % 7 + std::size_t{1}) == one);
  return 0;
}
