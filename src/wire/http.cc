// Heads are parsed by Beast's basic_parser (RFC 9112 grammar) into our own flat storage, with our
// own limits and the checks that a gateway needs on top; bodies are read by private/body.h. Cost:
// one pass to find the end of the head, one over it. Tests: http_test.cc; fuzz: http_request,
// http_response.
#include "wire/http.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <utility>

#include "wire/private/body.h"

namespace swy::wire {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using BeastView = beast::string_view;
using BeastError = beast::error_code;

std::string_view view(BeastView s) { return {s.data(), s.size()}; }

Error error_of(const BeastError& ec) {
  return {ErrorCode::kParse, "malformed HTTP: " + ec.message()};
}

// A line that starts with a blank continues the one before it (obs-fold, RFC 9112 5.2): two readers
// may disagree on it.
bool has_folded_line(std::string_view head) {
  for (std::size_t at = head.find('\n'); at != std::string_view::npos;
       at = head.find('\n', at + 1)) {
    if (at + 1 < head.size() && (head[at + 1] == ' ' || head[at + 1] == '\t')) return true;
  }
  return false;
}

// Beast's callbacks: they fill a head and note the body piece of the present step.
template <bool kRequest, typename Head>
class Parser final : public http::basic_parser<kRequest> {
 public:
  Parser(const Limits& limits, Head& head) : limits_(limits), head_(head) {
    this->eager(false);
    this->header_limit(UINT32_MAX);  // ours is checked before Beast sees the head
    this->body_limit(boost::none);
  }

  std::optional<Error> refused;  // our own reason, better than Beast's

 private:
  using Optional = boost::optional<std::uint64_t>;

  void refuse(BeastError& ec, ErrorCode code, const char* why) {
    refused = Error{code, why};
    ec = http::error::bad_field;
  }

  void on_request_impl(http::verb /*verb*/, BeastView method, BeastView target, int version,
                       BeastError& /*ec*/) override {
    if constexpr (kRequest) {
      head_.method.assign(method.data(), method.size());
      head_.target.assign(target.data(), target.size());
      head_.minor = version % 10;  // Beast takes 1.0 and 1.1 only
    }
  }
  void on_response_impl(int code, BeastView reason, int version, BeastError& /*ec*/) override {
    if constexpr (!kRequest) {
      head_.status = code;
      head_.reason.assign(reason.data(), reason.size());
      head_.minor = version % 10;  // Beast takes 1.0 and 1.1 only
    }
  }

  void on_field_impl(http::field name, BeastView text, BeastView value, BeastError& ec) override {
    if (head_.headers.size() == limits_.fields)
      return refuse(ec, ErrorCode::kTooLarge, "too many header fields");
    if (name == http::field::content_length) {
      if (++content_lengths_ > 1 || value.find(',') != BeastView::npos) {
        return refuse(ec, ErrorCode::kParse, "more than one content-length");
      }
    } else if (name == http::field::transfer_encoding) {
      if (!equal_ignoring_case(view(value), "chunked")) {
        return refuse(ec, ErrorCode::kUnsupported, "the only transfer coding spoken is chunked");
      }
    } else if (name == http::field::host) {
      ++hosts_;
    }
    head_.headers.add_checked(view(text), view(value));
  }

  void on_header_impl(BeastError& ec) override {
    head_.chunked = this->chunked();
    head_.keep_alive = this->keep_alive();
    if (const auto length = this->content_length(); length && !head_.chunked)
      head_.content_length = *length;
    if (head_.chunked && head_.minor == 0)
      refuse(ec, ErrorCode::kParse, "chunked coding in HTTP/1.0");
    if constexpr (kRequest) {
      if (hosts_ > 1 || (hosts_ == 0 && head_.minor == 1))
        refuse(ec, ErrorCode::kParse, "exactly one host field is due");
      head_.expect_continue = head_.minor == 1 && head_.headers.has_token("expect", "100-continue");
    }
  }
  // Never called: Beast is given the head alone.
  void on_body_init_impl(const Optional& /*size*/, BeastError& /*ec*/) override {}
  std::size_t on_body_impl(BeastView piece, BeastError& /*ec*/) override { return piece.size(); }
  void on_chunk_header_impl(std::uint64_t /*size*/, BeastView /*ext*/,
                            BeastError& /*ec*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*left*/, BeastView piece,
                                 BeastError& /*ec*/) override {
    return piece.size();
  }
  void on_finish_impl(BeastError&) override {}

  const Limits& limits_;
  Head& head_;
  int content_lengths_ = 0;
  int hosts_ = 0;
};

// One message at a time: Beast wants a new parser for each.
template <bool kRequest, typename Head>
struct Machine {
  explicit Machine(const Limits& l) : limits(l), body(l.head_bytes, l.body_bytes) {}
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void reset() {
    head.headers.clear();
    head.content_length.reset();
    head.chunked = head_done = false;
    scanned = 0;
  }

