#include "cli/system_df.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/file.h"
#include "base/units.h"
#include "cli/container_rows.h"
#include "cli/image_rows.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/store_access.h"
#include "image/usage.h"

namespace cli {

namespace {

struct VolumeUse {
  std::string name;
  uint64_t bytes = 0;
  size_t links = 0;  // containers that use it
};

struct ContainerUse {
  const engine::Container* container = nullptr;
  uint64_t bytes = 0;
};

struct DiskUse {
  std::vector<image::Image> images;
  std::vector<image::StoredPart> parts;
  std::set<image::Digest> used_images;
  std::map<image::Digest, size_t> containers_of;
  engine::Listing listing;
  std::vector<ContainerUse> containers;
  std::vector<VolumeUse> volumes;
};

void count_volumes(const engine::Store& store, DiskUse& use) {
  const auto names = list_directory(store.root() + "/volumes");
  if (!names) return;
  for (const auto& name : *names) {
    VolumeUse volume{name, tree_size(store.root() + "/volumes/" + name).value_or(0), 0};
    for (const auto& container : use.listing.containers) {
      const auto& mounts = container.record.mounts;
      volume.links += static_cast<size_t>(std::any_of(
          mounts.begin(), mounts.end(), [&](const auto& m) { return m.type == "volume" && m.name == name; }));
    }
    use.volumes.push_back(std::move(volume));
  }
}

Result<DiskUse> collect(const Invocation& call) {
  const image::Store images(call.globals.root);
  const engine::Store containers = open_store(call);
  DiskUse use;
  use.images = TRY(images.list());
  use.parts = TRY(image::measure(images));
  use.listing = TRY(containers.list());
  for (const auto& container : use.listing.containers) {
    const auto bytes = tree_size(containers.container_directory(container.record.id));
    use.containers.push_back({&container, bytes ? *bytes : 0});
    const auto id = image::Digest::parse(container.record.image.id);
    if (!id) continue;
    use.used_images.insert(*id);
    ++use.containers_of[*id];
  }
  count_volumes(containers, use);
  return use;
}

struct Total {
  size_t count = 0;
  size_t active = 0;
  uint64_t bytes = 0;
  uint64_t reclaimable = 0;
};

Json row_of(const char* type, const Total& total) {
  std::string reclaimable = human_size(total.reclaimable);
  if (total.bytes > 0) {
    constexpr double kPercent = 100;
    const double share = kPercent * static_cast<double>(total.reclaimable) / static_cast<double>(total.bytes);
    reclaimable += " (" + std::to_string(static_cast<int>(share)) + "%)";
  }
  return {{"Type", type},
          {"TotalCount", std::to_string(total.count)},
          {"Active", std::to_string(total.active)},
          {"Size", human_size(total.bytes)},
          {"Reclaimable", reclaimable}};
}

std::vector<Json> summary(const DiskUse& use) {
  Total images{use.images.size(), 0, image::total_bytes(use.parts),
               image::reclaimable_bytes(use.parts, use.used_images)};
  for (const auto& image : use.images)
    images.active += use.used_images.contains(image.id) ? 1 : 0;
  Total containers{use.containers.size(), 0, 0, 0};
  for (const auto& container : use.containers) {
    const bool runs = container.container->state.pid != 0;
    containers.active += runs ? 1 : 0;
    containers.bytes += container.bytes;
    containers.reclaimable += runs ? 0 : container.bytes;
  }
  Total volumes{use.volumes.size(), 0, 0, 0};
  for (const auto& volume : use.volumes) {
    volumes.active += volume.links > 0 ? 1 : 0;
    volumes.bytes += volume.bytes;
    volumes.reclaimable += volume.links > 0 ? 0 : volume.bytes;
  }
  return {row_of("Images", images), row_of("Containers", containers), row_of("Local Volumes", volumes),
          row_of("Build Cache", {})};
}

ListFormat summary_format() {
  ListFormat how;
  how.table = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";
  how.headers = {{"Type", "TYPE"},
                 {"TotalCount", "TOTAL"},
                 {"Active", "ACTIVE"},
                 {"Size", "SIZE"},
                 {"Reclaimable", "RECLAIMABLE"}};
  return how;
}

Result<std::string> images_text(const DiskUse& use) {
  std::vector<Json> rows;
  for (const auto& image : use.images) {
    const image::ImageBytes bytes = image::bytes_of(use.parts, image.id);
    const auto users = use.containers_of.find(image.id);
    for (auto& row : image_rows(image, {now_ns(), true, false})) {
      row["Size"] = human_size(bytes.unique + bytes.shared);
      row["SharedSize"] = human_size(bytes.shared);
      row["UniqueSize"] = human_size(bytes.unique);
      row["Containers"] = std::to_string(users == use.containers_of.end() ? 0 : users->second);
      rows.push_back(std::move(row));
    }
  }
  ListFormat how = image_list_format(false);
  how.table += "\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";
  return render_list(how, "", rows);
}

Result<std::string> containers_text(const DiskUse& use) {
  ListFormat how;
  how.table = "{{.ID}}\t{{.Image}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.Status}}\t{{.Names}}";
  how.headers = {{"ID", "CONTAINER ID"}, {"Image", "IMAGE"},   {"LocalVolumes", "LOCAL VOLUMES"},
                 {"Size", "SIZE"},       {"Status", "STATUS"}, {"Names", "NAMES"}};
  std::vector<Json> rows;
  for (const auto& [container, bytes] : use.containers) {
    const auto& record = container->record;
    const auto volumes = std::count_if(record.mounts.begin(), record.mounts.end(),
                                       [](const auto& mount) { return mount.type == "volume"; });
    rows.push_back({{"ID", record.id.substr(0, 12)},
                    {"Image", record.request.image},
                    {"LocalVolumes", std::to_string(volumes)},
                    {"Size", human_size(bytes)},
                    {"Status", status_text(container->state, now_ns())},
                    {"Names", record.name}});
  }
  return render_list(how, "", rows);
}

Result<std::string> volumes_text(const DiskUse& use) {
  ListFormat how;
  how.table = "{{.Name}}\t{{.Links}}\t{{.Size}}";
  how.headers = {{"Name", "VOLUME NAME"}, {"Links", "LINKS"}, {"Size", "SIZE"}};
  std::vector<Json> rows;
  for (const auto& volume : use.volumes)
    rows.push_back(
        {{"Name", volume.name}, {"Links", std::to_string(volume.links)}, {"Size", human_size(volume.bytes)}});
  return render_list(how, "", rows);
}

}  // namespace

Result<int> run_system_df(const Invocation& call) {
  const bool verbose = call.options.flag("verbose");
  const std::string format = call.options.string("format");
  if (verbose && !format.empty()) return invalid("the verbose and the format options conflict");
  const DiskUse use = TRY(collect(call));
  if (!verbose) {
    print(TRY(render_list(summary_format(), format, summary(use))));
    return 0;
  }
  const std::string images = TRY(images_text(use));
  const std::string containers = TRY(containers_text(use));
  const std::string volumes = TRY(volumes_text(use));
  print("Images space usage:\n\n" + images + "\nContainers space usage:\n\n" + containers +
        "\nLocal Volumes space usage:\n\n" + volumes + "\nBuild cache usage: 0B\n");
  return 0;
}

}  // namespace cli
