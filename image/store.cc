#include "image/store.h"

#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "image/descriptor.h"
#include "image/store_files.h"

namespace image {

namespace {

constexpr size_t kIdHex = 64;

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The digits of "3f2a" and "sha256:3f2a"; empty when the text can be no id.
std::string_view id_digits(std::string_view name) {
  constexpr std::string_view kPrefix = "sha256:";
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  return is_hex(name) ? name : std::string_view();
}

Result<Digest> find_by_prefix(const std::string& root, std::string_view digits, const Error& otherwise) {
  if (digits.empty()) return otherwise;
  const auto ids = TRY(list_records(root));
  const Digest* found = nullptr;
  for (const auto& id : ids) {
    if (!id.hex().starts_with(digits)) continue;
    if (found != nullptr)
      return invalid("multiple image ids found with provided prefix: " + std::string(digits));
    found = &id;
  }
  if (found == nullptr) return otherwise;
  return *found;
}

// A name's tag, then an id or the prefix of one: the order in which docker looks.
Result<Digest> find_id(const std::string& root, const std::string& name) {
  const std::string_view digits = id_digits(name);
  if (digits.size() == kIdHex) return Digest::parse("sha256:" + std::string(digits));
  const auto reference = Reference::parse_with_default_tag(name);
  if (!reference) return find_by_prefix(root, digits, reference.error());
  auto id = read_tag(root, *reference);
  if (id || id.error().kind() != ErrorKind::kNotFound) return id;
  return find_by_prefix(root, digits, id.error());
}

void add_name(Image& image, const Reference& name) {
  (name.digest() ? image.repo_digests : image.repo_tags).push_back(name.familiar());
}

}  // namespace

std::vector<std::string> Image::layer_directories() const {
  std::vector<std::string> result;
  result.reserve(layers.size());
  for (const auto& layer : layers)
    result.push_back(layer.directory);
  return result;
}

Result<void> expect_platform(const Image& image, const std::string& name, const std::string& platform) {
  if (platform.empty()) return ok();
  const Platform wanted = TRY(parse_platform(platform));
  const Platform actual = {image.os, image.architecture, image.variant};
  if (fits(actual, wanted)) return ok();
  return not_found("image with reference " + printable(name) + " was found but " + kOtherPlatform +
                   ": wanted " + platform_text(wanted) + ", actual: " + printable(platform_text(actual)));
}

Result<Image> Store::find(const std::string& name) const {
  TRY(recover());
  const Digest id = TRY(find_id(root_, name));
  return read_record(root_, id);
}

Result<Image> Store::inspect(const std::string& name) const {
  Image image = TRY(find(name));
  const auto tags = TRY(read_all_tags(root_));
  const auto [first, last] = tags.equal_range(image.id);
  for (auto it = first; it != last; ++it)
    add_name(image, it->second);
  std::sort(image.repo_tags.begin(), image.repo_tags.end());
  std::sort(image.repo_digests.begin(), image.repo_digests.end());
  return image;
}

Result<std::vector<Image>> Store::list(std::vector<std::string>* problems) const {
  TRY(recover());
  const auto ids = TRY(list_records(root_));
  const auto tags = TRY(read_all_tags(root_));
  std::vector<Image> images;
  for (const auto& id : ids) {
    auto image = read_record(root_, id);
    if (!image) {
      // Removed since the directory was listed: no problem.
      if (image.error().kind() != ErrorKind::kNotFound && problems != nullptr)
        problems->push_back(image.error().text());
      continue;
    }
    const auto [first, last] = tags.equal_range(id);
    for (auto it = first; it != last; ++it)
      add_name(*image, it->second);
    std::sort(image->repo_tags.begin(), image->repo_tags.end());
    std::sort(image->repo_digests.begin(), image->repo_digests.end());
    images.push_back(std::move(*image));
  }
  std::stable_sort(images.begin(), images.end(),
                   [](const Image& a, const Image& b) { return a.created_ns > b.created_ns; });
  return images;
}

Result<std::string> Store::config_json(const Digest& id) const {
  auto bytes = read_file(blob_path(id));
  if (!bytes && bytes.error().error_number() == ENOENT)
    return corrupt("the configuration of image " + id.short_hex() + " is missing; load the image again");
  return bytes;
}

Result<void> Store::tag(const std::string& source, const Reference& target) const {
  if (target.digest()) return invalid("refusing to create a tag with a digest reference");
  TRY(recover());
  const Fd lock = TRY(lock_store(root_, LOCK_EX));
  const Image image = TRY(find(source));
  return write_tag(root_, target.tag().empty() ? target.with_tag("latest") : target, image.id, Durable::kYes);
}

Result<void> Store::untag(const Reference& name) const {
  const Fd lock = TRY(lock_store(root_, LOCK_EX));
  return remove_tag(root_, name);
}

}  // namespace image
