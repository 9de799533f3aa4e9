#include "tests/unit/archive/archives.h"

#include <catch2/catch.hpp>

#include "base/json.h"
#include "image/archive/hash.h"

namespace {

std::string hex_of(const std::string& bytes) {
  return sha256(bytes).substr(7);
}

Json descriptor(const std::string& type, const std::string& bytes) {
  return {{"mediaType", type}, {"digest", sha256(bytes)}, {"size", bytes.size()}};
}

}  // namespace

std::string sha256(const std::string& bytes) {
  const auto digest = image::digest_of(bytes);
  REQUIRE(digest);
  return digest->text();
}

std::string config_for(const TestImage& image) {
  if (!image.config.empty()) return image.config;
  Json diff_ids = image.diff_ids;
  if (image.diff_ids.empty()) {
    diff_ids = Json::array();
    for (const auto& layer : image.layers)
      diff_ids.push_back(sha256(layer));
  }
  return dump_json({{"architecture", "amd64"},
                    {"os", "linux"},
                    {"config", {{"Cmd", {"sh"}}}},
                    {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}});
}

std::vector<TarEntry> docker_archive(const TestImage& image) {
  const std::string config = config_for(image);
  std::vector<TarEntry> entries;
  Json layers = Json::array();
  for (const auto& layer : image.layers) {
    layers.push_back(hex_of(layer) + "/layer.tar");
    entries.push_back(file(hex_of(layer) + "/layer.tar", layer));
  }
  const std::string config_name = hex_of(config) + ".json";
  entries.push_back(file(config_name, config));
  const Json tags = image.tag.empty() ? Json() : Json::array({image.tag});
  const Json manifest = Json::array({{{"Config", config_name}, {"RepoTags", tags}, {"Layers", layers}}});
  entries.push_back(file("manifest.json", dump_json(manifest)));
  return entries;
}

std::vector<TarEntry> oci_archive(const TestImage& image) {
  const std::string config = config_for(image);
  std::vector<TarEntry> entries;
  const auto add_blob = [&](const std::string& bytes) {
    entries.push_back(file("blobs/sha256/" + hex_of(bytes), bytes));
  };
  Json layers = Json::array();
  for (const auto& layer : image.layers) {
    add_blob(layer);
    layers.push_back(descriptor("application/vnd.oci.image.layer.v1.tar", layer));
  }
  add_blob(config);
  const std::string manifest =
      dump_json({{"schemaVersion", 2},
                 {"config", descriptor("application/vnd.oci.image.config.v1+json", config)},
                 {"layers", layers}});
  add_blob(manifest);
  Json entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest);
  if (!image.tag.empty()) entry["annotations"] = {{"org.opencontainers.image.ref.name", image.tag}};
  entries.push_back(file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  entries.push_back(
      file("index.json", dump_json({{"schemaVersion", 2}, {"manifests", Json::array({entry})}})));
  return entries;
}
