// A URL of an upstream: scheme, host, port and path. Private use of the gateway and its tests;
// pure.
#pragma once

#include <string>
#include <string_view>

#include "http/client.h"
#include "switchyard/result.h"

namespace swy::gateway {

struct Url {
  http::Origin origin;
  std::string path;  // "/v1"; "" for none; no slash at the end
};

// http:// and https:// only; no user, query or fragment. kInvalidArgument says what is wrong.
Result<Url> parse_url(std::string_view text);

}  // namespace swy::gateway
