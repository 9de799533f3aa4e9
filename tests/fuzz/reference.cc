// Names of images and addresses of registries. Beyond crashes: what is accepted is accepted again, as the
// same, in the form that it is printed in.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "image/reference.h"
#include "image/registry/search.h"
#include "image/registry/url.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto reference = image::Reference::parse_with_default_tag(text)) {
    const auto again = image::Reference::parse(reference->text());
    if (!again || !(*again == *reference)) std::abort();
    const auto familiar = image::Reference::parse(reference->familiar());
    if (!familiar || !(*familiar == *reference)) std::abort();
  }
  if (const auto url = image::registry::parse_url(text)) {
    const auto again = image::registry::parse_url(url->text());
    if (!again || !(*again == *url)) std::abort();
    if (url->text().find_first_of("\r\n \t") != std::string::npos) std::abort();
  }
  const auto base = image::registry::parse_url("https://host:5000/v2/a/b?c");
  (void)image::registry::resolve_url(*base, text);
  (void)image::registry::split_search_term(text);
  return 0;
}
