// tag and history: an image's names, and where it comes from.
#include <algorithm>

#include "base/strings.h"
#include "base/units.h"
#include "cli/container_rows.h"
#include "cli/list_options.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/registry.h"
#include "image/config.h"
#include "image/store.h"

namespace cli {

namespace {

using enum OptionKind;

constexpr OptionSpec kHistoryOptions[] = {
    {0, "format", kString, kListFormatHelp},
    {'H', "human", kFlag, "Print sizes and dates in human readable format", nullptr, "true"},
    {0, "no-trunc", kFlag, "Don't truncate output"},
    {0, "platform", kString, "Show an image of this platform only, as os/arch[/variant]"},
    {'q', "quiet", kFlag, "Only show image IDs"},
};

constexpr size_t kCreatedByLength = 45;

Result<int> run_tag(const Invocation& call) {
  const std::string& target = call.arguments()[1];
  const auto parsed = image::Reference::parse(target);
  if (!parsed) {
    return invalid("Error parsing reference: \"" + printable(target) +
                   "\" is not a valid repository/tag: " + parsed.error().text());
  }
  TRY(image::Store(call.globals.root).tag(call.arguments()[0], *parsed));
  return 0;
}

struct HistoryDetails {
  int64_t now_ns = 0;
  bool human = true;
  bool truncate = true;
};

std::string created_text(const image::HistoryEntry& entry, const HistoryDetails& how) {
  const auto time = parse_time(entry.created);
  if (!time) return how.human ? "N/A" : "";
  if (!how.human) return entry.created;
  return human_duration((how.now_ns - *time) / kSecondNs) + " ago";
}

Json history_row(const image::HistoryEntry& entry, uint64_t size, const HistoryDetails& how) {
  std::string created_by = entry.created_by;
  std::replace(created_by.begin(), created_by.end(), '\t', ' ');
  Json row;
  row["ID"] = "<missing>";
  row["CreatedSince"] = created_text(entry, how);
  row["CreatedAt"] = entry.created;
  row["CreatedBy"] = printable(how.truncate ? shorten(created_by, kCreatedByLength) : created_by);
  row["Size"] = how.human ? human_size(size) : std::to_string(size);
  row["Comment"] = printable(entry.comment);
  return row;
}

// Newest first, as Docker prints it. Layers that no entry tells of come last: they have no other place.
std::vector<Json> history_rows(const image::Image& image, const image::ImageConfig& config,
                               const HistoryDetails& how) {
  std::vector<Json> rows;
  size_t layer = 0;
  for (const auto& entry : config.history) {
    const bool has_layer = !entry.empty_layer && layer < image.layers.size();
    rows.push_back(history_row(entry, has_layer ? image.layers[layer].size_bytes : 0, how));
    if (has_layer) ++layer;
  }
  for (; layer < image.layers.size(); ++layer)
    rows.push_back(history_row({}, image.layers[layer].size_bytes, how));
  std::reverse(rows.begin(), rows.end());
  if (!rows.empty()) rows.front()["ID"] = how.truncate ? image.id.short_hex() : image.id.text();
  return rows;
}

Result<int> run_history(const Invocation& call) {
  const image::Store store(call.globals.root);
  const image::Image image = TRY(store.find(call.arguments().front()));
  TRY(image::expect_platform(image, call.arguments().front(), call.options.string("platform")));
  const std::string config_json = TRY(store.config_json(image.id));
  const image::ImageConfig config = TRY(image::parse_config(config_json));
  const HistoryDetails how = {now_ns(), call.options.flag("human"), !call.options.flag("no-trunc")};
  ListFormat format;
  format.table = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
  format.headers = {
      {"ID", "IMAGE"},  {"CreatedSince", "CREATED"}, {"CreatedAt", "CREATED AT"}, {"CreatedBy", "CREATED BY"},
      {"Size", "SIZE"}, {"Comment", "COMMENT"}};
  print(TRY(render_list(format, effective_format(call.options), history_rows(image, config, how))));
  return 0;
}

constexpr Command kCommands[] = {
    {.names = "image tag, tag",
     .usage = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
     .summary = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
     .min_arguments = 2,
     .max_arguments = 2,
     .handler = run_tag,
     .examples = "# For a registry of one's own\nvial tag busybox localhost:5000/busybox",
     .completes = Names::kImages},
    {.names = "image history, history",
     .usage = "[OPTIONS] IMAGE",
     .summary = "Show the history of an image",
     .options = {kHistoryOptions},
     .min_arguments = 1,
     .max_arguments = 1,
     .handler = run_history,
     .examples = "# What made its layers, in full\nvial history --no-trunc alpine",
     .completes = Names::kImages},
};

}  // namespace

const std::span<const Command> kTagCommands = kCommands;

}  // namespace cli
