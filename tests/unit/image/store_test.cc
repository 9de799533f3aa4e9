// The store on a real directory: names, removal, sharing, and what is left after a kill.
#include "image/store.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "tests/unit/image/store_fixture.h"

using image::Digest;
using image::NewImage;
using image::NewLayer;
using image::Reference;
using image::RemovalLines;
using image::Store;

namespace {

// An image with one layer for each digit of `layers`.
void publish(const Store& store, char id, const std::string& layers, const std::vector<Reference>& tags) {
  const auto staging = store.stage();
  REQUIRE(staging);
  NewImage image{
      digest(id), R"({"os":"linux","created":"2020-01-01T00:00:00Z","config":{"Cmd":["sh"]}})", {}, tags};
  for (const char digit : layers) {
    const auto present = store.pin_layer(*staging, digest(digit));
    image.layers.push_back(present ? NewLayer{digest(digit), digest(digit), present->size_bytes, ""}
                                   : staged_layer(*staging, digit));
  }
  REQUIRE(store.publish(*staging, image));
}

std::string error_of(const Result<RemovalLines>& result) {
  return result ? "" : result.error().text();
}

}  // namespace

TEST_CASE("an image is found by its names, its id and a prefix of it") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish(store, 'a', "12", {name("busybox"), name("quay.io/x/y:1")});
  for (const std::string& text :
       {std::string("busybox"), std::string("busybox:latest"), std::string("docker.io/library/busybox"),
        std::string("quay.io/x/y:1"), std::string("sha256:") + std::string(64, 'a'), std::string(64, 'a'),
        std::string("aaaa"), std::string("sha256:aa")}) {
    INFO(text);
    const auto image = store.find(text);
    REQUIRE(image);
    CHECK(image->id == digest('a'));
    CHECK(image->layer_directories() == std::vector<std::string>{std::string(16, '1'), std::string(16, '2')});
    CHECK(image->size_bytes == 20);
    CHECK(image->config.cmd == std::vector<std::string>{"sh"});
  }
  for (const char* text : {"busybox:1", "nothing", "quay.io/x/y", "ab", "a/b/c"}) {
    INFO(text);
    CHECK(store.find(text).error().kind() == ErrorKind::kNotFound);
  }
  CHECK(store.find("nothing").error().text() == "No such image: nothing:latest");
  CHECK(store.find("../../etc").error().text() == "invalid reference format");
  CHECK(store.inspect("busybox")->repo_tags == std::vector<std::string>{"busybox:latest", "quay.io/x/y:1"});
  CHECK(store.config_json(digest('a'))->find("linux") != std::string::npos);
}

TEST_CASE("a prefix of two ids is refused, a tag wins over a prefix") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish(store, 'a', "1", {name("abc")});
  const Digest other = *Digest::parse("sha256:aa" + std::string(62, 'b'));
  const auto staging = store.stage();
  REQUIRE(store.publish(*staging, NewImage{other, "{}", {}, {name("aaa")}}));
  CHECK(store.find("aa").error().text() == "multiple image ids found with provided prefix: aa");
  CHECK(store.find("aaa")->id == other);
  CHECK(store.find("aaaa")->id == digest('a'));
}

TEST_CASE("tags move, and are listed with their images") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish(store, 'a', "1", {name("one")});
  publish(store, 'b', "2", {name("two")});
  REQUIRE(store.tag("one", name("two")));
  CHECK(store.find("two")->id == digest('a'));
  const auto images = store.list();
  REQUIRE(images);
  REQUIRE(images->size() == 2);
  for (const auto& image : *images)
    CHECK(image.repo_tags.size() == (image.id == digest('a') ? 2 : 0));
  CHECK(store.tag("gone", name("x")).error().kind() == ErrorKind::kNotFound);
  CHECK(store.tag("one", name("x").with_digest(digest('c'))).error().kind() == ErrorKind::kInvalid);
  REQUIRE(store.untag(name("two")));
  CHECK(store.untag(name("two")).error().kind() == ErrorKind::kNotFound);
}

TEST_CASE("an empty store has no images and needs no directory") {
  const StoreFixture fixture;
  CHECK(fixture.store().list()->empty());
  CHECK(fixture.store().find("x").error().kind() == ErrorKind::kNotFound);
  CHECK_FALSE(path_exists(fixture.root()));
}

TEST_CASE("removing says what docker says and keeps shared layers") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish(store, 'a', "12", {name("one"), name("one:2")});
  publish(store, 'b', "13", {name("two")});
  const auto untagged = store.remove("one:2", {});
  REQUIRE(untagged);
  CHECK(*untagged == RemovalLines{"Untagged: one:2"});
  const auto removed = store.remove("one", {});
  REQUIRE(removed);
  CHECK(*removed == RemovalLines{"Untagged: one:latest", "Deleted: " + digest('a').text(),
                                 "Deleted: " + digest('2').text()});
  CHECK(fixture.has_layer('1'));
  CHECK_FALSE(fixture.has_layer('2'));
  CHECK(fixture.names("trash").empty());
  CHECK(store.remove("bb", {})->back() == "Deleted: " + digest('1').text());
  CHECK(fixture.names("layers").empty());
  CHECK(fixture.names("tags").empty());
  CHECK(fixture.names("blobs/sha256").empty());
  CHECK(error_of(store.remove("two", {})) == "No such image: two:latest");
}

