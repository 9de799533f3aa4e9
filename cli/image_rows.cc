#include "cli/image_rows.h"

#include <fnmatch.h>

#include "base/strings.h"
#include "base/units.h"
#include "cli/container_rows.h"

namespace cli {

namespace {

constexpr const char* kNone = "<none>";

Json row_of(const image::Image& image, const ImageRowDetails& details) {
  Json row;
  row["ID"] = details.truncate ? image.id.short_hex() : image.id.text();
  row["Repository"] = kNone;
  row["Tag"] = kNone;
  row["Digest"] = kNone;
  row["CreatedSince"] = image.created_ns == 0
                            ? std::string("N/A")
                            : human_duration((details.now_ns - image.created_ns) / kSecondNs) + " ago";
  row["CreatedAt"] = image.created_ns == 0 ? std::string("N/A") : go_time(image.created_ns);
  row["Size"] = human_size(image.size_bytes);
  row["Containers"] = "N/A";
  row["SharedSize"] = "N/A";
  row["UniqueSize"] = "N/A";
  return row;
}

// The repository of "host:5000/name:tag" or "name@sha256:...".
std::string repository_of(const std::string& name) {
  const size_t at = name.find('@');
  if (at != std::string::npos) return name.substr(0, at);
  const size_t colon = name.rfind(':');
  const size_t slash = name.rfind('/');
  const bool has_tag = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  return has_tag ? name.substr(0, colon) : name;
}

std::string digest_for(const image::Image& image, const std::string& repository) {
  for (const auto& name : image.repo_digests) {
    if (repository_of(name) == repository) return name.substr(name.find('@') + 1);
  }
  return kNone;
}

Json layers_of(const image::Image& image) {
  Json layers = Json::array();
  for (const auto& layer : image.layers)
    layers.push_back(layer.diff_id.text());
  return layers;
}

Json graph_driver(const image::Store& store, const image::Image& image) {
  Json data = Json::object();
  std::vector<std::string> lower;
  for (size_t i = image.layers.size(); i > 0; --i)
    lower.push_back(store.layer_path(image.layers[i - 1].directory) + "/fs");
  if (!lower.empty()) {
    data["UpperDir"] = lower.front();  // Docker: the topmost layer
    lower.erase(lower.begin());
    if (!lower.empty()) data["LowerDir"] = join(lower, ":");
  }
  return {{"Name", "overlay2"}, {"Data", data}};
}

}  // namespace

std::vector<Json> image_rows(const image::Image& image, const ImageRowDetails& details) {
  std::vector<Json> rows;
  std::vector<std::string> tagged;
  for (const auto& name : image.repo_tags) {
    Json row = row_of(image, details);
    const std::string repository = repository_of(name);
    row["Repository"] = repository;
    row["Tag"] = name.substr(repository.size() + 1);
    row["Digest"] = digest_for(image, repository);
    tagged.push_back(repository);
    rows.push_back(std::move(row));
  }
  for (const auto& name : image.repo_digests) {
    const std::string repository = repository_of(name);
    bool is_tagged = false;
    for (const auto& other : tagged)
      is_tagged = is_tagged || other == repository;
    if (is_tagged) continue;
    Json row = row_of(image, details);
    row["Repository"] = repository;
    row["Digest"] = name.substr(name.find('@') + 1);
    rows.push_back(std::move(row));
  }
  if (rows.empty()) rows.push_back(row_of(image, details));
  return rows;
}

ListFormat image_list_format(bool with_digests) {
  ListFormat how;
  how.table = std::string("{{.Repository}}\t{{.Tag}}\t") + (with_digests ? "{{.Digest}}\t" : "") +
              "{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
  how.headers = {{"ID", "IMAGE ID"},
                 {"Repository", "REPOSITORY"},
                 {"Tag", "TAG"},
                 {"Digest", "DIGEST"},
                 {"CreatedSince", "CREATED"},
                 {"CreatedAt", "CREATED AT"},
                 {"Size", "SIZE"},
                 {"Containers", "CONTAINERS"},
                 {"SharedSize", "SHARED SIZE"},
                 {"UniqueSize", "UNIQUE SIZE"}};
  return how;
}

bool image_row_matches(const Json& row, const std::string& pattern) {
  const std::string repository = row.value("Repository", "");
  const std::string name = repository + ":" + row.value("Tag", "");
  const bool with_tag = repository_of(pattern) != pattern;
  return ::fnmatch(pattern.c_str(), with_tag ? name.c_str() : repository.c_str(), FNM_PATHNAME) == 0;
}

Result<Json> inspect_image(const image::Store& store, const image::Image& image,
                           const std::string& config_json) {
  const Json raw = TRY(parse_json(config_json));
  const JsonView config(raw);
  Json result;
  result["Id"] = image.id.text();
  result["RepoTags"] = image.repo_tags;
  result["RepoDigests"] = image.repo_digests;
  result["Parent"] = "";
  result["Comment"] = TRY(config.string_or("comment", ""));
  result["Created"] = image.created;
  result["Author"] = TRY(config.string_or("author", ""));
  result["Config"] = raw.contains("config") ? raw["config"] : Json(nullptr);
  result["Architecture"] = image.architecture;
  if (!image.variant.empty()) result["Variant"] = image.variant;
  result["Os"] = image.os;
  result["Size"] = image.size_bytes;
  result["GraphDriver"] = graph_driver(store, image);
  result["RootFS"] = {{"Type", "layers"}, {"Layers", layers_of(image)}};
  result["Metadata"] = {{"LastTagTime", "0001-01-01T00:00:00Z"}};
  return result;
}

}  // namespace cli
