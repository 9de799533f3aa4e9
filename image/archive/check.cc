#include "image/archive/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/archive/hash.h"
#include "image/archive/inflate.h"
#include "image/archive/layer_repair.h"
#include "image/layer_measure.h"
#include "image/store_files.h"

namespace image {

namespace {

constexpr const char* kGetAgain = "load or pull the image again";

class Check {
 public:
  Check(const Store& store, const CheckOptions& options) : store_(store), options_(options) {}

  Result<CheckReport> run() {
    std::vector<std::string> damaged;
    const auto images = TRY(store_.list(&damaged));
    for (const auto& text : damaged)
      problem(text + "; " + kGetAgain);
    report_.images = images.size();
    for (const auto& image : images)
      check_image(image);
    TRY(check_blobs());
    TRY(check_tags(images));
    check_leftovers();
    return std::move(report_);
  }

 private:
  void problem(std::string text) { report_.problems.push_back(std::move(text)); }

  static std::string name_of(const Image& image) {
    const std::string id = image.id.short_hex();
    return "image " + (image.repo_tags.empty() ? id : image.repo_tags.front() + " (" + id + ")");
  }

  void check_image(const Image& image) {
    const std::string name = name_of(image);
    const auto config = store_.config_json(image.id);
    const auto digest = config ? digest_of(*config, image.id.algorithm()) : Result<Digest>(config.error());
    if (!digest || *digest != image.id)
      problem(name + ": its configuration is missing or damaged; " + kGetAgain);
    if (image.manifest) check_manifest(image, name);
    std::vector<const Layer*> lower;
    for (const auto& layer : image.layers) {
      check_layer(layer, lower, name);
      lower.push_back(&layer);
    }
  }

  void check_manifest(const Image& image, const std::string& name) {
    const auto bytes = store_.manifest_json(image);
    const auto digest =
        bytes ? digest_of(*bytes, image.manifest->algorithm()) : Result<Digest>(bytes.error());
    if (digest && *digest == *image.manifest) return;
    problem(name +
            ": its manifest is missing or damaged: it can be run, but not sent under the same digest; " +
            kGetAgain);
  }

  void check_layer(const Layer& layer, const std::vector<const Layer*>& lower, const std::string& name) {
    if (!seen_layers_.insert(layer.directory).second) return;
    ++report_.layers;
    const std::string fault = layer_fault(store_, layer.chain_id);
    if (!fault.empty()) {
      const std::string text = name + ": layer " + layer.directory + " " + fault;
      repair(layer, lower, text);
    }
    const auto blobs = store_.layer_blobs(layer.diff_id);
    if (blobs && !blobs->empty() && store_.has_blob(blobs->front().digest)) {
      for (const auto& blob : *blobs)
        sizes_.emplace(blob.digest, blob.size);
      return;
    }
    problem(name + ": layer " + layer.directory +
            " has no packed form here: it can be run, but not saved or pushed; " + kGetAgain);
  }

  void repair(const Layer& layer, const std::vector<const Layer*>& lower, const std::string& text) {
    if (!options_.repair) {
      problem(text + "; --repair unpacks it again if its packed form is here, else " + kGetAgain);
      return;
    }
    const auto repaired = repair_layer(store_, layer, lower);
    if (repaired) {
      report_.repairs.push_back(text + ": unpacked again");
    } else {
      problem(text + ", and can't be unpacked again (" + repaired.error().text() + "); " + kGetAgain);
    }
  }

  Result<void> check_blobs() {
    for (const char* algorithm : {"sha256", "sha512"}) {
      const std::string directory = store_.root() + "/blobs/" + algorithm;
      const auto names = list_directory(directory);
      if (!names) continue;
      for (const auto& name : *names) {
        const auto digest = Digest::parse(std::string(algorithm) + ":" + name);
        if (digest) check_blob(*digest);
      }
    }
    return ok();
  }

  void check_blob(const Digest& digest) {
    ++report_.blobs;
    const std::string path = store_.blob_path(digest);
    struct stat status = {};
    if (::stat(path.c_str(), &status) < 0) return;  // gone meanwhile
    const auto known = sizes_.find(digest);
    const bool wrong_size = known != sizes_.end() && known->second != static_cast<uint64_t>(status.st_size);
    if (!wrong_size && (!options_.deep || hash_fits(path, digest))) return;
    const std::string text = "blob " + digest.text() + " is damaged";
    if (!options_.repair) {
      problem(text + "; --repair removes it; " + kGetAgain);
      return;
    }
    ::unlink(path.c_str());
    report_.repairs.push_back(text + ": removed; " + kGetAgain);
  }

  static bool hash_fits(const std::string& path, const Digest& digest) {
    const auto hash = [&]() -> Result<std::optional<Digest>> {
      const Fd file = TRY(sys::open(path.c_str(), O_RDONLY | O_NOFOLLOW));
      InputReader reader = TRY(InputReader::make(Input{file.get(), {}, 0}, digest.algorithm()));
      for (;;) {
        const std::string_view bytes = TRY(reader.next());
        if (bytes.empty()) return reader.digest();
      }
    };
    const auto actual = hash();
    return actual && *actual == digest;
  }

  // Names of images that are not there.
  Result<void> check_tags(const std::vector<Image>& images) {
    std::set<Digest> ids;
    for (const auto& image : images)
      ids.insert(image.id);
    const auto tags = TRY(read_all_tags(store_.root()));
    for (const auto& [id, name] : tags) {
      if (ids.contains(id) || path_exists(record_path(store_.root(), id))) continue;
      const std::string text = "the name " + name.familiar() + " means an image that is not here";
      if (options_.repair && store_.untag(name)) {
        report_.repairs.push_back(text + ": removed");
      } else {
        problem(text + "; --repair removes it");
      }
    }
    return ok();
  }

  void check_leftovers() {
    if (options_.repair) static_cast<void>(store_.clean());
    const auto trash = list_directory(store_.root() + "/trash");
    if (!trash || trash->empty()) return;
    problem(std::to_string(trash->size()) +
            " directories of removals that were killed are left; the next load, or --repair, deletes them");
  }

  const Store& store_;
  CheckOptions options_;
  CheckReport report_;
  std::set<std::string> seen_layers_;
  std::map<Digest, uint64_t> sizes_;  // of the layers' blobs
};

}  // namespace

Result<CheckReport> check_store(const Store& store, const CheckOptions& options) {
  return Check(store, options).run();
}

}  // namespace image
