// save: what is written, that it is the same each time, and what other tools make of it. Also what a load
// keeps for it.
#include "image/archive/save.h"

#include <fcntl.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "image/archive/load.h"
#include "tests/unit/archive/archives.h"
#include "tests/unit/archive/scratch.h"

namespace {

const std::string kOne = tar_of({directory("etc/"), file("etc/name", "one")});
const std::string kTwo = tar_of({file("etc/name", "two"), file(".wh.gone", "")});

Result<std::vector<image::LoadedImage>> load_file(const image::Store& store, const std::string& path) {
  image::LoadRequest request;
  request.input = path;
  return image::load(store, request);
}

void load_bytes(const Scratch& scratch, const image::Store& store, const std::string& bytes) {
  write_test_file(scratch.path() + "/archive", bytes);
  const auto loaded = load_file(store, scratch.path() + "/archive");
  INFO((loaded ? "" : loaded.error().text()));
  REQUIRE(loaded);
}

std::string saved(const Scratch& scratch, const image::Store& store, const std::vector<std::string>& names) {
  const std::string path = scratch.path() + "/saved.tar";
  const Fd file = *sys::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const auto result = image::save(store, names, file.get());
  INFO((result ? "" : result.error().text()));
  REQUIRE(result);
  return *read_file(path);
}

std::string member(const Scratch& scratch, const std::string& name) {
  return run_command({"tar", "-xOf", scratch.path() + "/saved.tar", name})->out;
}

// An archive with packed layers, as registries have them.
TestImage packed_image() {
  return {.layers = {gzipped(kOne), gzipped(kTwo)}, .diff_ids = {sha256(kOne), sha256(kTwo)}};
}

}  // namespace

TEST_CASE("the same image is saved as the same bytes, also from another store") {
  const Scratch scratch;
  for (const auto& image : {TestImage{.layers = {kOne, kTwo}}, packed_image()}) {
    for (const auto& entries : {docker_archive(image), oci_archive(image)}) {
      const std::string name = "store" + sha256(tar_of(entries)).substr(7);
      load_bytes(scratch, store_in(scratch, name), tar_of(entries));
      const std::string first = saved(scratch, store_in(scratch, name), {"test"});
      CHECK((saved(scratch, store_in(scratch, name), {"test"}) == first));
      load_bytes(scratch, store_in(scratch, name + "-again"), first);
      CHECK((saved(scratch, store_in(scratch, name + "-again"), {"test"}) == first));
    }
  }
}

TEST_CASE("layers and manifest go out as they came") {
  const Scratch scratch;
  const TestImage image = packed_image();
  load_bytes(scratch, store_in(scratch), tar_of(oci_archive(image)));
  const auto stored = store_in(scratch).find("test");
  REQUIRE(stored->manifest);
  (void)saved(scratch, store_in(scratch), {"test"});
  const auto index = *parse_json(member(scratch, "index.json"));
  CHECK(index["manifests"][0]["digest"] == stored->manifest->text());
  CHECK(index["manifests"][0]["annotations"]["io.containerd.image.name"] == "docker.io/library/test:latest");
  const auto manifest = *parse_json(member(scratch, "manifest.json"));
  CHECK(manifest[0]["RepoTags"] == Json::array({"test:latest"}));
  for (size_t i = 0; i < 2; ++i) {
    const std::string hex = sha256(image.layers[i]).substr(7);
    CHECK(manifest[0]["Layers"][i] == "blobs/sha256/" + hex);
    CHECK(member(scratch, "blobs/sha256/" + hex) == image.layers[i]);
  }
  CHECK(sha256(member(scratch, manifest[0]["Config"])) == stored->id.text());
}

TEST_CASE("a layer that came plain is packed once, and unpacks to its diff id") {
  const Scratch scratch;
  load_bytes(scratch, store_in(scratch), tar_of(docker_archive({.layers = {kOne}})));
  const auto diff_id = store_in(scratch).find("test")->layers[0].diff_id;
  CHECK(diff_id.text() == sha256(kOne));
  const auto blobs = store_in(scratch).layer_blobs(diff_id);
  REQUIRE(blobs->size() == 1);
  CHECK(blobs->front().media_type == "application/vnd.oci.image.layer.v1.tar+gzip");
  const std::string packed = *read_file(store_in(scratch).blob_path(blobs->front().digest));
  CHECK(packed.size() == blobs->front().size);
  CHECK(sha256(packed) == blobs->front().digest.text());
  CHECK(run_command({"gzip", "-dc"}, packed)->out == kOne);
}