TEST_CASE("removing what is ambiguous or used is refused, and forced as docker forces it") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish(store, 'a', "1", {name("one"), name("two")});
  CHECK(error_of(store.remove("aaa", {})) ==
        "conflict: unable to delete aaaaaaaaaaaa (must be forced) - image is referenced in multiple "
        "repositories");
  image::RemoveOptions used;
  used.user_of = [](const Digest&) { return image::ImageUser{"c0ffee", false}; };
  used.layers_in_use = {std::string(16, '1')};
  CHECK(store.remove("two", used));  // one of several names
  CHECK(
      error_of(store.remove("one", used)) ==
      "conflict: unable to remove repository reference \"one\" (must force) - container c0ffee is using its "
      "referenced image aaaaaaaaaaaa");
  CHECK(error_of(store.remove("aaa", used)) ==
        "conflict: unable to delete aaaaaaaaaaaa (must be forced) - image is being used by stopped container "
        "c0ffee");
  image::RemoveOptions running = used;
  running.force = true;
  running.user_of = [](const Digest&) { return image::ImageUser{"c0ffee", true}; };
  CHECK(
      error_of(store.remove("aaa", running)) ==
      "conflict: unable to delete aaaaaaaaaaaa (cannot be forced) - image is being used by running container "
      "c0ffee");
  used.force = true;
  CHECK(*store.remove("aaa", used) == RemovalLines{"Untagged: one:latest", "Deleted: " + digest('a').text()});
  CHECK(fixture.has_layer('1'));  // the container lives on it
  REQUIRE(store.prune_layers({std::string(16, '1')}));
  CHECK(fixture.has_layer('1'));
  REQUIRE(store.prune_layers({}));
  CHECK_FALSE(fixture.has_layer('1'));
}

TEST_CASE("two layers whose chain ids begin alike are a conflict, not one layer") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish(store, 'a', "1", {name("one")});
  const auto staging = store.stage();
  NewLayer layer = staged_layer(*staging, '1');
  layer.chain_id = *Digest::parse("sha256:" + std::string(16, '1') + std::string(48, '2'));
  const auto published = store.publish(*staging, NewImage{digest('b'), "{}", {layer}, {name("evil")}});
  REQUIRE_FALSE(published);
  CHECK(published.error().kind() == ErrorKind::kConflict);
  CHECK(store.pin_layer(*staging, layer.chain_id).error().kind() == ErrorKind::kNotFound);
  CHECK_FALSE(store.find("evil"));
}

TEST_CASE("a pinned layer outlives its image until the load ends") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish(store, 'a', "1", {name("one")});
  {
    const auto staging = store.stage();
    REQUIRE(store.pin_layer(*staging, digest('1')));
    REQUIRE(store.remove("one", {}));
    CHECK(fixture.has_layer('1'));
    const NewImage image{digest('b'), "{}", {NewLayer{digest('1'), digest('1'), 10, ""}}, {name("two")}};
    REQUIRE(store.publish(*staging, image));
  }
  CHECK(store.find("two")->layers.size() == 1);
  REQUIRE(store.prune_layers({}));
  CHECK(fixture.has_layer('1'));
  REQUIRE(store.remove("two", {}));
  CHECK_FALSE(fixture.has_layer('1'));
}

TEST_CASE("what a killed load left is cleaned by the next change, a living load is left alone") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  const auto living = store.stage();
  REQUIRE(living);
  const pid_t child = ::fork();
  if (child == 0) {
    // Dies with a staged layer and one that was published without a record.
    const auto staging = store.stage();
    staged_layer(*staging, '4');
    static_cast<void>(
        create_file(staging->path() + "/publishing", digest('a').text() + "\n" + std::string(16, '5')));
    static_cast<void>(make_directories(fixture.root() + "/layers/" + std::string(16, '5') + "/fs"));
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(fixture.names("staging").size() == 2);
  CHECK(fixture.has_layer('5'));
  REQUIRE(store.clean());
  CHECK(fixture.names("staging").size() == 1);
  CHECK(path_exists(living->path()));
  CHECK_FALSE(fixture.has_layer('5'));
  CHECK(fixture.names("trash").empty());
}

TEST_CASE("damaged records are named and stop nothing else") {
  const StoreFixture fixture;
  const Store store = fixture.store();
  publish(store, 'a', "1", {name("one")});
  publish(store, 'b', "2", {name("two")});
  REQUIRE(replace_file(fixture.root() + "/images/" + std::string(64, 'a') + ".json", "{\"version\":1"));
  CHECK(store.find("one").error().kind() == ErrorKind::kCorrupt);
  std::vector<std::string> problems;
  CHECK(store.list(&problems)->size() == 1);
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems.front(), Catch::StartsWith("the record of image aaaaaaaaaaaa is damaged"));
  REQUIRE(replace_file(fixture.root() + "/tags/docker.io!library!two/latest", "sha256:../../x"));
  CHECK(store.find("two").error().kind() == ErrorKind::kCorrupt);
  publish(store, 'c', "3", {name("three")});
  // A record that can't be read might need any layer.
  CHECK_FALSE(store.prune_layers({}));
  CHECK(fixture.has_layer('1'));
}

TEST_CASE("nothing in the store is open to others") {
  const StoreFixture fixture;
  publish(fixture.store(), 'a', "1", {name("one")});
  for (const char* part : {"", "/layers", "/images", "/tags", "/blobs", "/staging"}) {
    struct stat status = {};
    REQUIRE(::stat((fixture.root() + part).c_str(), &status) == 0);
    CHECK((status.st_mode & 077) == 0);
  }
}