  Result<Step> next(std::string_view input) {
    if (head_done) return body.next(input);
    Step step;
    if (kRequest) {
      // RFC 9112 2.2: empty lines before a request line are passed over.
      while (input.substr(step.consumed).starts_with("\r\n")) step.consumed += 2;
    }
    SWY_TRY(const std::size_t size, whole_head(input.substr(step.consumed)));
    if (size == 0) return step;
    SWY_DO(read_head(input.substr(step.consumed, size)));
    head_done = true;
    step.event = Event::kHead;
    step.consumed += size;
    return step;
  }

  // The size of the head at the front of `rest`; 0: its end has not come. Beast gets a head only
  // when it is whole: then an error in it is the same however it came in, and nothing is read
  // twice.
  Result<std::size_t> whole_head(std::string_view rest) {
    const std::size_t end = rest.substr(0, limits.head_bytes).find("\r\n\r\n", scanned);
    if (end == std::string_view::npos) {
      if (rest.size() >= limits.head_bytes)
        return fail(ErrorCode::kTooLarge, "the head passes its limit");
      scanned = rest.size() < 3 ? 0 : rest.size() - 3;
      return std::size_t{0};
    }
    return end + 4;
  }

  Status read_head(std::string_view text) {
    if (has_folded_line(text)) return fail(ErrorCode::kParse, "folded header line");
    Parser<kRequest, Head> parser(limits, head);
    BeastError ec;
    const std::size_t n = parser.put({text.data(), text.size()}, ec);
    if (ec) return tl::unexpected<Error>(parser.refused ? *parser.refused : error_of(ec));
    if (n != text.size() || !parser.is_header_done())
      return fail(ErrorCode::kParse, "malformed HTTP head");
    return start_body();
  }

  Status start_body() {
    if constexpr (!kRequest) {
      if (no_body || head.status / 100 == 1 || head.status == 204 || head.status == 304) {
        body.start_none();
        return {};
      }
    }
    if (head.chunked) {
      body.start_chunked();
    } else if (head.content_length || kRequest) {
      return body.start_length(head.content_length.value_or(0));
    } else {
      body.start_until_close();
    }
    return {};
  }

  Limits limits;
  Head head;
  BodyReader body;
  bool head_done = false;
  bool no_body = false;     // a response to HEAD
  std::size_t scanned = 0;  // so many bytes of an unfinished head hold no end
};

}  // namespace

struct RequestParser::Impl : Machine<true, RequestHead> {
  using Machine::Machine;
};
struct ResponseParser::Impl : Machine<false, ResponseHead> {
  using Machine::Machine;
};

RequestParser::RequestParser(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;
Result<Step> RequestParser::next(std::string_view input) { return impl_->next(input); }
RequestHead& RequestParser::head() { return impl_->head; }
void RequestParser::reset() { impl_->reset(); }

ResponseParser::ResponseParser(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
ResponseParser::~ResponseParser() = default;
Result<Step> ResponseParser::next(std::string_view input) { return impl_->next(input); }
ResponseHead& ResponseParser::head() { return impl_->head; }

void ResponseParser::reset(bool request_was_head) {
  impl_->reset();
  impl_->no_body = request_was_head;
}

Status ResponseParser::finish_at_close() {
  if (impl_->head_done && (impl_->body.done() || impl_->body.until_close())) return {};
  return fail(ErrorCode::kClosed, "the peer closed before the message was complete");
}

std::string_view reason_phrase(int status) {
  const auto text = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  return text.starts_with("<") ? std::string_view{} : view(text);
}

void append_request_line(std::string& out, std::string_view method, std::string_view target) {
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  const std::size_t at = out.size();
  out.resize(at + name.size() + value.size() + 4);
  char* to = out.data() + at;
  to = std::copy(name.begin(), name.end(), to);
  *to++ = ':';
  *to++ = ' ';
  to = std::copy(value.begin(), value.end(), to);
  *to++ = '\r';
  *to++ = '\n';
}

void append_field(std::string& out, std::string_view name, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  append_field(out, name, {digits.data(), end});
}

void append_fields(std::string& out, const Headers& headers) {
  constexpr std::size_t kOurOwn = 128;  // the line before and the fields behind
  out.reserve(out.size() + headers.bytes() + 4 * headers.size() + kOurOwn);
  for (std::size_t i = 0; i < headers.size(); ++i)
    append_field(out, headers[i].name, headers[i].value);
}

void append_status_line(std::string& out, int status) {
  std::array<char, 12> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), status).ptr;
  out.append("HTTP/1.1 ")
      .append(digits.data(), end)
      .append(" ")
      .append(reason_phrase(status))
      .append("\r\n");
}

ChunkLine::ChunkLine(std::size_t size) {
  char* end = std::to_chars(text_.data(), text_.data() + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  size_ = static_cast<std::size_t>(end - text_.data());
}

}  // namespace swy::wire
