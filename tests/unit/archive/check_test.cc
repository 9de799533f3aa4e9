// system check: every kind of damage is found and named, and what can be mended is.
#include "image/archive/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "image/archive/load.h"
#include "tests/unit/archive/archives.h"
#include "tests/unit/archive/scratch.h"

namespace {

struct Loaded {
  Scratch scratch;
  image::Store store{scratch.path() + "/store"};

  Loaded() {
    const TestImage image{.layers = {tar_of({directory("etc/", 0750), file("etc/name", "one"),
                                             file("twice", "12345"), hard_link_to("again", "etc/name")}),
                                     tar_of({file("etc/more", "two")})}};
    write_test_file(scratch.path() + "/archive", tar_of(docker_archive(image)));
    image::LoadRequest request;
    request.input = scratch.path() + "/archive";
    REQUIRE(image::load(store, request));
  }
  std::string layer(size_t index) const {
    return store.layer_path(store.find("test")->layers[index].directory);
  }
  std::string blob(size_t index) const {
    return store.blob_path(store.layer_blobs(store.find("test")->layers[index].diff_id)->front().digest);
  }
  std::vector<std::string> problems(const image::CheckOptions& options = {}) const {
    const auto report = image::check_store(store, options);
    REQUIRE(report);
    return report->problems;
  }
};

void damage(const std::string& path) {
  std::string bytes = *read_file(path);
  bytes[bytes.size() / 2] ^= 1;
  REQUIRE(replace_file(path, bytes));
}

void check_one(const Loaded& loaded, const std::string& text, const image::CheckOptions& options = {}) {
  const auto problems = loaded.problems(options);
  INFO(join(problems, "\n"));
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems.front(), Catch::Contains(text));
}

}  // namespace

TEST_CASE("a whole store has no problems") {
  const Loaded loaded;
  const auto report = image::check_store(loaded.store, {.deep = true});
  REQUIRE(report);
  CHECK(report->problems.empty());
  CHECK(report->images == 1);
  CHECK(report->layers == 2);
  CHECK(report->blobs == 3);
}

TEST_CASE("a damaged layer is found by its size, and unpacked again") {
  const Loaded loaded;
  write_test_file(loaded.layer(0) + "/fs/twice", "1234");
  check_one(loaded, "bytes in files instead of 8");
  REQUIRE(remove_tree(loaded.layer(1)));
  CHECK(loaded.problems().size() == 2);
  const auto report = image::check_store(loaded.store, {.deep = false, .repair = true});
  CHECK(report->problems.empty());
  CHECK(report->repairs.size() == 2);
  CHECK(content_of(loaded.layer(0) + "/fs/twice") == "12345");
  CHECK(content_of(loaded.layer(1) + "/fs/etc/more") == "two");
  // A directory that only the layer below describes has its mode from there, as at first.
  CHECK((stat_of(loaded.layer(1) + "/fs/etc").st_mode & 07777) == 0750);
  CHECK(loaded.problems({.deep = true}).empty());
}

TEST_CASE("damaged and missing blobs are found") {
  const Loaded loaded;
  damage(loaded.blob(0));
  CHECK(loaded.problems().empty());  // its size is right
  check_one(loaded, "is damaged", {.deep = true});
  const auto report = image::check_store(loaded.store, {.deep = true, .repair = true});
  CHECK(report->repairs.size() == 1);
  check_one(loaded, "has no packed form here");
  REQUIRE(remove_tree(loaded.layer(0)));
  const auto again = image::check_store(loaded.store, {.deep = false, .repair = true});
  CHECK(again->problems.size() == 2);
  CHECK_THAT(join(again->problems, "\n"), Catch::Contains("can't be unpacked again"));
}

TEST_CASE("a wrong configuration, a damaged record and a name without image are found") {
  const Loaded loaded;
  const auto id = loaded.store.find("test")->id;
  damage(loaded.store.blob_path(id));
  check_one(loaded, "configuration is missing or damaged");
  REQUIRE(::unlink(loaded.store.blob_path(id).c_str()) == 0);
  check_one(loaded, "configuration is missing or damaged");
  const std::string record = loaded.store.root() + "/images/" + std::string(id.hex()) + ".json";
  write_test_file(record, "{");
  check_one(loaded, "is damaged");
  REQUIRE(::unlink(record.c_str()) == 0);
  check_one(loaded, "the name test:latest means an image that is not here");
  const auto report = image::check_store(loaded.store, {.deep = false, .repair = true});
  CHECK(report->problems.empty());
  CHECK(loaded.store.find("test").error().kind() == ErrorKind::kNotFound);
}
