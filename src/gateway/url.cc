#include "gateway/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace swy::gateway {

Result<Url> parse_url(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("url '{}': {}", text, why));
  };
  Url url;
  std::string_view rest;
  if (text.rfind("http://", 0) == 0) {
    rest = text.substr(7);
    url.origin.port = 80;
  } else if (text.rfind("https://", 0) == 0) {
    rest = text.substr(8);
    url.origin.port = 443;
    url.origin.tls = true;
  } else {
    return bad("must begin with http:// or https://");
  }
  if (rest.find_first_of("?#@ \t\r\n") != std::string_view::npos)
    return bad("no user, query, fragment or space belongs here");
  const auto slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) url.path = rest.substr(slash);
  while (!url.path.empty() && url.path.back() == '/') url.path.pop_back();
  std::string_view port_part;          // from its colon on; empty when there is none
  if (authority.rfind('[', 0) == 0) {  // [::1]:9000
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return bad("the ']' is missing");
    port_part = authority.substr(close + 1);
    authority = authority.substr(1, close - 1);
    if (!port_part.empty() && port_part[0] != ':') return bad("only a port may follow ']'");
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    port_part = authority.substr(colon);
    authority = authority.substr(0, colon);
  }
  if (!port_part.empty()) {
    const std::string_view digits = port_part.substr(1);
    unsigned port = 0;
    const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (digits.empty() || r.ptr != digits.data() + digits.size() || port == 0 || port > 65535)
      return bad("the port is not a number");
    url.origin.port = static_cast<std::uint16_t>(port);
  }
  if (authority.empty()) return bad("the host is missing");
  url.origin.host = authority;
  return url;
}

}  // namespace swy::gateway
