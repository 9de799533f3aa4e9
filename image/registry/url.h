// The addresses that registry traffic goes to: http and https only, no user names in them, in a type that
// holds nothing else. Redirects and upload locations are resolved here. Pure. Source: RFC 3986.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/reference.h"

namespace image::registry {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; an IPv6 address stays in its brackets
  uint16_t port = 0;
  std::string target;  // "/path?query"; begins with '/'

  std::string text() const;
  std::string authority() const;  // "host" or "host:port" when the port is not the scheme's own
  bool operator==(const Url&) const = default;
};

// Errors: kInvalid for other schemes (file:, ftp:), user names, control characters, ports out of range.
Result<Url> parse_url(std::string_view text);
// What a Location or Link header means that came with the answer from `base`. Errors: as parse_url().
Result<Url> resolve_url(const Url& base, std::string_view location);
// Scheme, host and port: who may see a request's credentials.
bool is_same_origin(const Url& a, const Url& b);

// Adds "name=value" to the query, escaped.
void add_query(Url& url, std::string_view name, std::string_view value);
// Everything but unreserved characters as %XX; '/' and ':' stay.
std::string escape_query(std::string_view text);

// The host that serves a reference's domain: docker.io is served by registry-1.docker.io.
std::string api_host(std::string_view domain);
// The base "SCHEME://HOST/v2/" for a host as references and settings write it ("localhost:5000").
Result<Url> api_base(std::string_view scheme, std::string_view host);
// True for localhost, 127.0.0.0/8 and ::1: where plain http never leaves the machine.
bool is_loopback(std::string_view host);
// `host` without its port.
std::string_view host_without_port(std::string_view host);

}  // namespace image::registry
