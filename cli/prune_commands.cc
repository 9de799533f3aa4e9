// container prune, image prune and system prune: what nothing uses.
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "cli/image_users.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/registry.h"
#include "cli/store_access.h"
#include "cli/time_points.h"
#include "engine/operations.h"
#include "image/usage.h"

namespace cli {

namespace {

using enum OptionKind;

constexpr OptionSpec kContainerPruneOptions[] = {
    {0, "filter", kList, "Provide filter values (e.g. \"until=<timestamp>\")", "filter", nullptr, nullptr,
     check_filter},
    {'f', "force", kFlag, "Do not prompt for confirmation"},
};
constexpr OptionSpec kImagePruneOptions[] = {
    {'a', "all", kFlag, "Remove all unused images, not just dangling ones"},
    {0, "filter", kList, "Provide filter values (e.g. \"until=<timestamp>\")", "filter", nullptr, nullptr,
     check_filter},
    {'f', "force", kFlag, "Do not prompt for confirmation"},
};
constexpr OptionSpec kSystemPruneOptions[] = {
    {'a', "all", kFlag, "Remove all unused images, not just dangling ones"},
    {0, "filter", kList, "Provide filter values (e.g. \"label=<key>=<value>\")", "filter", nullptr, nullptr,
     check_filter},
    {'f', "force", kFlag, "Do not prompt for confirmation"},
    {0, "volumes", kFlag, "Prune anonymous volumes (not possible yet)"},
};

struct PruneFilters {
  bool all = false;  // of images
  int64_t until_ns = INT64_MAX;
  std::vector<std::string> labels;          // each must be there
  std::vector<std::string> without_labels;  // none may be
  std::vector<std::string> words;           // as typed, sorted
};

Result<PruneFilters> read_prune_filters(const Options& options, bool knows_dangling) {
  PruneFilters result;
  result.words = options.list("filter");
  const auto filters = TRY(parse_filters(result.words));
  for (const auto& [key, value] : filters) {
    if (key == "until") {
      result.until_ns = std::min(result.until_ns, TRY(parse_time_point(value, now_ns())));
    } else if (key == "label") {
      result.labels.push_back(value);
    } else if (key == "label!") {
      result.without_labels.push_back(value);
    } else if (key == "dangling" && knows_dangling) {
      result.all = value == "false" || value == "0";
    } else {
      return invalid("invalid filter '" + printable(key) + "'");
    }
  }
  std::sort(result.words.begin(), result.words.end());
  return result;
}

bool passes_prune(const PruneFilters& filters, const std::map<std::string, std::string>& labels,
                  int64_t created_ns) {
  const auto has = [&](const std::string& label) { return label_matches(labels, label); };
  return created_ns < filters.until_ns && std::all_of(filters.labels.begin(), filters.labels.end(), has) &&
         std::none_of(filters.without_labels.begin(), filters.without_labels.end(), has);
}

// Docker's question; anything but y is no, and a no is no failure.
Result<bool> confirmed(const Invocation& call, const std::string& warning) {
  if (call.options.flag("force")) return true;
  print("WARNING! This will remove" + warning + "\nAre you sure you want to continue? [y/N] ");
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

void print_deleted(const char* title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  print_line(title);
  for (const auto& line : lines)
    print_line(printable(line));
  print_line("");
}

void print_reclaimed(uint64_t bytes) {
  print_line("Total reclaimed space: " + human_size(bytes));
}

// The bytes that went. A container that can't be removed, or that somebody has started meanwhile, stays, and
// is told.
Result<uint64_t> prune_containers(const Invocation& call, const PruneFilters& filters) {
  const engine::Store store = open_store_to_change(call);
  const engine::Listing listing = TRY(store.list());
  std::vector<std::string> lines;
  uint64_t bytes = 0;
  for (const auto& [record, state] : listing.containers) {
    const bool stopped = state.status == engine::Status::kCreated ||
                         state.status == engine::Status::kExited || state.status == engine::Status::kDead;
    if (!stopped || !passes_prune(filters, record.request.labels, record.created_ns)) continue;
    const auto size = tree_size(store.container_directory(record.id));
    const auto removed = engine::remove_container(store, record.id, {});
    if (!removed) {
      complain_of(removed.error());
      continue;
    }
    bytes += size ? *size : 0;
    lines.push_back(record.id);
  }
  print_deleted("Deleted Containers:", lines);
  return bytes;
}

// The same for images.
Result<uint64_t> prune_images(const Invocation& call, const PruneFilters& filters) {
  const image::Store store(call.globals.root);
  const engine::Listing listing = TRY(open_store(call).list());
  const uint64_t before = image::total_bytes(TRY(image::measure(store)));
  image::RemoveOptions options = removal_options(listing, true);
  const auto images = TRY(store.list());
  std::vector<std::string> lines;
  for (const auto& image : images) {
    const bool dangling = image.repo_tags.empty() && image.repo_digests.empty();
    const bool wanted = filters.all || dangling;
    if (!wanted || !passes_prune(filters, image.config.labels, image.created_ns)) continue;
    if (options.user_of(image.id)) continue;
    const auto removed = store.remove(image.id.text(), options);
    if (!removed) {
      complain_of(removed.error());
      continue;
    }
    for (const auto& line : *removed)
      lines.push_back(lower_first(line));
  }
  TRY(store.prune_layers(options.layers_in_use));
  const uint64_t after = image::total_bytes(TRY(image::measure(store)));
  print_deleted("Deleted Images:", lines);
  return before > after ? before - after : 0;
}

Result<int> run_container_prune(const Invocation& call) {
  const PruneFilters filters = TRY(read_prune_filters(call.options, false));
  const bool yes = TRY(confirmed(call, " all stopped containers."));
  if (!yes) return 0;
  print_reclaimed(TRY(prune_containers(call, filters)));
  return 0;
}

Result<int> run_image_prune(const Invocation& call) {
  PruneFilters filters = TRY(read_prune_filters(call.options, true));
  filters.all = filters.all || call.options.flag("all");
  const bool yes =
      TRY(confirmed(call, filters.all ? " all images without at least one container associated to them."
                                      : " all dangling images."));
  if (!yes) return 0;
  print_reclaimed(TRY(prune_images(call, filters)));
  return 0;
}

// Docker's list, also of the kinds of things of which there are none yet.
std::string system_warning(const PruneFilters& filters) {
  std::string text = ":\n  - all stopped containers\n  - all networks not used by at least one container\n";
  text += filters.all
              ? "  - all images without at least one container associated to them\n  - all build cache\n"
              : "  - all dangling images\n  - unused build cache\n";
  if (filters.words.empty()) return text;
  text += "\n  Items to be pruned will be filtered with:\n";
  for (const auto& word : filters.words)
    text += "  - " + printable(word) + "\n";
  return text;
}

Result<int> run_system_prune(const Invocation& call) {
  PruneFilters filters = TRY(read_prune_filters(call.options, false));
  filters.all = call.options.flag("all");
  if (call.options.flag("volumes")) {
    if (filters.until_ns != INT64_MAX)
      return invalid("The \"until\" filter is not supported with \"--volumes\"");
    return unsupported(
        "--volumes: volumes can't be pruned yet, and nothing was removed\n"
        "\"vial rm -v\" removes a container's anonymous volumes with it; \"vial system df -v\" "
        "lists all volumes");
  }
  const bool yes = TRY(confirmed(call, system_warning(filters)));
  if (!yes) return 0;
  const uint64_t containers = TRY(prune_containers(call, filters));
  const uint64_t images = TRY(prune_images(call, filters));
  print_reclaimed(containers + images);
  return 0;
}

constexpr Command kCommands[] = {
    {.names = "container prune",
     .usage = "[OPTIONS]",
     .summary = "Remove all stopped containers",
     .options = {kContainerPruneOptions},
     .max_arguments = 0,
     .handler = run_container_prune,
     .examples =
         "# Stopped ones that were made more than a day ago\nvial container prune --filter until=24h"},
    {.names = "image prune",
     .usage = "[OPTIONS]",
     .summary = "Remove unused images",
     .options = {kImagePruneOptions},
     .max_arguments = 0,
     .handler = run_image_prune,
     .examples =
         "# What no container uses and is older than ten days\nvial image prune -a --filter until=240h"},
    {.names = "system prune",
     .usage = "[OPTIONS]",
     .summary = "Remove unused data",
     .options = {kSystemPruneOptions},
     .max_arguments = 0,
     .handler = run_system_prune,
     .examples =
         "# Stopped containers and all images that nothing uses, without a question\nvial system prune -af"},
};

}  // namespace

const std::span<const Command> kPruneCommands = kCommands;

}  // namespace cli