TEST_CASE("a repository is saved with all its tags, a tag alone, an id without") {
  const Scratch scratch;
  const auto store = store_in(scratch);
  load_bytes(scratch, store, tar_of(docker_archive({.layers = {kOne}})));
  load_bytes(scratch, store, tar_of(docker_archive({.layers = {kTwo}, .tag = "other:1"})));
  REQUIRE(store.tag("test", *image::Reference::parse("test:two")));
  const auto tags = [&](const std::vector<std::string>& names) {
    (void)saved(scratch, store, names);
    Json all = Json::array();
    const Json document = *parse_json(member(scratch, "manifest.json"));
    for (const auto& image : document)
      all.push_back(image["RepoTags"]);
    return dump_json(all);
  };
  CHECK(tags({"test"}) == R"([["test:latest","test:two"]])");
  CHECK(tags({"test:two"}) == R"([["test:two"]])");
  REQUIRE(store.tag("test", *image::Reference::parse("team/box:3")));
  CHECK(tags({"team/box"}) == R"([["team/box:3"]])");  // no :latest is needed
  CHECK(tags({store.find("test")->id.short_hex()}) == "[[]]");
  CHECK(tags({store.find("test")->id.text()}) == "[[]]");
  CHECK(tags({"test:two", "other:1"}) == R"([["test:two"],["other:1"]])");
  CHECK(image::save(store, {"nothing"}, -1).error().text() == "No such image: nothing:latest");
}

TEST_CASE("a damaged blob is not saved") {
  const Scratch scratch;
  load_bytes(scratch, store_in(scratch), tar_of(docker_archive(packed_image())));
  const auto blob = store_in(scratch).layer_blobs(store_in(scratch).find("test")->layers[0].diff_id)->front();
  const std::string path = store_in(scratch).blob_path(blob.digest);
  std::string bytes = *read_file(path);
  bytes[bytes.size() / 2] ^= 1;
  REQUIRE(replace_file(path, bytes));
  const Fd null = *sys::open("/dev/null", O_WRONLY);
  CHECK(image::save(store_in(scratch), {"test"}, null.get()).error().kind() == ErrorKind::kCorrupt);
}

TEST_CASE("layers of one archive unpacked at once are those unpacked alone") {
  const Scratch scratch;
  TestImage image;
  for (int i = 0; i < 7; ++i) {
    std::vector<TarEntry> entries = {file("both", std::string(static_cast<size_t>(i) * 50'000, 'x'))};
    entries.push_back(file("d" + std::to_string(i) + "/f", std::to_string(i)));
    image.layers.push_back(tar_of(entries));
  }
  image.layers.push_back(image.layers[3]);  // the same content above others: another chain id
  load_bytes(scratch, store_in(scratch), tar_of(docker_archive(image)));
  const auto stored = store_in(scratch).find("test");
  REQUIRE(stored->layers.size() == 8);
  for (size_t i = 0; i < 7; ++i) {
    const std::string fs = store_in(scratch).layer_path(stored->layers[i].directory) + "/fs";
    CHECK(content_of(fs + "/d" + std::to_string(i) + "/f") == std::to_string(i));
    CHECK(stat_of(fs + "/both").st_size == static_cast<off_t>(i * 50'000));
  }
  CHECK(stored->layers[7].diff_id == stored->layers[3].diff_id);
  CHECK(stored->layers[7].directory != stored->layers[3].directory);
}

TEST_CASE("skopeo and umoci read what we save", "[peers]") {
  const Scratch scratch;
  load_bytes(scratch, store_in(scratch), tar_of(docker_archive(packed_image())));
  (void)saved(scratch, store_in(scratch), {"test"});
  const std::string id = store_in(scratch).find("test")->id.text();
  for (const std::string kind : {"docker-archive:", "oci-archive:"}) {
    const std::string to = scratch.path() + "/" + kind.substr(0, 3);
    REQUIRE(works({"skopeo", "copy", "--quiet", "--insecure-policy", kind + scratch.path() + "/saved.tar",
                   "dir:" + to}));
    const auto manifest = *parse_json(*read_file(to + "/manifest.json"));
    CHECK(manifest["config"]["digest"] == id);
  }
  REQUIRE(make_directories(scratch.path() + "/layout"));
  REQUIRE(works({"tar", "-xf", scratch.path() + "/saved.tar", "-C", scratch.path() + "/layout"}));
  REQUIRE(
      works({"umoci", "unpack", "--image", scratch.path() + "/layout:latest", scratch.path() + "/bundle"}));
  CHECK(content_of(scratch.path() + "/bundle/rootfs/etc/name") == "two");
}
