// Manifests, indexes and configurations as a registry sends them. Beyond crashes: nothing is a manifest and
// an index at once, whatever the header says, and every digest is one.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "image/config.h"
#include "image/registry/documents.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  int kinds = 0;
  for (const char* type :
       {"application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json"}) {
    const auto document = image::registry::read_document(text, type, {});
    if (!document) continue;
    if (document->index.has_value() == document->manifest.has_value()) std::abort();
    kinds |= document->index ? 1 : 2;
    if (!document->index) continue;
    const auto chosen = image::choose_platform(*document->index, image::host_platform());
    if (chosen && !image::Digest::parse(chosen->digest.text())) std::abort();
  }
  if (kinds == 3) std::abort();
  (void)image::parse_config(text);
  (void)image::registry::parse_tags(text);
  (void)image::registry::parse_search(text);
  return 0;
}
