#include "gateway/relay.h"

#include <algorithm>
#include <array>
#include <span>

namespace swy::gateway {
namespace {

constexpr std::size_t kMaxEvent = 1024 * 1024;
constexpr std::size_t kMaxRuleHeaders = 32;
constexpr std::size_t kMaxRuleHeaderBytes = 512;

// Headers of the hop (RFC 9110 section 7.6.1) and those that the gateway writes itself.
constexpr std::array<std::string_view, 12> kHop{"connection",
                                                "keep-alive",
                                                "proxy-authenticate",
                                                "proxy-authorization",
                                                "te",
                                                "trailer",
                                                "transfer-encoding",
                                                "upgrade",
                                                "content-length",
                                                "host",
                                                "expect",
                                                "proxy-connection"};
constexpr std::array<std::string_view, 4> kSecret{"authorization", "x-api-key", "cookie",
                                                  "x-goog-api-key"};
constexpr std::array<std::string_view, 6> kTransport{
    "accept", "accept-encoding", "accept-language", "content-type", "date", "content-encoding"};

template <std::size_t N>
bool among(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view n) { return wire::equal_ignoring_case(name, n); });
}

bool has_prefix(std::string_view name, std::string_view prefix) {
  return name.size() >= prefix.size() &&
         wire::equal_ignoring_case(name.substr(0, prefix.size()), prefix);
}

}  // namespace

std::size_t last_event_end(std::string_view bytes) {
  std::size_t end = 0;
  if (const auto p = bytes.rfind("\n\n"); p != std::string_view::npos) end = p + 2;
  if (bytes.find('\r') == std::string_view::npos)
    return end;  // memchr: most servers never send one
  if (const auto p = bytes.rfind("\n\r\n"); p != std::string_view::npos) end = std::max(end, p + 3);
  if (const auto p = bytes.rfind("\r\r"); p != std::string_view::npos) end = std::max(end, p + 2);
  return end;
}

// Feeds whole events to the scan; returns how many of the bytes may be forwarded: all, or those
// before a broken event.
std::size_t StreamRelay::look(std::string_view events) {
  sse_.feed(events);
  wire::SseEvent event;
  for (;;) {
    const std::size_t good = events.size() - sse_.unread();
    const auto more = sse_.next(event);
    if (!more) {
      too_long_ = over_ = true;
      return good;
    }
    if (!*more) return events.size();
    if (!event.has_data) continue;  // comments keep the connection alive
    const chat::StreamStep step = scan_.feed(parser_, event.event, event.data);
    if (step == chat::StreamStep::kBroken) {
      over_ = true;
      return good;
    }
    over_ = over_ || step == chat::StreamStep::kDone || step == chat::StreamStep::kError;
  }
}

std::string_view StreamRelay::take(std::string_view piece) {
  std::string_view all = piece;
  if (!carry_.empty()) {
    joined_.assign(carry_);
    joined_ += piece;
    carry_.clear();
    all = joined_;
  }
  const std::size_t end = last_event_end(all);
  carry_.assign(all.substr(end));
  if (carry_.size() > kMaxEvent) {
    too_long_ = over_ = true;
    return {};
  }
  const std::string_view events = all.substr(0, end);
  return events.substr(0, look(events));
}

Error StreamRelay::why() const {
  if (too_long_) return {ErrorCode::kTooLarge, "an event of the stream is over 1 MiB"};
  const auto status = scan_.finish();
  return status ? Error{ErrorCode::kInternal, "the stream ended well"} : status.error();
}

std::string header_safe(std::string_view text) {
  std::string out(text.substr(0, 512));
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return out;
}

void forward_request_headers(const wire::Headers& in, bool credential, wire::Headers& out) {
  const bool lists_hops = in.find("Connection").has_value();
  for (std::size_t i = 0; i < in.size(); ++i) {
    const auto [name, value] = in[i];
    if (among(name, kHop) || wire::equal_ignoring_case(name, "accept-encoding") ||
        wire::equal_ignoring_case(name, "content-type"))
      continue;
    if (among(name, kSecret) && !(credential && wire::equal_ignoring_case(name, "authorization")))
      continue;
    if (lists_hops && in.has_token("Connection", name)) continue;
    out.add_checked(name, value);
  }
}

void forward_response_headers(const wire::Headers& in, wire::Headers& out) {
  const bool lists_hops = in.find("Connection").has_value();
  for (std::size_t i = 0; i < in.size(); ++i) {
    const auto [name, value] = in[i];
    if (among(name, kHop) || wire::equal_ignoring_case(name, "content-type") ||
        wire::equal_ignoring_case(name, "cache-control") ||
        wire::equal_ignoring_case(name, "set-cookie") || has_prefix(name, "x-switchyard-") ||
        (lists_hops && in.has_token("Connection", name))) {
      continue;
    }
    out.add_checked(name, value);
  }
}

void collect_rule_headers(const wire::Headers& in, std::string& text,
                          std::vector<route::Header>& out) {
  out.clear();
  text.clear();
  text.reserve(4096);  // views into it: it must not grow, so headers that do not fit are left out
  const auto keep = [&](std::string_view s) {
    text += s;
    return std::string_view(text).substr(text.size() - s.size());
  };
  for (std::size_t i = 0; i < in.size() && out.size() < kMaxRuleHeaders; ++i) {
    const auto [name, value] = in[i];
    if (among(name, kHop) || among(name, kSecret) || among(name, kTransport) ||
        has_prefix(name, "x-stainless-"))
      continue;
    if (value.size() > kMaxRuleHeaderBytes || text.size() + name.size() + value.size() > 4096)
      continue;
    const std::string_view n = keep(name);
    for (char& c : std::span(text).last(n.size()))
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    out.push_back({n, keep(value)});
  }
}

}  // namespace swy::gateway
