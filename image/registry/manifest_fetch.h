// Manifests and configurations from a registry, verified: a digest that was asked for or described is the
// digest of what came, and so are its size and type.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/config.h"
#include "image/descriptor.h"
#include "image/reference.h"
#include "image/registry/documents.h"
#include "image/registry/remote.h"

namespace image::registry {

// "repository:library/busybox:pull"
std::string repository_scope(const std::string& path, const char* actions);

// By the reference's digest, else its tag. Errors: kNotFound with Docker's words ("manifest for X not found:
// ..."), kInvalid ("pull access denied for X, ..."), kCorrupt, and those of fetch() and read_document().
Result<Document> fetch_manifest(Remote& remote, const Reference& reference);
// What an index describes.
Result<Document> fetch_described(Remote& remote, const Reference& repository, const Descriptor& described);
// A small blob: an image's configuration. kCorrupt when it is not what was described.
Result<std::string> fetch_small_blob(Remote& remote, const Reference& repository,
                                     const Descriptor& described);
// All tags, over all pages. kNotFound when there is no such repository.
Result<std::vector<std::string>> fetch_tags(Remote& remote, const Reference& repository);

// One image, ready to be taken apart: the manifest for the platform and its configuration.
struct RemoteImage {
  Document top;       // what the name stands for: an index or the manifest
  Document manifest;  // the image's
  std::string config_json;
  ImageConfig config;
};
// Errors: also kUnsupported when it is no container image, kInvalid when the parts do not fit each other.
Result<RemoteImage> fetch_image(Remote& remote, const Reference& reference, const Platform& platform);

}  // namespace image::registry
