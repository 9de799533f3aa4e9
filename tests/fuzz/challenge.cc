// What servers say about authentication and pages, and what the HTTP process says about servers. Beyond
// crashes: a token can stand in a header, a message that is read is written as it was.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "image/registry/challenge.h"
#include "image/registry/documents.h"
#include "image/registry/http_message.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace image::registry;
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)choose_challenge({text});
  if (const auto token = parse_token(text)) {
    if (token->text.find_first_of("\r\n ") != std::string::npos || token->expires_in_s < 60) std::abort();
  }
  if (const auto decoded = from_base64(text);
      decoded && from_base64(base64(*decoded)).value_or("") != *decoded)
    std::abort();
  (void)next_page(text);
  (void)parse_server_error(text);
  if (const auto head = unpack_head(text); head && pack(*head) != text) std::abort();
  if (const auto request = unpack_request(text)) (void)pack(*request);
  (void)unpack_end(text);
  return 0;
}
