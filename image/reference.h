// Names of images as people type them, with Docker's defaults: busybox is docker.io/library/busybox:latest.
// Grammar and error texts: distribution/reference (normalize.go documents the rules), `docker tag` manual
// page.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/digest.h"

namespace image {

class Reference {
 public:
  // Neither a tag nor a digest is added. Errors: kInvalid, `invalid reference format` or
  // `invalid reference format: repository name (library/BB) must be lowercase`.
  static Result<Reference> parse(std::string_view text);
  // The same with ":latest" when there is neither tag nor digest.
  static Result<Reference> parse_with_default_tag(std::string_view text);

  const std::string& domain() const { return domain_; }  // "docker.io", "localhost:5000"
  const std::string& path() const { return path_; }      // "library/busybox"
  const std::string& tag() const { return tag_; }        // empty: none
  const std::optional<Digest>& digest() const { return digest_; }

  std::string repository() const;           // "docker.io/library/busybox"
  std::string familiar_repository() const;  // "busybox"
  std::string text() const;                 // "docker.io/library/busybox:latest"
  std::string familiar() const;             // "busybox:latest"

  Reference with_tag(std::string tag) const;  // `tag` is trusted to be valid
  Reference with_digest(Digest digest) const;
  bool operator==(const Reference&) const = default;

 private:
  Reference() = default;
  std::string suffix() const;
  std::string domain_;
  std::string path_;
  std::string tag_;
  std::optional<Digest> digest_;
};

bool is_valid_tag(std::string_view tag);

}  // namespace image
