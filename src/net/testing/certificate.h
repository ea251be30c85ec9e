// A self-signed certificate made on the spot, for TLS tests. Value.
#pragma once

#include <string>

namespace swy::net::testing {

struct Certificate {
  std::string certificate_pem;
  std::string key_pem;
};

// For this DNS name and for 127.0.0.1; valid now and for an hour.
Certificate make_certificate(const std::string& name);

}  // namespace swy::net::testing
