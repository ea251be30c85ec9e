// http_proxy_probe LISTEN_PORT UPSTREAM_PORT: the smallest proxy that src/http can make, on one
// loop. For measuring the floor of the gateway against nginx's proxy_pass
// (docs/guide/benchmarks.md); not installed, not a product.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "http/client.h"
#include "http/server.h"

namespace {

using namespace swy;  // a test program of one file

class Proxy final : public http::Handler {
 public:
  Proxy(net::Loop& loop, http::Origin origin) : pool_(loop, {}), origin_(std::move(origin)) {}

  base::Task<void> handle(http::Request request, http::ServerConnection& connection) override {
    http::Call call(pool_);
    connection.on_gone([&call] { call.cancel(); });
    wire::Headers& headers = request.head.headers;
    for (const char* hop : {"host", "connection", "content-length", "transfer-encoding"})
      headers.remove(hop);
    auto head = co_await call.start(origin_, {.method = request.head.method,
                                              .target = request.head.target,
                                              .headers = &headers,
                                              .body = request.body});
    if (!head) {
      const std::string body = error_body(502, head.error());
      (void)co_await connection.respond(502, {}, body);
      co_return;
    }
    wire::Headers out = (*head)->headers;
    for (const char* hop : {"connection", "content-length", "transfer-encoding", "keep-alive"})
      out.remove(hop);
    co_await relay(call, **head, out, connection);
    connection.on_gone({});
  }

  std::string error_body(int status, const Error& error) override {
    return std::to_string(status) + " " + error.message + "\n";
  }

 private:
  static base::Task<void> relay(http::Call& call, const wire::ResponseHead& head,
                                const wire::Headers& out, http::ServerConnection& connection) {
    auto piece = co_await call.read_body();
    if (piece && head.content_length && piece->size() == *head.content_length) {
      (void)co_await connection.respond(head.status, out, *piece);
      (void)co_await call.read_body();  // the end: the upstream connection goes back to the pool
      co_return;
    }
    connection.begin(head.status, out);
    while (piece && !piece->empty()) {
      if (!co_await connection.write(*piece)) co_return call.cancel();
      piece = co_await call.read_body();
    }
    if (!piece) co_return connection.abort();
    (void)co_await connection.finish();
  }

  http::ClientPool pool_;
  http::Origin origin_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: http_proxy_probe LISTEN_PORT UPSTREAM_PORT\n", stderr);
    return 2;
  }
  net::Loop loop;
  Proxy proxy(loop, {"127.0.0.1", static_cast<std::uint16_t>(std::atoi(argv[2])), false});
  http::Server server(loop, proxy, {});
  const Status up = server.listen({.port = static_cast<std::uint16_t>(std::atoi(argv[1]))});
  if (!up) {
    std::fprintf(stderr, "%s\n", up.error().message.c_str());
    return 1;
  }
  loop.on_signal(SIGINT, [&loop] { loop.stop(); });
  loop.on_signal(SIGTERM, [&loop] { loop.stop(); });
  loop.run();
}
