// image prune: images that nothing uses.
#include <unistd.h>

#include <algorithm>

#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "cli/image_users.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/registry.h"
#include "cli/store_access.h"
#include "cli/time_points.h"
#include "image/usage.h"

namespace cli {

namespace {

using enum OptionKind;

constexpr OptionSpec kImagePruneOptions[] = {
    {'a', "all", kFlag, "Remove all unused images, not just dangling ones"},
    {0, "filter", kList, "Provide filter values (e.g. \"until=<timestamp>\")", "filter"},
    {'f', "force", kFlag, "Do not prompt for confirmation"},
};

struct PruneFilters {
  bool all = false;
  int64_t until_ns = INT64_MAX;
  std::vector<std::string> labels;          // each must be there
  std::vector<std::string> without_labels;  // none may be
};

Result<PruneFilters> read_prune_filters(const Options& options) {
  PruneFilters result;
  result.all = options.flag("all");
  const auto filters = TRY(parse_filters(options.list("filter")));
  for (const auto& [key, value] : filters) {
    if (key == "until") {
      result.until_ns = std::min(result.until_ns, TRY(parse_time_point(value, now_ns())));
    } else if (key == "label") {
      result.labels.push_back(value);
    } else if (key == "label!") {
      result.without_labels.push_back(value);
    } else if (key == "dangling") {
      result.all = value == "false" || value == "0";
    } else {
      return invalid("invalid filter '" + printable(key) + "'");
    }
  }
  return result;
}

bool has_label(const image::Image& image, const std::string& wanted) {
  const size_t equals = wanted.find('=');
  const auto found = image.config.labels.find(wanted.substr(0, equals));
  if (found == image.config.labels.end()) return false;
  return equals == std::string::npos || found->second == wanted.substr(equals + 1);
}

bool is_to_prune(const image::Image& image, const PruneFilters& filters) {
  const auto has = [&](const std::string& label) { return has_label(image, label); };
  const bool dangling = image.repo_tags.empty() && image.repo_digests.empty();
  return (filters.all || dangling) && image.created_ns < filters.until_ns &&
         std::all_of(filters.labels.begin(), filters.labels.end(), has) &&
         std::none_of(filters.without_labels.begin(), filters.without_labels.end(), has);
}

// Docker's question; anything but y is no.
Result<bool> confirmed(const std::string& warning) {
  print("WARNING! " + warning + "\nAre you sure you want to continue? [y/N] ");
  std::string answer;
  for (char letter = 0; letter != '\n';) {
    const size_t count = TRY(sys::read(STDIN_FILENO, std::span(&letter, 1)));
    if (count == 0) break;
    if (answer.size() < 16) answer += letter;
  }
  const std::string_view word = trim(answer);
  return word == "y" || word == "Y";
}

// "Untagged: x" as prune says it: "untagged: x".
std::string lower_first(std::string line) {
  if (!line.empty() && line[0] >= 'A' && line[0] <= 'Z') line[0] = static_cast<char>(line[0] - 'A' + 'a');
  return line;
}

Result<int> run_image_prune(const Invocation& call) {
  const PruneFilters filters = TRY(read_prune_filters(call.options));
  if (!call.options.flag("force")) {
    const bool yes = TRY(confirmed(
        filters.all ? "This will remove all images without at least one container associated to them."
                    : "This will remove all dangling images."));
    if (!yes) return Error(ErrorKind::kInvalid, "image prune has been cancelled");
  }
  const image::Store store(call.globals.root);
  const engine::Listing listing = TRY(open_store(call).list());
  const uint64_t before = image::total_bytes(TRY(image::measure(store)));
  image::RemoveOptions options = removal_options(listing, true);
  const auto images = TRY(store.list());
  std::vector<std::string> lines;
  for (const auto& image : images) {
    if (!is_to_prune(image, filters) || options.user_of(image.id)) continue;
    const auto removed = store.remove(image.id.text(), options);
    if (!removed) {
      complain_of(removed.error());
      continue;
    }
    lines.insert(lines.end(), removed->begin(), removed->end());
  }
  TRY(store.prune_layers(options.layers_in_use));
  const uint64_t after = image::total_bytes(TRY(image::measure(store)));
  if (!lines.empty()) print_line("Deleted Images:");
  for (const auto& line : lines)
    print_line(printable(lower_first(line)));
  if (!lines.empty()) print_line("");
  print_line("Total reclaimed space: " + human_size(before > after ? before - after : 0));
  return 0;
}

constexpr Command kCommands[] = {
    {.names = "image prune",
     .usage = "[OPTIONS]",
     .summary = "Remove unused images",
     .options = {kImagePruneOptions},
     .max_arguments = 0,
     .handler = run_image_prune,
     .examples =
         "# What no container uses and is older than ten days\nvial image prune -a --filter until=240h"},
};

}  // namespace

const std::span<const Command> kPruneCommands = kCommands;

}  // namespace cli
