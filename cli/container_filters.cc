#include "cli/container_filters.h"

#include <regex.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "image/reference.h"

namespace cli {

namespace {

constexpr std::array<std::string_view, 13> kKeys = {"id",       "name",   "label", "exited", "status",
                                                    "ancestor", "before", "since", "volume", "network",
                                                    "publish",  "expose", "health"};
constexpr std::array<std::string_view, 7> kStates = {"created",  "running", "paused", "restarting",
                                                     "removing", "exited",  "dead"};
constexpr std::array<std::string_view, 4> kHealth = {"starting", "healthy", "unhealthy", "none"};

template <size_t n>
bool is_one_of(const std::array<std::string_view, n>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Error bad_filter(const Filter& filter) {
  return invalid("Invalid filter '" + printable(filter.key) + "=" + printable(filter.value) + "'");
}

Result<void> check(const Filter& filter) {
  if (!is_one_of(kKeys, filter.key)) return invalid("Invalid filter '" + printable(filter.key) + "'");
  if (filter.key == "status" && !is_one_of(kStates, filter.value)) return bad_filter(filter);
  if (filter.key == "health" && !is_one_of(kHealth, filter.value)) return bad_filter(filter);
  if (filter.key == "exited" && !parse_int(filter.value)) return bad_filter(filter);
  return ok();
}

// Docker matches names by regular expression, with and without the slash of the stored name.
bool name_matches(const std::string& name, const std::string& pattern) {
  regex_t expression;
  if (::regcomp(&expression, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return name == pattern;
  const std::string slashed = "/" + name;
  const bool matches = ::regexec(&expression, name.c_str(), 0, nullptr, 0) == 0 ||
                       ::regexec(&expression, slashed.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&expression);
  return matches;
}

std::string full_name(const std::string& reference) {
  const auto parsed = image::Reference::parse_with_default_tag(reference);
  return parsed ? parsed->text() : reference;
}

bool ancestor_matches(const engine::ImageFacts& image, const std::string& wanted) {
  const std::string hex = image.id.substr(image.id.find(':') + 1);
  const bool by_id = wanted.size() >= 4 && (hex.starts_with(wanted) || image.id.starts_with(wanted));
  return by_id || full_name(image.reference) == full_name(wanted);
}

bool volume_matches(const std::vector<engine::MountPoint>& mounts, const std::string& wanted) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const auto& mount) {
    return mount.name == wanted || mount.destination == wanted || mount.source == wanted;
  });
}

const engine::Container* find_in(const engine::Listing& listing, const std::string& ref) {
  const engine::Container* by_prefix = nullptr;
  for (const auto& container : listing.containers) {
    if (container.record.name == ref || container.record.id == ref) return &container;
    if (container.record.id.starts_with(ref)) by_prefix = &container;
  }
  return by_prefix;
}

}  // namespace

Result<ContainerFilters> ContainerFilters::make(const std::vector<std::string>& words,
                                                const engine::Listing& listing) {
  ContainerFilters result;
  result.filters_ = TRY(parse_filters(words));
  for (const auto& filter : result.filters_) {
    TRY(check(filter));
    if (filter.key != "before" && filter.key != "since") continue;
    const engine::Container* other = find_in(listing, filter.value);
    if (other == nullptr) return not_found("No such container: " + printable(filter.value));
    (filter.key == "before" ? result.before_ns_ : result.since_ns_) = other->record.created_ns;
  }
  return result;
}

bool ContainerFilters::wants_every_state() const {
  return std::any_of(filters_.begin(), filters_.end(),
                     [](const auto& filter) { return filter.key == "status" || filter.key == "exited"; });
}

bool ContainerFilters::matches(const engine::Container& container) const {
  const auto& record = container.record;
  const auto& exit = container.state.last_exit;
  const bool ended = container.state.status == engine::Status::kExited;
  const std::string network = record.request.network_mode.empty() ? "none" : record.request.network_mode;
  // Every label asked for must be there; of the other keys one value is enough.
  for (const auto& filter : filters_) {
    if (filter.key == "label" && !label_matches(engine::labels_of(record), filter.value)) return false;
  }
  return record.created_ns < before_ns_ && record.created_ns > since_ns_ &&
         passes(filters_, "id", [&](const auto& v) { return record.id.starts_with(v); }) &&
         passes(filters_, "name", [&](const auto& v) { return name_matches(record.name, v); }) &&
         passes(filters_, "exited",
                [&](const auto& v) { return ended && exit && v == std::to_string(exit->code); }) &&
         passes(filters_, "status",
                [&](const auto& v) { return v == engine::status_name(container.state.status); }) &&
         passes(filters_, "ancestor", [&](const auto& v) { return ancestor_matches(record.image, v); }) &&
         passes(filters_, "volume", [&](const auto& v) { return volume_matches(record.mounts, v); }) &&
         passes(filters_, "network", [&](const auto& v) { return network == v; }) &&
         passes(filters_, "publish", [](const auto&) { return false; }) &&
         passes(filters_, "expose",
                [&](const auto& v) {
                  const auto& ports = record.image.exposed_ports;
                  return std::find(ports.begin(), ports.end(), contains(v, "/") ? v : v + "/tcp") !=
                         ports.end();
                }) &&
         passes(filters_, "health", [](const auto& v) { return v == "none"; });
}

}  // namespace cli
