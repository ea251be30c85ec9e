#include "gateway/url.h"

#include <fmt/format.h>

#include <charconv>

namespace swy::gateway {

Result<Url> parse_url(std::string_view text) {
  const auto bad = [&](std::string_view why) { return fail(ErrorCode::kInvalidArgument, fmt::format("url '{}': {}", text, why)); };
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
  if (rest.find_first_of("?#@ \t\r\n") != std::string_view::npos) return bad("no user, query, fragment or space belongs here");
  const auto slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) url.path = rest.substr(slash);
  while (!url.path.empty() && url.path.back() == '/') url.path.pop_back();
  const auto bracket = authority.find(']');  // [::1]:9000
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    unsigned port = 0;
    const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (digits.empty() || r.ptr != digits.data() + digits.size() || port == 0 || port > 65535) return bad("the port is not a number");
    url.origin.port = static_cast<std::uint16_t>(port);
    authority = authority.substr(0, colon);
  }
  if (bracket != std::string_view::npos && authority.size() > 2) authority = authority.substr(1, authority.size() - 2);
  if (authority.empty()) return bad("the host is missing");
  url.origin.host = authority;
  return url;
}

}  // namespace swy::gateway
