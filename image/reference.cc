#include "image/reference.h"

#include <algorithm>

#include "base/strings.h"

namespace image {

namespace {

constexpr std::string_view kDefaultDomain = "docker.io";
constexpr std::string_view kOfficial = "library/";
constexpr size_t kMaxRepository = 255;
constexpr size_t kMaxTag = 128;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z');
}
bool is_alnum(char c) {
  return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

Error bad_format() {
  return invalid("invalid reference format");
}

// One part of a path: [a-z0-9]+ joined by ".", "_", "__" or any number of "-".
bool is_path_component(std::string_view text) {
  if (text.empty() || !is_lower_alnum(text.front()) || !is_lower_alnum(text.back())) return false;
  for (size_t i = 0; i < text.size();) {
    if (is_lower_alnum(text[i])) {
      ++i;
      continue;
    }
    const size_t end = static_cast<size_t>(
        std::find_if(text.begin() + static_cast<long>(i), text.end(), is_lower_alnum) - text.begin());
    const std::string_view separator = text.substr(i, end - i);
    const bool all_dashes = separator.find_first_not_of('-') == std::string_view::npos;
    if (separator != "." && separator != "_" && separator != "__" && !all_dashes) return false;
    i = end;
  }
  return true;
}

bool is_domain_component(std::string_view text) {
  if (text.empty() || !is_alnum(text.front()) || !is_alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_port(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// host[:port]: dotted names or an IPv6 address in brackets.
bool is_domain(std::string_view text) {
  std::string_view host = text;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos || close == 1) return false;
    const std::string_view address = text.substr(1, close - 1);
    if (address.find_first_not_of("0123456789abcdefABCDEF:") != std::string_view::npos) return false;
    const std::string_view rest = text.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
  }
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    if (!is_port(text.substr(colon + 1))) return false;
    host = text.substr(0, colon);
  }
  const auto parts = split(host, '.');
  return std::all_of(parts.begin(), parts.end(), is_domain_component);
}

// The first part is a host if it could not be a path on Docker Hub: it has a dot, a colon or an upper-case
// letter, or it is localhost.
bool looks_like_domain(std::string_view text) {
  return text.find_first_of(".:") != std::string_view::npos || text == "localhost" || to_lower(text) != text;
}

bool is_image_id(std::string_view text) {
  constexpr size_t kHexDigits = 64;
  return text.size() == kHexDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

bool is_valid_tag(std::string_view tag) {
  if (tag.empty() || tag.size() > kMaxTag) return false;
  if (!is_alnum(tag.front()) && tag.front() != '_') return false;
  return std::all_of(tag.begin(), tag.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

Result<Reference> Reference::parse(std::string_view text) {
  if (is_image_id(text)) {
    return invalid("invalid repository name (" + std::string(text) +
                   "), cannot specify 64-byte hexadecimal strings");
  }
  Reference result;
  std::string_view rest = text;
  const size_t at = rest.find('@');
  if (at != std::string_view::npos) {
    auto digest = Digest::parse(rest.substr(at + 1));
    if (!digest) return bad_format();
    result.digest_ = std::move(*digest);
    rest = rest.substr(0, at);
  }
  const size_t slash = rest.find('/');
  result.domain_ = kDefaultDomain;
  if (slash != std::string_view::npos && looks_like_domain(rest.substr(0, slash))) {
    result.domain_ = rest.substr(0, slash);
    rest = rest.substr(slash + 1);
  }
  if (result.domain_ == "index.docker.io") result.domain_ = kDefaultDomain;
  const size_t colon = rest.find(':');
  const std::string_view path = rest.substr(0, colon);
  if (colon != std::string_view::npos) {
    if (!is_valid_tag(rest.substr(colon + 1))) return bad_format();
    result.tag_ = rest.substr(colon + 1);
  }
  result.path_ = path;
  if (result.domain_ == kDefaultDomain && !contains(path, "/"))
    result.path_ = std::string(kOfficial) + result.path_;
  if (path.empty() || !is_domain(result.domain_)) return bad_format();
  const auto components = split(result.path_, '/');
  if (std::all_of(components.begin(), components.end(), is_path_component)) {
    if (result.repository().size() > kMaxRepository)
      return invalid("repository name must not be more than 255 characters");
    return result;
  }
  if (to_lower(result.path_) == result.path_) return bad_format();
  return invalid("invalid reference format: repository name (" + printable(result.path_) +
                 ") must be lowercase");
}

Result<Reference> Reference::parse_with_default_tag(std::string_view text) {
  Reference result = TRY(parse(text));
  if (result.tag_.empty() && !result.digest_) result.tag_ = "latest";
  return result;
}

std::string Reference::suffix() const {
  std::string text;
  if (!tag_.empty()) text += ":" + tag_;
  if (digest_) text += "@" + digest_->text();
  return text;
}

std::string Reference::repository() const {
  return domain_ + "/" + path_;
}

std::string Reference::familiar_repository() const {
  if (domain_ != kDefaultDomain) return repository();
  const std::string_view path = path_;
  const bool official = path.starts_with(kOfficial) && !contains(path.substr(kOfficial.size()), "/");
  const std::string_view name = official ? path.substr(kOfficial.size()) : path;
  // What would be read as another registry's, or as an image's id, keeps the domain.
  const size_t slash = name.find('/');
  const bool is_ambiguous = slash != std::string_view::npos && looks_like_domain(name.substr(0, slash));
  return is_ambiguous || is_image_id(name) ? repository() : std::string(name);
}

std::string Reference::text() const {
  return repository() + suffix();
}

std::string Reference::familiar() const {
  return familiar_repository() + suffix();
}

Reference Reference::with_tag(std::string tag) const {
  Reference result = *this;
  result.tag_ = std::move(tag);
  result.digest_.reset();
  return result;
}

Reference Reference::with_digest(Digest digest) const {
  Reference result = *this;
  result.tag_.clear();
  result.digest_ = std::move(digest);
  return result;
}

}  // namespace image
