// images and rmi: what is in the image store.
#include <algorithm>

#include "base/strings.h"
#include "base/units.h"
#include "cli/image_rows.h"
#include "cli/image_users.h"
#include "cli/list_options.h"
#include "cli/output.h"
#include "cli/registry.h"
#include "cli/store_access.h"
#include "cli/time_points.h"

namespace cli {

namespace {

using enum OptionKind;

constexpr OptionSpec kImagesOptions[] = {
    {'a', "all", kFlag, "Show all images (default hides intermediate images)"},
    {0, "digests", kFlag, "Show digests"},
    {'f', "filter", kList, "Filter output based on conditions provided", "filter", nullptr, nullptr,
     check_filter},
    {0, "format", kString, kListFormatHelp},
    {0, "no-trunc", kFlag, "Don't truncate output"},
    {'q', "quiet", kFlag, "Only show image IDs"},
};
constexpr OptionSpec kRmiOptions[] = {
    {'f', "force", kFlag, "Force removal of the image"},
};

struct ImageFilters {
  std::vector<Filter> filters;
  int64_t before_ns = INT64_MAX;
  int64_t since_ns = INT64_MIN;
};

Result<ImageFilters> read_filters(const Invocation& call, const image::Store& store) {
  ImageFilters result;
  result.filters = TRY(parse_filters(call.options.list("filter")));
  for (const auto& [key, value] : result.filters) {
    if (key == "before" || key == "since") {
      const image::Image other = TRY(store.find(value));
      (key == "before" ? result.before_ns : result.since_ns) = other.created_ns;
    } else if (key == "until") {
      result.before_ns = std::min(result.before_ns, TRY(parse_time_point(value, now_ns())));
    } else if (key == "dangling") {
      if (value != "true" && value != "false" && value != "1" && value != "0")
        return invalid("Invalid filter 'dangling=" + printable(value) + "'");
    } else if (key != "label" && key != "reference") {
      return invalid("Invalid filter '" + printable(key) + "'");
    }
  }
  return result;
}

bool image_passes(const ImageFilters& how, const image::Image& image) {
  const bool dangling = image.repo_tags.empty() && image.repo_digests.empty();
  for (const auto& filter : how.filters) {
    if (filter.key == "label" && !label_matches(image.config.labels, filter.value)) return false;
  }
  return image.created_ns < how.before_ns && image.created_ns > how.since_ns &&
         passes(how.filters, "dangling",
                [&](const auto& v) { return (v == "true" || v == "1") == dangling; });
}

Result<int> run_images(const Invocation& call) {
  const image::Store store(call.globals.root);
  const ImageFilters filters = TRY(read_filters(call, store));
  std::vector<std::string> problems;
  const std::vector<image::Image> images = TRY(store.list(&problems));
  for (const auto& problem : problems)
    complain("WARNING: " + printable(problem));
  const ImageRowDetails details = {now_ns(), !call.options.flag("no-trunc"), call.options.flag("digests")};
  const std::string wanted = call.arguments().empty() ? "" : call.arguments().front();
  std::vector<Json> rows;
  for (const auto& image : images) {
    if (!image_passes(filters, image)) continue;
    for (auto& row : image_rows(image, details)) {
      const auto fits = [&](const auto& pattern) { return image_row_matches(row, pattern); };
      if ((wanted.empty() || fits(wanted)) && passes(filters.filters, "reference", fits))
        rows.push_back(std::move(row));
    }
  }
  if (rows.empty() && (wanted == "ls" || wanted == "list" || wanted == "rm")) {
    complain("No images found matching \"" + wanted + "\": did you mean \"vial image " + wanted + "\"?");
  }
  if (call.options.flag("quiet")) {  // an image with two tags is one id
    const auto same = [](const Json& a, const Json& b) { return a["ID"] == b["ID"]; };
    rows.erase(std::unique(rows.begin(), rows.end(), same), rows.end());
  }
  print(TRY(render_list(image_list_format(details.digests), effective_format(call.options), rows)));
  return 0;
}

Result<void> remove_one(const Invocation& call, const image::Store& store, const std::string& name) {
  const engine::Listing listing = TRY(open_store(call).list());
  const image::RemovalLines lines =
      TRY(store.remove(name, removal_options(listing, call.options.flag("force"))));
  for (const auto& line : lines)
    print_line(printable(line));
  return ok();
}

Result<int> run_rmi(const Invocation& call) {
  const image::Store store(call.globals.root);
  int code = 0;
  for (const auto& name : call.arguments()) {
    const auto removed = remove_one(call, store, name);
    if (removed) continue;
    complain_of(removed.error());
    if (!call.options.flag("force") || removed.error().kind() != ErrorKind::kNotFound) code = 1;
  }
  return code;
}

constexpr Command kCommands[] = {
    {.names = "image ls, image list, images",
     .usage = "[OPTIONS] [REPOSITORY[:TAG]]",
     .summary = "List images",
     .options = {kImagesOptions},
     .max_arguments = 1,
     .handler = run_images,
     .examples = "# Names only\nvial images --format '{{.Repository}}:{{.Tag}}'",
     .completes = Names::kImages,
     .common = true},
    {.names = "image rm, image remove, rmi",
     .usage = "[OPTIONS] IMAGE [IMAGE...]",
     .summary = "Remove one or more images",
     .options = {kRmiOptions},
     .min_arguments = 1,
     .handler = run_rmi,
     .examples = "# What has no name any more\nvial rmi $(vial images -q -f dangling=true)",
     .completes = Names::kImages},
};

}  // namespace

const std::span<const Command> kStoreCommands = kCommands;

}  // namespace cli
