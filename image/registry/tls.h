// What TLS needs to know of a registry, and how a connection of libcurl's comes to use it. Used by
// http_child.cc and http_transfer.cc only.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

struct stack_st_X509;  // STACK_OF(X509), x509.h

namespace image::registry {

// Certificates as they came, PEM.
struct TlsMaterial {
  bool verify = true;
  std::string authorities;
  std::string client_certificate;
  std::string client_key;
  mutable bool is_asked_for = false;                     // somebody wanted the client's: noted in handshakes
  mutable std::shared_ptr<stack_st_X509> known_issuers;  // `authorities`, once they were needed
};

// CURLOPT_SSL_CTX_FUNCTION, with a `const TlsMaterial` as its data, which must outlive all connections: who
// signed the server's certificate is looked up in `authorities` (no others are), and who asks for the
// client's is noted.
CURLcode prepare_tls(CURL* easy, void* context, void* material);

}  // namespace image::registry
