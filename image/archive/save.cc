#include "image/archive/save.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/json.h"
#include "image/archive/hash.h"
#include "image/archive/layout.h"
#include "image/archive/tar_output.h"
#include "image/outgoing.h"
#include "image/reference.h"

namespace image {

namespace {

// One image of the archive, with the names that it gets there.
struct SavedImage {
  Image image;
  std::set<std::string> tags;  // familiar
};

class Saver {
 public:
  Saver(const Store& store, const std::string& platform) : store_(store), platform_(platform) {}

  Result<void> choose(const std::string& name) {
    const auto reference = Reference::parse(name);
    if (reference && reference->tag().empty() && !reference->digest()) {
      const bool found = TRY(choose_repository(*reference));
      if (found) return ok();
    }
    const auto image = TRY(store_.inspect(name));
    // "sha256:..." reads as a name with a tag, too.
    const bool by_tag = reference && std::find(image.repo_tags.begin(), image.repo_tags.end(),
                                               reference->familiar()) != image.repo_tags.end();
    return add(image, by_tag ? reference->familiar() : "");
  }

  // Everything that is written; the blobs by their names, so that the order is always the same.
  Result<void> write(TarOutput& tar) {
    Json index = Json::array();
    Json manifest = Json::array();
    for (const auto& saved : images_)
      TRY(describe(saved, index, manifest));
    TRY(tar.add_file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
    const Json index_document = {{"schemaVersion", 2},
                                 {"mediaType", "application/vnd.oci.image.index.v1+json"},
                                 {"manifests", std::move(index)}};
    TRY(tar.add_file("index.json", dump_json(index_document)));
    TRY(tar.add_file("manifest.json", dump_json(manifest)));
    TRY(tar.add_directory("blobs/"));
    std::string directory;
    for (const auto& [name, content] : small_)
      TRY(add_small(tar, name, content, directory));
    for (const auto& [digest, path] : blobs_) {
      TRY(enter(tar, blob_name(digest), directory));
      TRY(tar.add_blob(blob_name(digest), path, digest));
    }
    return ok();
  }

 private:
  Result<void> add(const Image& image, const std::string& tag) {
    TRY(expect_platform(image, tag.empty() ? image.id.text() : tag, platform_));
    auto saved = std::find_if(images_.begin(), images_.end(),
                              [&](const SavedImage& other) { return other.image.id == image.id; });
    if (saved == images_.end()) saved = images_.insert(images_.end(), SavedImage{image, {}});
    if (!tag.empty()) saved->tags.insert(tag);
    return ok();
  }

  // All tags of the repository; false when there is none.
  Result<bool> choose_repository(const Reference& repository) {
    const auto images = TRY(store_.list());
    bool found = false;
    for (const auto& image : images) {
      for (const auto& tag : image.repo_tags) {
        const auto parsed = Reference::parse(tag);
        if (!parsed || parsed->repository() != repository.repository()) continue;
        TRY(add(image, tag));
        found = true;
      }
    }
    return found;
  }

  Result<void> describe(const SavedImage& saved, Json& index, Json& manifest) {
    const Outgoing outgoing =
        TRY_IN("image " + saved.image.id.short_hex(), make_outgoing(store_, saved.image));
    const Digest digest = TRY(digest_of(outgoing.manifest_json));
    small_[blob_name(digest)] = outgoing.manifest_json;
    small_[blob_name(saved.image.id)] = outgoing.config_json;
    Json layers = Json::array();
    for (const auto& layer : outgoing.layers) {
      blobs_.emplace(layer.digest, store_.blob_path(layer.digest));
      layers.push_back(blob_name(layer.digest));
    }
    manifest.push_back(
        {{"Config", blob_name(saved.image.id)}, {"RepoTags", saved.tags}, {"Layers", std::move(layers)}});
    const Json descriptor = {{"mediaType", outgoing.media_type},
                             {"digest", digest.text()},
                             {"size", outgoing.manifest_json.size()}};
    if (saved.tags.empty()) index.push_back(descriptor);
    for (const auto& tag : saved.tags) {
      const Reference name = TRY(Reference::parse(tag));
      Json named = descriptor;
      named["annotations"] = {{"io.containerd.image.name", name.text()},
                              {"org.opencontainers.image.ref.name", name.tag()}};
      index.push_back(std::move(named));
    }
    return ok();
  }

  // The directory of the blobs' algorithm, before its first one.
  static Result<void> enter(TarOutput& tar, const std::string& name, std::string& directory) {
    const std::string wanted = name.substr(0, name.rfind('/') + 1);
    if (wanted == directory) return ok();
    directory = wanted;
    return tar.add_directory(directory);
  }

  static Result<void> add_small(TarOutput& tar, const std::string& name, const std::string& content,
                                std::string& directory) {
    TRY(enter(tar, name, directory));
    return tar.add_file(name, content);
  }

  const Store& store_;
  const std::string& platform_;
  std::vector<SavedImage> images_;            // in the order in which they were named
  std::map<std::string, std::string> small_;  // manifests and configurations, by their name in the archive
  std::map<Digest, std::string> blobs_;       // layers, and where they are
};

}  // namespace

Result<void> save(const Store& store, const std::vector<std::string>& names, int fd,
                  const std::string& platform) {
  const Fd hold = TRY(store.hold());
  Saver saver(store, platform);
  for (const auto& name : names)
    TRY(saver.choose(name));
  TarOutput tar = TRY(TarOutput::make(fd));
  TRY(saver.write(tar));
  return tar.finish();
}

}  // namespace image
