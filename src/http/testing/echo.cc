#include "http/testing/echo.h"

namespace swy::http::testing {

base::Task<void> Echo::handle(Request request, ServerConnection& connection) {
  wire::Headers headers;
  headers.add("content-type", "text/plain");
  if (request.head.target == "/stream") {
    connection.begin(200, headers);
    for (const char* piece : {"one ", "two ", "three"}) {
      if (!co_await connection.write(piece)) co_return;
    }
    (void)co_await connection.finish();
  } else if (request.head.target == "/hang") {
    bool left = false;
    connection.on_gone([&left] { left = true; });
    connection.begin(200, headers);
    (void)co_await connection.write("hello");
    while (!left) co_await connection.loop().sleep_for(net::kMillisecond);
    ++gone;
  } else if (request.head.target == "/flood") {
    const std::string block(16 * 1024, 'x');
    connection.begin(200, headers);
    for (;; flooded += block.size()) {
      flood_end = co_await connection.write(block);
      if (!flood_end) co_return;
    }
  } else {
    (void)co_await connection.respond(200, headers, request.body);
  }
}

std::string Echo::error_body(int status, const Error& error) {
  return std::to_string(status) + " " + error.message;
}

base::Task<std::string> say(net::Stream& stream, std::string bytes) {
  std::string heard;
  (void)co_await stream.write_all(bytes);
  std::array<char, 4096> buffer;
  for (;;) {
    const auto n = co_await stream.read_some(buffer);
    if (!n || *n == 0) co_return heard;
    heard.append(buffer.data(), *n);
  }
}

base::Task<std::string> say_to(net::Loop& loop, std::uint16_t port, std::string bytes) {
  auto stream = co_await net::connect_tcp(loop, "127.0.0.1", port, net::kNever);
  if (!stream) co_return stream.error().message;
  co_return co_await say(**stream, std::move(bytes));
}

base::Task<void> answer_all(net::Listener& listener, std::string bytes, int& accepted) {
  for (;;) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    ++accepted;
    std::array<char, 4096> buffer;
    (void)co_await (*stream)->read_some(buffer);
    (void)co_await (*stream)->write_all(bytes);
  }
}

base::Task<Result<std::string>> fetch(ClientPool& pool, Origin origin, OutRequest request) {
  Call call(pool);
  SWY_CO_TRY(const wire::ResponseHead* head, co_await call.start(origin, request));
  std::string all = std::to_string(head->status) + " ";
  for (;;) {
    SWY_CO_TRY(const std::string_view piece, co_await call.read_body());
    if (piece.empty()) co_return all;
    all.append(piece);
  }
}

}  // namespace swy::http::testing
