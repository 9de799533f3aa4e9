// load and import: layouts, verification, and what is left in the store when something goes wrong.
#include "image/archive/load.h"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "image/archive/import.h"
#include "tests/unit/archive/archives.h"
#include "tests/unit/archive/scratch.h"

namespace {

const std::string kLayer = tar_of({file("bin/sh", "#!", 0755), directory("etc/")});

Result<std::vector<image::LoadedImage>> try_load(const Scratch& scratch, const std::string& bytes,
                                                 const image::Limits& limits = {}) {
  write_test_file(scratch.path() + "/archive", bytes);
  image::LoadRequest request;
  request.input = scratch.path() + "/archive";
  request.limits = limits;
  return image::load(store_in(scratch), request);
}

std::vector<std::string> sorted_names(const std::string& path) {
  const auto names = list_directory(path);
  return names ? *names : std::vector<std::string>();
}

// Nothing of a failed load: no image, layer, tag, blob or staging.
void check_nothing_left(const Scratch& scratch) {
  const std::string root = scratch.path() + "/store";
  for (const char* part : {"images", "layers", "tags", "blobs/sha256", "staging", "trash"}) {
    INFO(part);
    CHECK(sorted_names(root + "/" + part).empty());
  }
}

struct Damage {
  std::string name;
  std::vector<TarEntry> entries;
  std::string error;
};

TarEntry* find_entry(std::vector<TarEntry>& entries, const std::string& part) {
  for (auto& entry : entries) {
    if (entry.name.find(part) != std::string::npos) return &entry;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("docker-archives and OCI archives load, from files, compressed, and by a pipe") {
  const TestImage image{.layers = {kLayer, tar_of({file("second")})}};
  for (const auto& entries : {docker_archive(image), oci_archive(image)}) {
    const std::string tar = tar_of(entries);
    for (const auto& bytes :
         {tar, run_command({"gzip", "-c"}, tar)->out, run_command({"zstd", "-c"}, tar)->out}) {
      Scratch scratch;
      const auto loaded = try_load(scratch, bytes);
      REQUIRE(loaded);
      REQUIRE(loaded->size() == 1);
      CHECK(loaded->front().tags.front().familiar() == "test:latest");
      CHECK(loaded->front().id.text() == sha256(config_for(image)));
      const auto stored = store_in(scratch).find("test");
      REQUIRE(stored);
      REQUIRE(stored->layers.size() == 2);
      CHECK(stored->config.cmd == std::vector<std::string>{"sh"});
      const auto directories = stored->layer_directories();
      CHECK(content_of(store_in(scratch).layer_path(directories[0]) + "/fs/bin/sh") == "#!");
      CHECK(content_of(store_in(scratch).layer_path(directories[1]) + "/fs/second") == "x");
      CHECK(sorted_names(scratch.path() + "/store/staging").empty());
      CHECK(try_load(scratch, bytes));  // again: everything is there
    }
  }
}

TEST_CASE("compressed layers, links in the archive, and an image without a tag") {
  TestImage image{
      .layers = {run_command({"gzip", "-nc"}, kLayer)->out}, .diff_ids = {sha256(kLayer)}, .tag = ""};
  Scratch scratch;
  auto entries = docker_archive(image);
  // As docker before 1.10 wrote a layer that two images share.
  TarEntry* layer = find_entry(entries, "layer.tar");
  const std::string name = layer->name;
  layer->name = "real/layer.tar";
  entries.push_back(symlink_to(name, "../real/layer.tar"));
  const auto loaded = try_load(scratch, tar_of(entries));
  REQUIRE(loaded);
  CHECK(loaded->front().tags.empty());
  CHECK(store_in(scratch).find(loaded->front().id.text())->layers.front().diff_id.text() == sha256(kLayer));
}

TEST_CASE("images of one archive share layers") {
  const TestImage first{.layers = {kLayer}, .tag = "first:1"};
  const TestImage second{.layers = {kLayer, tar_of({file("more")})}, .tag = "second:1"};
  auto entries = oci_archive(first);
  auto others = oci_archive(second);
  std::string index = find_entry(entries, "index.json")->content;
  const std::string other_index = find_entry(others, "index.json")->content;
  const auto start = other_index.find('[') + 1;
  index.insert(index.find('[') + 1, other_index.substr(start, other_index.find("],", start) - start) + ",");
  entries.insert(entries.end(), others.begin(), others.end());
  entries.push_back(file("index.json", index));  // the last one wins
  Scratch scratch;
  const auto loaded = try_load(scratch, tar_of(entries));
  REQUIRE(loaded);
  CHECK(loaded->size() == 2);
  CHECK(sorted_names(scratch.path() + "/store/layers").size() == 2);
}

TEST_CASE("damaged archives are refused and leave nothing") {
  const TestImage image{.layers = {kLayer}};
  std::vector<Damage> cases;
  auto entries = docker_archive(image);
  find_entry(entries, "layer.tar")->content[600] ^= 1;
  cases.push_back({"a bit of a layer", entries, "unpacked it should be"});
  entries = docker_archive(image);
  find_entry(entries, ".json")->content.replace(2, 3, "xyz");
  cases.push_back({"the configuration", entries, "image configuration is damaged"});
  entries = docker_archive(image);
  std::erase_if(entries, [](const TarEntry& entry) { return entry.name.ends_with("layer.tar"); });
  cases.push_back({"no layer", entries, "has no file"});
  entries = docker_archive(image);
  std::erase_if(entries, [](const TarEntry& entry) { return entry.name == "manifest.json"; });
  cases.push_back({"no manifest", entries, "no image in it"});
  entries = docker_archive(image);
  find_entry(entries, "manifest.json")->content = R"([{"Config":"../../etc/passwd","Layers":[]}])";
  cases.push_back({"a path out of the archive", entries, "has no file"});
  entries = docker_archive(image);
  find_entry(entries, "manifest.json")->content = "[[[";
  cases.push_back({"no JSON", entries, "not valid JSON"});
  entries = docker_archive({.config = R"({"os":"linux","rootfs":{"diff_ids":[]}})", .layers = {kLayer}});
  cases.push_back({"fewer diff ids than layers", entries, "names 0 layers, the manifest 1"});
  entries = docker_archive({.config = R"({"os":"windows"})"});
  cases.push_back({"windows", entries, "for windows"});
  entries = docker_archive({.layers = {kLayer}, .tag = "UPPER"});
  cases.push_back({"a tag that is none", entries, "must be lowercase"});
  entries = docker_archive({.layers = {tar_of({file("../out")})}});
  cases.push_back({"a hostile layer", entries, "\"..\""});
  entries = oci_archive(image);
  find_entry(entries, "blobs")->content += "trailing";
  cases.push_back({"a longer blob", entries, "bytes but has"});
  entries = oci_archive(image);
  find_entry(entries, "blobs")->content[600] ^= 1;
  cases.push_back({"a bit of a blob", entries, "it should be sha256:"});
  entries = oci_archive(image);
  auto& index = find_entry(entries, "index.json")->content;
  index.replace(index.find("\"size\":") + 7, 1, "9");
  cases.push_back({"a wrong size of the manifest", entries, "bytes but has"});
  for (const auto& damage : cases) {
    INFO(damage.name);
    Scratch scratch;
    const auto loaded = try_load(scratch, tar_of(damage.entries));
    REQUIRE_FALSE(loaded);
    CHECK_THAT(loaded.error().text(), Catch::Contains(damage.error));
    check_nothing_left(scratch);
  }
}

TEST_CASE("truncated and foreign files are refused and leave nothing") {
  const std::string tar = tar_of(docker_archive({.layers = {kLayer}}));
  const std::string zipped = run_command({"gzip", "-c"}, tar)->out;
  for (const auto& bytes :
       {std::string(), std::string("text"), std::string(4096, '\0'), tar.substr(0, 2000), tar.substr(0, 512),
        zipped.substr(0, zipped.size() / 2), std::string("\x1f\x8b", 2)}) {
    Scratch scratch;
    CHECK_FALSE(try_load(scratch, bytes));
    check_nothing_left(scratch);
  }
}

TEST_CASE("a second layer that fails leaves the first unpublished") {
  Scratch scratch;
  const auto loaded =
      try_load(scratch, tar_of(docker_archive({.layers = {kLayer, tar_of({file("../out")})}})));
  REQUIRE_FALSE(loaded);
  CHECK_THAT(loaded.error().text(), Catch::StartsWith("layer 2 of 2: "));
  check_nothing_left(scratch);
}

TEST_CASE("a full disk leaves nothing, and room makes the same load succeed") {
  Scratch scratch;
  const std::string root = scratch.path() + "/store";
  REQUIRE(make_directories(root));
  REQUIRE(sys::mount("tmpfs", root.c_str(), "tmpfs", 0, "size=1m"));
  const std::string tar =
      tar_of(docker_archive({.layers = {tar_of({file("big", std::string(3U << 20U, 'b'))})}}));
  const auto loaded = try_load(scratch, tar);
  CHECK_FALSE(loaded);
  if (!loaded) CHECK(loaded.error().error_number() == ENOSPC);
  check_nothing_left(scratch);
  REQUIRE(sys::mount("tmpfs", root.c_str(), "tmpfs", MS_REMOUNT, "size=16m"));
  CHECK(try_load(scratch, tar));
  CHECK(store_in(scratch).find("test"));
  REQUIRE(sys::umount2(root.c_str(), 0));
}

TEST_CASE("a kill at any time leaves the whole image or none", "[slow]") {
  Scratch scratch;
  std::vector<TarEntry> files;
  for (int i = 0; i < 300; ++i)
    files.push_back(file("d" + std::to_string(i % 7) + "/f" + std::to_string(i), std::string(3000, 'c')));
  const std::string tar = tar_of(docker_archive({.layers = {tar_of(files), kLayer}}));
  write_test_file(scratch.path() + "/archive", tar);
  image::LoadRequest request;
  request.input = scratch.path() + "/archive";
  const auto store = store_in(scratch);
  int64_t whole_ns = 0;
  constexpr int kKills = 12;
  for (int i = 0; i <= kKills; ++i) {
    const int64_t start = monotonic_ns();
    const pid_t child = ::fork();
    if (child == 0) ::_exit(image::load(store, request) ? 0 : 1);
    if (i > 0) {
      ::usleep(static_cast<useconds_t>(whole_ns / 1000 * i / kKills));
      ::kill(child, SIGKILL);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (i == 0) whole_ns = monotonic_ns() - start;
    const auto found = store.find("test");
    if (found) {
      for (const auto& directory : found->layer_directories())
        CHECK(path_exists(store.layer_path(directory) + "/layer.json"));
      const auto first = store.layer_path(found->layer_directories().front());
      CHECK(content_of(first + "/fs/d6/f6") == std::string(3000, 'c'));
      REQUIRE(store.remove("test", {}));
    } else {
      CHECK(found.error().kind() == ErrorKind::kNotFound);
    }
    // A child that was just being born may hold the staging's lock a moment longer than its parent lived.
    constexpr int kTries = 200;
    for (int wait = 0; wait < kTries; ++wait) {
      REQUIRE(store.clean());
      if (sorted_names(scratch.path() + "/store/staging").empty()) break;
      ::usleep(10'000);
    }
    const auto images = store.list();
    for (const auto& image : *images)  // published, but not tagged yet
      CHECK(store.remove(image.id.text(), {}));
    INFO("kill " << i);
    check_nothing_left(scratch);
  }
}

TEST_CASE("two loads of one archive at once both succeed") {
  Scratch scratch;
  std::vector<TarEntry> files;
  for (int i = 0; i < 200; ++i)
    files.push_back(file("f" + std::to_string(i), std::string(2000, 'c')));
  write_test_file(scratch.path() + "/archive", tar_of(docker_archive({.layers = {tar_of(files)}})));
  image::LoadRequest request;
  request.input = scratch.path() + "/archive";
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(image::load(store_in(scratch), request) ? 0 : 1);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  CHECK(sorted_names(scratch.path() + "/store/layers").size() == 1);
  CHECK(sorted_names(scratch.path() + "/store/staging").empty());
  CHECK(store_in(scratch).find("test"));
}

TEST_CASE("import makes an image of a tree, with changes") {
  Scratch scratch;
  write_test_file(scratch.path() + "/rootfs.tar", kLayer);
  image::ImportRequest request;
  request.input = scratch.path() + "/rootfs.tar";
  request.tag = *image::Reference::parse_with_default_tag("mine");
  request.changes = {"CMD [\"sh\"]", "ENV A=1", "USER 5"};
  const auto id = image::import_tar(store_in(scratch), request);
  REQUIRE(id);
  const auto stored = store_in(scratch).find("mine:latest");
  REQUIRE(stored);
  CHECK(stored->id == *id);
  CHECK(stored->config.env == std::vector<std::string>{"A=1"});
  CHECK(stored->config.user == "5");
  CHECK(stored->layers.front().diff_id.text() == sha256(kLayer));
  const auto config = store_in(scratch).config_json(*id);
  CHECK(sha256(*config) == id->text());
  request.changes = {"RUN rm"};
  CHECK_THAT(image::import_tar(store_in(scratch), request).error().text(),
             Catch::Contains("RUN is not a valid change command"));
  request.changes = {};
  request.input = scratch.canary();
  CHECK_THAT(image::import_tar(store_in(scratch), request).error().text(), Catch::Contains("is a directory"));
}
