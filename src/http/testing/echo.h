// A Handler for tests. /stream: three chunks; /hang: begins a response and waits until the client
// is gone; /flood: writes without end; anything else: the body back. And raw clients and servers
// that say exactly given bytes.
//
// Threading: the loop's thread.
#pragma once

#include <string>

#include "http/client.h"
#include "http/server.h"

namespace swy::http::testing {

class Echo final : public Handler {
 public:
  base::Task<void> handle(Request request, ServerConnection& connection) override;
  std::string error_body(int status, const Error& error) override;

  int gone = 0;             // clients that left a /hang
  std::size_t flooded = 0;  // bytes that /flood could write
  Status flood_end;         // why it ended
};

// Says `bytes` on the stream, then reads to the end (or the error) and gives what it heard.
base::Task<std::string> say(net::Stream& stream, std::string bytes);
// The same on a new TCP connection.
base::Task<std::string> say_to(net::Loop& loop, std::uint16_t port, std::string bytes);
// Accepts connections one after the other; for each reads something, says `bytes` and closes.
base::Task<void> answer_all(net::Listener& listener, std::string bytes, int& accepted);
// Status and whole body of one call, as "200 text".
base::Task<Result<std::string>> fetch(ClientPool& pool, Origin origin, OutRequest request);

}  // namespace swy::http::testing
