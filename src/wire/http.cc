// The parsers are Beast's basic_parser (RFC 9112 grammar) with our own storage, our own limits and
// the checks that a gateway needs on top. Beast is put to work one step at a time (not eager), so
// that every piece of body comes out as a view into the caller's bytes. Cost: one pass over the
// head. Tests: http_test.cc; fuzz: http_request, http_response.
#include "wire/http.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <utility>

namespace swy::wire {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using BeastView = beast::string_view;
using BeastError = beast::error_code;

std::string_view view(BeastView s) { return {s.data(), s.size()}; }

Error error_of(const BeastError& ec) {
  if (ec == http::error::header_limit || ec == http::error::body_limit) {
    return {ErrorCode::kTooLarge, ec == http::error::body_limit ? "the body passes its limit"
                                                                : "the head passes its limit"};
  }
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
    this->header_limit(static_cast<std::uint32_t>(limits.head_bytes));
    if (limits.body_bytes == UINT64_MAX) {
      this->body_limit(boost::none);
    } else {
      this->body_limit(limits.body_bytes);
    }
  }

  BeastView body;                // of this step
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
    if (in_trailer_) return;  // trailers are read and dropped
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
    in_trailer_ = true;
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
  void on_body_init_impl(const Optional&, BeastError&) override {}
  std::size_t on_body_impl(BeastView piece, BeastError&) override {
    body = piece;
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t, BeastView, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView piece, BeastError&) override {
    body = piece;
    return piece.size();
  }
  void on_finish_impl(BeastError&) override {}

  const Limits& limits_;
  Head& head_;
  int content_lengths_ = 0;
  int hosts_ = 0;
  bool in_trailer_ = false;
};

// One message at a time: the parser is made anew for each, which Beast wants.
template <bool kRequest, typename Head>
struct Machine {
  explicit Machine(const Limits& l) : limits(l) { parser.emplace(limits, head); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void reset() {
    head.headers.clear();
    head.content_length.reset();
    head.chunked = head_told = false;
    consumed_any = false;
    parser.emplace(limits, head);
  }

  Result<Step> next(std::string_view input) {
    Step step;
    if (kRequest && !consumed_any) {
      // RFC 9112 2.2: empty lines before a request line are passed over.
      while (input.substr(step.consumed).starts_with("\r\n")) step.consumed += 2;
      if (input.substr(step.consumed) == "\r") return step;
    }
    for (;;) {
      if (!head_told && parser->is_header_done()) {
        head_told = true;
        step.event = Event::kHead;
        return step;
      }
      if (parser->is_done()) {
        step.event = Event::kEnd;
        return step;
      }
      const std::string_view rest = input.substr(step.consumed);
      if (rest.empty()) return step;
      SWY_TRY(const std::size_t n, put(rest));
      if (!parser->body.empty()) {
        step.event = Event::kBody;
        step.body = view(std::exchange(parser->body, BeastView{}));
        step.consumed += n;
        return step;
      }
      step.consumed += n;
      if (starving) return step;
    }
  }

  // One step of Beast; starving is set when it wants more input.
  Result<std::size_t> put(std::string_view rest) {
    BeastError ec;
    const bool in_head = !parser->is_header_done();
    const std::size_t n = parser->put({rest.data(), rest.size()}, ec);
    starving = ec == http::error::need_more;
    if (starving && rest.size() - n > limits.head_bytes) {
      return fail(ErrorCode::kTooLarge,
                  in_head ? "the head passes its limit" : "a chunk line passes its limit");
    }
    if (ec && !starving)
      return tl::unexpected<Error>(parser->refused ? *parser->refused : error_of(ec));
    if (in_head && has_folded_line(rest.substr(0, n)))
      return fail(ErrorCode::kParse, "folded header line");
    consumed_any = consumed_any || n > 0;
    return n;
  }

  Limits limits;
  Head head;
  std::optional<Parser<kRequest, Head>> parser;
  bool head_told = false;
  bool consumed_any = false;
  bool starving = false;
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
bool RequestParser::started() const { return impl_->consumed_any; }
void RequestParser::reset() { impl_->reset(); }

ResponseParser::ResponseParser(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
ResponseParser::~ResponseParser() = default;
Result<Step> ResponseParser::next(std::string_view input) { return impl_->next(input); }
ResponseHead& ResponseParser::head() { return impl_->head; }

void ResponseParser::reset(bool request_was_head) {
  impl_->reset();
  impl_->parser->skip(request_was_head);
}

Status ResponseParser::finish_at_close() {
  if (impl_->parser->is_done()) return {};
  if (!impl_->parser->is_header_done() || !impl_->parser->need_eof()) {
    return fail(ErrorCode::kClosed, "the peer closed before the message was complete");
  }
  BeastError ec;
  impl_->parser->put_eof(ec);
  return {};
}

std::string_view reason_phrase(int status) {
  const auto text = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  return text.starts_with("<") ? std::string_view{} : view(text);
}

void append_request_line(std::string& out, std::string_view method, std::string_view target) {
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_field(std::string& out, std::string_view name, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  append_field(out, name, {digits.data(), end});
}

void append_fields(std::string& out, const Headers& headers) {
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
