// Errors as values: Result<T> holds a T or an Error.
//
// Use it for everything the outside world can make fail. A bug is SWY_ASSERT (base/check.h), not an
// Error. Threading: values, no sharing. Ownership: Error owns its message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace swy {

// The closed list of what can go wrong. One sentence each.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  // the caller asked for something that makes no sense
  kParse,            // bytes do not follow their grammar
  kNotFound,         // the named thing does not exist
  kUnauthorized,     // no credential, or one that is not known
  kForbidden,        // a known caller may not do this
  kTooLarge,         // a size, depth or count limit was passed
  kNoCandidate,      // every candidate is forbidden by some guard
  kUnavailable,      // the peer cannot be reached or refused the connection
  kTimeout,          // a deadline passed
  kCancelled,        // somebody upstream of us gave up
  kClosed,           // the peer ended the connection where more was due
  kProtocol,         // the peer broke its protocol
  kExhausted,        // disk, descriptors, memory or a quota ran out
  kIo,               // the operating system reported an input or output error
  kUnsupported,      // valid, but not something this program does
  kInternal,         // an invariant did not hold
};

std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  // one sentence: what, where, and the next step where there is one
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

// Prefixes the message with where it happened. Use at most once per floor.
[[nodiscard]] inline tl::unexpected<Error> fail_in(std::string_view context, Error error) {
  error.message = std::string(context) + ": " + error.message;
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace swy

#define SWY_CONCAT2(a, b) a##b
#define SWY_CONCAT(a, b) SWY_CONCAT2(a, b)

// SWY_TRY(auto x, f()): x = the value, or return the error. SWY_DO(f()): for Status.
#define SWY_TRY_IMPL(tmp, decl, expr, ret)                            \
  auto tmp = (expr);                                                  \
  if (!tmp) ret tl::unexpected<::swy::Error>(std::move(tmp).error()); \
  decl = std::move(*tmp)
#define SWY_TRY(decl, expr) SWY_TRY_IMPL(SWY_CONCAT(swy_try_, __LINE__), decl, expr, return)
#define SWY_CO_TRY(decl, expr) SWY_TRY_IMPL(SWY_CONCAT(swy_try_, __LINE__), decl, expr, co_return)
#define SWY_DO(expr)                                                  \
  do {                                                                \
    if (auto swy_do = (expr); !swy_do)                                \
      return tl::unexpected<::swy::Error>(std::move(swy_do).error()); \
  } while (false)
#define SWY_CO_DO(expr)                                                  \
  do {                                                                   \
    if (auto swy_do = (expr); !swy_do)                                   \
      co_return tl::unexpected<::swy::Error>(std::move(swy_do).error()); \
  } while (false)
